//! Bytes both ways, whatever carries them.

use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways, whatever carries them.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connection of bytes.
pub type Stream = Box<dyn Bytes>;
