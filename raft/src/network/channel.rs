//! A connection whose ends know each other: messages, cut to frames, each encrypted under its number.
//!
//! ```text
//!   a frame:    its length (2 bytes) │ a message of Noise
//!   a message:  its length (4 bytes) │ its bytes, in one frame or several
//! ```

use std::io;

use snow::TransportState;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::Instant;

use super::hello::Terms;
use super::link::Link;
use super::noise::{MAX_MESSAGE_BYTES, TAG_BYTES};
use crate::boots::BootMark;
use crate::codec::{self, CodecError, Format, MAX_VALUE_BYTES};
use crate::model::Level;

/// The most that a frame holds.
const MAX_CONTENT_BYTES: usize = MAX_MESSAGE_BYTES - TAG_BYTES;
const LENGTH_BYTES: usize = 4;

/// Why a message did not get through. The connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the connection was lost")]
    Io(#[from] io::Error),
    #[error("a frame was not sent by the other end, or is out of order")]
    Forged,
    #[error("a frame cannot be encrypted")]
    Keys(#[source] snow::Error),
    #[error("a message of {bytes} bytes exceeds the limit of {MAX_VALUE_BYTES}")]
    TooLarge { bytes: usize },
    #[error("a message does not end where it should")]
    Malformed,
    #[error("a message cannot be understood")]
    Codec(#[from] CodecError),
    #[error("a message needs feature level {0}, which the other node does not support")]
    NotCommon(Level),
    #[error("the other end closed the connection")]
    Closed,
}

/// One end of a connection. No frame can be read, forged, left out, repeated or moved to another connection.
pub(crate) struct Channel {
    stream: BufReader<Link>,
    noise: TransportState,
    pub(super) terms: Terms,
    /// Where other nodes reach whoever called, as it says.
    pub(super) caller_address: Option<String>,
    /// Which start of its directory the other end is, where it says so and is a fellow.
    pub(super) boot: Option<BootMark>,
    pub(super) used: Instant,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({:?})", self.terms)
    }
}

impl Channel {
    pub(super) fn new(stream: BufReader<Link>, noise: TransportState, terms: Terms) -> Self {
        Self {
            stream,
            noise,
            terms,
            caller_address: None,
            boot: None,
            used: Instant::now(),
        }
    }

    /// Sends the frame that only who has the keys of this connection can send.
    pub(super) async fn prove_alive(&mut self) -> io::Result<()> {
        let mut frame = Vec::new();
        match self.seal(&[], &mut frame) {
            Ok(()) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
        self.stream.write_all(&frame).await?;
        self.stream.flush().await
    }

    /// Waits for that frame.
    pub(super) async fn expect_alive(&mut self) -> Result<(), ChannelError> {
        let mut content = Vec::new();
        match self.open(&mut content, TAG_BYTES).await? {
            Some(0) => Ok(()),
            Some(_) => Err(ChannelError::Malformed),
            None => Err(ChannelError::Closed),
        }
    }

    pub(super) async fn send<T: Format>(&mut self, message: &T) -> Result<(), ChannelError> {
        let needs = message.level();
        if needs > self.terms.version {
            return Err(ChannelError::NotCommon(needs));
        }
        let message = codec::encode(message)?;
        let too_large = |_| ChannelError::TooLarge { bytes: message.len() };
        let length = u32::try_from(message.len()).map_err(too_large)?.to_be_bytes();
        let (first, rest) = message.split_at(message.len().min(MAX_CONTENT_BYTES - LENGTH_BYTES));
        let first = [&length, first].concat();
        let mut frame = Vec::new();
        for content in [&first[..]].into_iter().chain(rest.chunks(MAX_CONTENT_BYTES)) {
            self.seal(content, &mut frame)?;
            self.stream.write_all(&frame).await?;
        }
        self.stream.flush().await?;
        self.used = Instant::now();
        Ok(())
    }

    pub(super) async fn receive<T: Format>(&mut self) -> Result<T, ChannelError> {
        let mut message = Vec::new();
        if self.open(&mut message, MAX_MESSAGE_BYTES).await?.is_none() {
            return Err(ChannelError::Closed);
        }
        let Some(length) = message.first_chunk::<LENGTH_BYTES>() else {
            return Err(ChannelError::Malformed);
        };
        let bytes = u32::from_be_bytes(*length) as usize;
        if bytes > MAX_VALUE_BYTES {
            return Err(ChannelError::TooLarge { bytes });
        }
        // The buffer grows with what arrives, not with what was announced.
        while message.len() < LENGTH_BYTES + bytes {
            match self.open(&mut message, MAX_MESSAGE_BYTES).await? {
                Some(1..) => {}
                Some(0) => return Err(ChannelError::Malformed),
                None => return Err(ChannelError::Io(io::ErrorKind::UnexpectedEof.into())),
            }
        }
        if message.len() > LENGTH_BYTES + bytes {
            return Err(ChannelError::Malformed);
        }
        self.used = Instant::now();
        Ok(codec::decode(&message[LENGTH_BYTES..], self.terms.version)?)
    }

    /// Puts a frame with this content into the buffer, and nothing else.
    fn seal(&mut self, content: &[u8], frame: &mut Vec<u8>) -> Result<(), ChannelError> {
        frame.clear();
        frame.resize(2 + content.len() + TAG_BYTES, 0);
        let (head, sealed) = frame.split_at_mut(2);
        let length = self
            .noise
            .write_message(content, sealed)
            .map_err(ChannelError::Keys)?;
        let length = u16::try_from(length).map_err(|_| ChannelError::Malformed)?;
        head.copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Reads a frame of at most so many bytes, and adds its content: how much that was. None: the other end closed the
    /// connection before it.
    async fn open(&mut self, content: &mut Vec<u8>, limit: usize) -> Result<Option<usize>, ChannelError> {
        let length = match self.stream.read_u16().await {
            Ok(length) => usize::from(length),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !(TAG_BYTES..=limit).contains(&length) {
            return Err(ChannelError::Malformed);
        }
        let mut sealed = vec![0; length];
        self.stream.read_exact(&mut sealed).await?;
        let before = content.len();
        content.resize(before + length - TAG_BYTES, 0);
        self.noise
            .read_message(&sealed, &mut content[before..])
            .map_err(|_| ChannelError::Forged)?;
        Ok(Some(length - TAG_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::super::handshake::tests::channels;
    use super::*;

    /// The bytes that go over the wire for a message that is sent twice, and an end that can read it.
    async fn wire(message: &str) -> (Vec<u8>, DuplexStream, Channel) {
        let (mut sender, mut receiver) = channels().await;
        let (near, mut far) = duplex(1024 * 1024);
        sender.stream = BufReader::new(Box::new(near));
        for _ in 0..2 {
            sender.send(&message.to_owned()).await.unwrap();
        }
        drop(sender);
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        let (near, far) = duplex(1024 * 1024);
        receiver.stream = BufReader::new(Box::new(far));
        (bytes, near, receiver)
    }

    /// The result of these bytes where the first message is expected.
    async fn received(bytes: &[u8], (mut near, mut receiver): (DuplexStream, Channel)) -> ChannelError {
        near.write_all(bytes).await.unwrap();
        drop(near);
        receiver.receive::<String>().await.unwrap_err()
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
    async fn messages_of_all_sizes_arrive_in_both_directions() {
        let (mut caller, mut server) = channels().await;
        let around = [0, 1, MAX_CONTENT_BYTES, 2 * MAX_CONTENT_BYTES, 1024 * 1024];
        for size in around
            .into_iter()
            .flat_map(|size| size.saturating_sub(14)..=size + 2)
        {
            let message = "x".repeat(size);
            let (sent, came) = tokio::join!(caller.send(&message), server.receive::<String>());
            sent.unwrap();
            assert!(came.unwrap() == message, "{size} bytes");
            let (sent, came) = tokio::join!(server.send(&size), caller.receive::<usize>());
            sent.unwrap();
            assert_eq!(came.unwrap(), size);
        }
    }

    #[tokio::test]
    async fn a_frame_that_was_changed_is_refused() {
        let length = wire("one").await.0.len() / 2;
        for at in 2..length {
            let (mut bytes, near, receiver) = wire("one").await;
            bytes[at] ^= 1;
            let error = received(&bytes, (near, receiver)).await;
            assert!(matches!(error, ChannelError::Forged), "byte {at}: {error}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_is_repeated_or_left_out_is_refused() {
        let (bytes, mut near, mut receiver) = wire("one").await;
        let (first, _) = bytes.split_at(bytes.len() / 2);
        near.write_all(&[first, first].concat()).await.unwrap();
        assert_eq!(receiver.receive::<String>().await.unwrap(), "one");
        assert!(matches!(
            receiver.receive::<String>().await,
            Err(ChannelError::Forged)
        ));
        let (bytes, near, receiver) = wire("one").await;
        let error = received(&bytes[bytes.len() / 2..], (near, receiver)).await;
        assert!(matches!(error, ChannelError::Forged), "{error}");
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_off_or_too_short_is_refused() {
        let (bytes, ..) = wire("one").await;
        for length in [0, 1] {
            let (_, near, receiver) = wire("one").await;
            let error = received(&bytes[..length], (near, receiver)).await;
            assert!(matches!(error, ChannelError::Closed), "{length} bytes: {error}");
        }
        for length in 2..bytes.len() / 2 {
            let (bytes, near, receiver) = wire("one").await;
            let error = received(&bytes[..length], (near, receiver)).await;
            assert!(matches!(error, ChannelError::Io(_)), "{length} bytes: {error}");
        }
        for length in [[0, 0], [0, 15]] {
            let (_, near, receiver) = wire("one").await;
            let error = received(&[&length[..], &[0; 100]].concat(), (near, receiver)).await;
            assert!(matches!(error, ChannelError::Malformed), "{error}");
        }
    }

    /// The error that comes of contents which a peer in its right mind does not send.
    async fn sent(contents: &[Vec<u8>]) -> ChannelError {
        let (mut sender, mut receiver) = channels().await;
        let sending = async move {
            for content in contents {
                let mut frame = Vec::new();
                sender.seal(content, &mut frame).unwrap();
                sender.stream.write_all(&frame).await.unwrap();
            }
        };
        let ((), came) = tokio::join!(sending, receiver.receive::<String>());
        came.unwrap_err()
    }

    #[tokio::test]
    async fn lengths_that_make_no_sense_are_refused_without_waiting_for_more() {
        let announced = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
        let error = sent(&[announced(MAX_VALUE_BYTES + 1).to_vec()]).await;
        assert!(matches!(error, ChannelError::TooLarge { .. }), "{error}");
        let error = sent(&[vec![0, 0]]).await;
        assert!(matches!(error, ChannelError::Malformed), "{error}");
        let more_than_announced = [&announced(2)[..], &[1, 2, 3]].concat();
        let error = sent(&[more_than_announced]).await;
        assert!(matches!(error, ChannelError::Malformed), "{error}");
        let error = sent(&[announced(2).to_vec(), vec![1, 2, 3]]).await;
        assert!(matches!(error, ChannelError::Malformed), "{error}");
        let error = sent(&[announced(2).to_vec(), Vec::new()]).await;
        assert!(
            matches!(error, ChannelError::Malformed),
            "empty frames without an end: {error}"
        );
    }

    #[tokio::test]
    async fn an_announced_length_allocates_nothing() {
        let (mut sender, mut receiver) = channels().await;
        let length = u32::try_from(MAX_VALUE_BYTES).unwrap().to_be_bytes();
        let mut frame = Vec::new();
        sender.seal(&length, &mut frame).unwrap();
        sender.stream.write_all(&frame).await.unwrap();
        drop(sender);
        let error = receiver.receive::<String>().await.unwrap_err();
        assert!(matches!(error, ChannelError::Io(_)), "{error}");
    }
}
