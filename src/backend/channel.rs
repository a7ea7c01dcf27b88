//! One request, one answer, over a stream to a broker: what the gateway asks for itself. Clients' requests go over lanes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::protocol::Request;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::backend::message::{self, MessageError};
use crate::metrics::UpstreamFault;
use crate::stream::Stream;

/// The longest answer that is read, in bytes: metadata of more than 100,000 partitions.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// How much memory a length prefix alone can make us reserve, in bytes.
const READ_STEP_BYTES: usize = 64 << 10;

/// Why a request of the gateway's own was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("the connection was lost")]
    Broken(#[source] io::Error),
    #[error("the broker announced an answer of {length} bytes")]
    Length { length: i32 },
    #[error("the broker and the gateway do not understand each other")]
    Message(#[from] MessageError),
}

impl ChannelError {
    /// The label of this error in metrics.
    pub fn kind(&self) -> UpstreamFault {
        match self {
            // With TLS 1.3 a broker refuses the client's certificate only after the handshake.
            Self::Broken(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                UpstreamFault::Tls
            }
            Self::Broken(_) => UpstreamFault::Broken,
            Self::Length { .. } | Self::Message(_) => UpstreamFault::Protocol,
        }
    }
}

/// A connection with at most one request in flight.
#[derive(Debug)]
pub(crate) struct Channel<S = Stream> {
    stream: S,
    correlation: i32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            correlation: 0,
        }
    }

    /// Gives up the stream. No request is in flight then.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Sends a request and reads its answer. After an error the channel is of no use.
    pub(crate) async fn call<R: Request>(
        &mut self,
        version: i16,
        body: &R,
    ) -> Result<R::Response, ChannelError> {
        self.correlation = self.correlation.wrapping_add(1);
        let frame = message::request(self.correlation, version, body)?;
        let answer = self.exchange(&frame).await?;
        Ok(message::response::<R>(self.correlation, version, &answer)?)
    }

    /// Writes a whole frame and reads the next one, which is returned without its length prefix.
    pub(crate) async fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, ChannelError> {
        let stream = &mut self.stream;
        stream.write_all(frame).await.map_err(ChannelError::Broken)?;
        stream.flush().await.map_err(ChannelError::Broken)?;
        let length = stream.read_i32().await.map_err(ChannelError::Broken)?;
        let expected = usize::try_from(length)
            .ok()
            .filter(|&length| length <= MAX_ANSWER_BYTES)
            .ok_or(ChannelError::Length { length })?;
        read_exactly(stream, expected).await.map_err(ChannelError::Broken)
    }
}

/// Memory grows with what has arrived, not with what was announced.
async fn read_exactly(stream: &mut (impl AsyncRead + Unpin), expected: usize) -> io::Result<Bytes> {
    let mut answer = BytesMut::new();
    while answer.remaining() < expected {
        let missing = expected - answer.remaining();
        answer.reserve(missing.min(READ_STEP_BYTES));
        let mut part = (&mut *stream).take(missing as u64);
        if part.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(answer.freeze())
}
