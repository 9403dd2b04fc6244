//! Requests that an overloaded server refuses, asked again.

use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::Instant;

use crate::Error;
use crate::rpc::RawAnswer;

/// Asks again, later and later, while the server says that it is overloaded and there is time left.
pub(crate) async fn retry_overload<F: Future<Output = RawAnswer>>(
    deadline: Instant,
    ask: impl FnMut() -> F,
) -> RawAnswer {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(2))
        .with_max_times(3)
        .with_jitter();
    ask.retry(backoff)
        .when(Error::is_overload)
        .adjust(|_, delay| delay.filter(|delay| Instant::now() + *delay < deadline))
        .notify(|_, delay| tracing::info!(?delay, "codex is overloaded; asking again"))
        .await
}
