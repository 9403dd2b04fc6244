//! Log records of the core on their way to the `logger` of their client.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Once, PoisonError, RwLock};
use std::time::Duration;

use codex_client::options::LogLevel;
use codex_client::trace::{self, Trace};
use napi::bindgen_prelude::{FnArgs, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::hooks::RecordSink;

/// A record's `level, target, message, fields` as JSON, to be called without keeping Node alive.
type Sink =
    ThreadsafeFunction<FnArgs<(String,)>, Unknown<'static>, FnArgs<(String,)>, Status, false, true, 10_000>;

/// Before a logger whose queue is full is asked again.
const FULL_PAUSE: Duration = Duration::from_millis(5);

struct Logger {
    level: LevelFilter,
    sink: Sink,
    /// The client is closed: what its last tasks say while they end is not heard any more.
    ended: bool,
}

static LOGGERS: RwLock<Option<HashMap<u64, Logger>>> = RwLock::new(None);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Sends the records of every client that has a logger to it. Once per process.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails only where the process has a subscriber of its own, which then gets the records.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(ToLoggers));
    });
}

/// Keeps a client's logger for as long as it lives.
pub(crate) struct Registration(u64);

impl Registration {
    /// Takes no record any more, and waits until the logger has had every one so far: what is asked of it last is
    /// answered last.
    pub(crate) async fn end(&self) {
        change(|loggers| {
            if let Some(logger) = loggers.get_mut(&self.0) {
                logger.ended = true;
            }
        });
        loop {
            let (sender, told) = oneshot::channel();
            let status = {
                let loggers = LOGGERS.read().unwrap_or_else(PoisonError::into_inner);
                let Some(logger) = loggers.as_ref().and_then(|loggers| loggers.get(&self.0)) else { return };
                let answer = move |_, _| {
                    let _ = sender.send(());
                    Ok(())
                };
                let nothing = (String::new(),).into();
                logger.sink.call_with_return_value(nothing, ThreadsafeFunctionCallMode::NonBlocking, answer)
            };
            match status {
                Status::Ok => return drop(told.await),
                Status::QueueFull => tokio::time::sleep(FULL_PAUSE).await,
                _ => return,
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        change(|loggers| drop(loggers.remove(&self.0)));
    }
}

/// Registers a logger, and gives the span whose records go to it.
pub(crate) fn register(
    logger: Option<&RecordSink<'_>>,
    level: LogLevel,
) -> Result<(tracing::Span, Option<Registration>)> {
    let Some(logger) = logger else { return Ok((tracing::Span::none(), None)) };
    let sink = logger
        .build_threadsafe_function()
        .callee_handled::<false>()
        .weak::<true>()
        .max_queue_size::<10_000>();
    let sink = sink.build()?;
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    change(|loggers| drop(loggers.insert(id, Logger { level, sink, ended: false })));
    Ok((tracing::error_span!(target: "codex_node", "client", id), Some(Registration(id))))
}

fn change(change: impl FnOnce(&mut HashMap<u64, Logger>)) {
    change(LOGGERS.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_default());
    // The most that any logger wants has changed: what is below it costs nothing again.
    tracing::callsite::rebuild_interest_cache();
}

struct ToLoggers;

/// The client that a span belongs to.
struct Client(u64);

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for ToLoggers {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        let loggers = LOGGERS.read().unwrap_or_else(PoisonError::into_inner);
        loggers.iter().flat_map(HashMap::values).any(|logger| *metadata.level() <= logger.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(client) = fields.0.get("id").and_then(Value::as_u64)
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().insert(Client(client));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let scope = context.event_scope(event).into_iter().flatten();
        let Some(client) = scope.filter_map(|span| Some(span.extensions().get::<Client>()?.0)).next() else {
            return;
        };
        let loggers = LOGGERS.read().unwrap_or_else(PoisonError::into_inner);
        let Some(logger) = loggers.as_ref().and_then(|loggers| loggers.get(&client)) else { return };
        let metadata = event.metadata();
        if logger.ended || *metadata.level() > logger.level {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some((trace, span)) = trace::current().as_ref().and_then(Trace::ids) {
            fields.0.insert("trace_id".to_owned(), trace.into());
            fields.0.insert("span_id".to_owned(), span.into());
        }
        let message = fields.0.remove("message").unwrap_or_else(|| Value::from(""));
        let level = metadata.level().as_str().to_ascii_lowercase();
        let record =
            json!({ "level": level, "target": metadata.target(), "message": message, "fields": fields.0 });
        // Where the host is behind by thousands of records the newest are lost, not its memory.
        logger.sink.call((record.to_string(),).into(), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
