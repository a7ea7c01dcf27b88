//! A connection whose ends know each other: messages in frames, each encrypted under its number.

use std::io;

use aws_lc_rs::aead::{
    AES_256_GCM, Aad, BoundKey, NONCE_LEN, Nonce, NonceSequence, OpeningKey, SealingKey, UnboundKey,
};
use aws_lc_rs::error::Unspecified;
use tokio::time::Instant;

use super::frame;
use super::link::Link;
use crate::codec::{self, CodecError, MAX_VALUE_BYTES};

/// The largest frame: a value and its tag.
const MAX_FRAME_BYTES: usize = MAX_VALUE_BYTES + 16;

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

/// One end of a connection. No frame can be read, forged, left out, repeated or moved to another connection.
pub(crate) struct Channel {
    stream: Link,
    to_send: SealingKey<Number>,
    to_receive: OpeningKey<Number>,
    pub(super) used: Instant,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Channel")
    }
}

/// Numbers the frames of one direction. Its key belongs to one connection, so no number is used twice with it.
struct Number(u64);

impl NonceSequence for Number {
    fn advance(&mut self) -> Result<Nonce, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&self.0.to_be_bytes());
        self.0 = self.0.checked_add(1).ok_or(Unspecified)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}

/// The keys of one end, one per direction.
pub(super) struct Keys {
    pub(super) send: [u8; 32],
    pub(super) receive: [u8; 32],
}

impl Channel {
    pub(super) fn new(stream: Link, keys: &Keys) -> Result<Self, Unspecified> {
        Ok(Self {
            stream,
            to_send: SealingKey::new(UnboundKey::new(&AES_256_GCM, &keys.send)?, Number(0)),
            to_receive: OpeningKey::new(UnboundKey::new(&AES_256_GCM, &keys.receive)?, Number(0)),
            used: Instant::now(),
        })
    }

    pub(super) async fn send<T: serde::Serialize>(&mut self, message: &T) -> Result<(), ChannelError> {
        let mut frame = codec::encode(message)?;
        self.to_send
            .seal_in_place_append_tag(Aad::empty(), &mut frame)
            .map_err(|_| io::Error::other("the message cannot be encrypted"))?;
        frame::write(&mut self.stream, &frame).await?;
        self.used = Instant::now();
        Ok(())
    }

    pub(super) async fn receive<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ChannelError> {
        let Some(mut frame) = frame::read(&mut self.stream, MAX_FRAME_BYTES).await? else {
            return Err(ChannelError::Closed);
        };
        let content = self
            .to_receive
            .open_in_place(Aad::empty(), &mut frame)
            .map_err(|_| ChannelError::Forged)?;
        self.used = Instant::now();
        Ok(codec::decode(content)?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// What goes over the wire for `message`, sent twice, and an end that can read it.
    async fn wire(message: &str) -> (Vec<u8>, TcpStream, Channel) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let mut sender = Channel::new(
            Box::new(near),
            &Keys {
                send: [1; 32],
                receive: [2; 32],
            },
        )
        .unwrap();
        for _ in 0..2 {
            sender.send(&message.to_owned()).await.unwrap();
        }
        drop(sender);
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let receiver = Channel::new(
            Box::new(far),
            &Keys {
                send: [2; 32],
                receive: [1; 32],
            },
        )
        .unwrap();
        (bytes, near, receiver)
    }

    #[tokio::test]
    async fn messages_arrive_and_cannot_be_read_on_the_way() {
        let (bytes, mut near, mut receiver) = wire("a signing key").await;
        assert!(!bytes.windows(7).any(|window| window == b"signing"));
        let (first, second) = bytes.split_at(bytes.len() / 2);
        assert_ne!(first, second, "the same message looks different the second time");
        near.write_all(&bytes).await.unwrap();
        drop(near);
        for _ in 0..2 {
            assert_eq!(receiver.receive::<String>().await.unwrap(), "a signing key");
        }
        assert!(matches!(
            receiver.receive::<String>().await,
            Err(ChannelError::Closed)
        ));
    }

    #[tokio::test]
    async fn a_frame_that_was_changed_is_refused() {
        let (mut bytes, mut near, mut receiver) = wire("one").await;
        bytes[6] ^= 1;
        near.write_all(&bytes).await.unwrap();
        assert!(matches!(
            receiver.receive::<String>().await,
            Err(ChannelError::Forged)
        ));
    }

    #[tokio::test]
    async fn a_frame_that_is_repeated_or_left_out_is_refused() {
        let (bytes, mut near, mut receiver) = wire("one").await;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        near.write_all(&[first, first].concat()).await.unwrap();
        assert_eq!(receiver.receive::<String>().await.unwrap(), "one");
        assert!(matches!(
            receiver.receive::<String>().await,
            Err(ChannelError::Forged)
        ));
        let (_, mut near, mut receiver) = wire("one").await;
        near.write_all(second).await.unwrap();
        assert!(matches!(
            receiver.receive::<String>().await,
            Err(ChannelError::Forged)
        ));
    }
}
