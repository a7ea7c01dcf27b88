//! A connection whose ends know each other: messages in frames, each with its number and a MAC.

use std::io;

use aws_lc_rs::hmac;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::frame;
use crate::codec::{self, CodecError, MAX_VALUE_BYTES};

const MAC_BYTES: usize = 32;

/// Why a message did not get through. The connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("a frame was not made by the other end, or not as the next one")]
    Forged,
    #[error("a message is not understood")]
    Codec(#[from] CodecError),
    #[error("the other end closed the connection")]
    Closed,
}

/// One end of a connection.
pub(crate) struct Channel {
    stream: TcpStream,
    to_send: Direction,
    to_receive: Direction,
    pub(super) used: Instant,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Channel")
    }
}

/// Frames one way: no frame can be forged, left out, repeated or moved to another connection.
struct Direction {
    key: hmac::Key,
    next: u64,
}

impl Direction {
    /// The MAC is made of the frame's number and its content.
    fn number(&mut self) -> [u8; 8] {
        let number = self.next;
        self.next += 1;
        number.to_be_bytes()
    }

    fn sign(&mut self, content: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.number());
        context.update(content);
        context.sign()
    }

    fn verify(&mut self, content: &[u8], tag: &[u8]) -> Result<(), ChannelError> {
        let expected = self.sign(content);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), tag)
            .map_err(|_| ChannelError::Forged)
    }
}

impl Channel {
    pub(super) fn new(stream: TcpStream, send: hmac::Key, receive: hmac::Key) -> Self {
        Self {
            stream,
            to_send: Direction { key: send, next: 0 },
            to_receive: Direction {
                key: receive,
                next: 0,
            },
            used: Instant::now(),
        }
    }

    pub(super) async fn send<T: serde::Serialize>(&mut self, message: &T) -> Result<(), ChannelError> {
        let content = codec::encode(message)?;
        let tag = self.to_send.sign(&content);
        frame::write(&mut self.stream, [&content, tag.as_ref()]).await?;
        self.used = Instant::now();
        Ok(())
    }

    pub(super) async fn receive<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ChannelError> {
        let Some(frame) = frame::read(&mut self.stream, MAX_VALUE_BYTES + MAC_BYTES).await? else {
            return Err(ChannelError::Closed);
        };
        let (content, tag) = frame
            .split_last_chunk::<MAC_BYTES>()
            .ok_or(ChannelError::Forged)?;
        self.to_receive.verify(content, tag)?;
        self.used = Instant::now();
        Ok(codec::decode(content)?)
    }
}
