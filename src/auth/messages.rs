//! The bodies of SaslHandshake (17) and SaslAuthenticate (36). Every length is compared with what is left.

use bytes::{BufMut, BytesMut};

use super::Mechanism;
use crate::wire::Segments;

/// Kafka's SaslHandshake.
pub(super) const SASL_HANDSHAKE: i16 = 17;
/// Kafka's SaslAuthenticate.
pub(super) const SASL_AUTHENTICATE: i16 = 36;
/// SaslAuthenticate is flexible (KIP-482) from this version on.
const FIRST_FLEXIBLE_AUTHENTICATE: i16 = 2;
/// SaslAuthenticate's answer names the session's lifetime (KIP-368) from this version on.
const FIRST_LIFETIME_AUTHENTICATE: i16 = 1;
/// The longest lifetime that a client is told, about 25 days: timers of some clients hold 31 bits of milliseconds, and
/// fire at once when they are given more. Who logs in again earlier than it must does no harm.
const LONGEST_LIFETIME_MS: u64 = i32::MAX as u64;

/// Kafka error codes that a login can end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(super) enum SaslError {
    None = 0,
    UnsupportedMechanism = 33,
    IllegalState = 34,
    AuthenticationFailed = 58,
}

impl SaslError {
    /// The text that the client reads. It says nothing about which part of a credential was wrong.
    fn message(self) -> Option<&'static str> {
        match self {
            Self::None | Self::UnsupportedMechanism => None,
            Self::IllegalState => Some("SASL request in a state that does not allow it"),
            Self::AuthenticationFailed => Some("Authentication failed: invalid user name or password"),
        }
    }
}

/// A body that is not what its version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The mechanism that a SaslHandshake (0-1) asks for.
pub(super) fn parse_handshake(body: &[u8]) -> Result<&str, Malformed> {
    let (length, rest) = body.split_first_chunk::<2>().ok_or(Malformed)?;
    let length = usize::try_from(i16::from_be_bytes(*length)).map_err(|_| Malformed)?;
    if rest.len() != length {
        return Err(Malformed);
    }
    std::str::from_utf8(rest).map_err(|_| Malformed)
}

/// The SASL bytes of a SaslAuthenticate (0-2).
pub(super) fn parse_authenticate(version: i16, body: &[u8]) -> Result<&[u8], Malformed> {
    if version >= FIRST_FLEXIBLE_AUTHENTICATE {
        let (length, rest) = unsigned_varint(body)?;
        let length = length.checked_sub(1).ok_or(Malformed)?;
        let (token, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        skip_tags(rest)?;
        return Ok(token);
    }
    let (length, rest) = body.split_first_chunk::<4>().ok_or(Malformed)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| Malformed)?;
    if rest.len() == length {
        Ok(rest)
    } else {
        Err(Malformed)
    }
}

/// Goes over tagged fields, none of which means anything here, to the end of the body.
fn skip_tags(body: &[u8]) -> Result<(), Malformed> {
    let (count, mut rest) = unsigned_varint(body)?;
    for _ in 0..count {
        let (_tag, after) = unsigned_varint(rest)?;
        let (length, after) = unsigned_varint(after)?;
        rest = after.get(length..).ok_or(Malformed)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed) }
}

/// A varint of at most 5 bytes, and what follows it.
fn unsigned_varint(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| Malformed)?;
            return Ok((value as usize, &bytes[index + 1..]));
        }
    }
    Err(Malformed)
}

/// The answer to a SaslHandshake: what is offered, whatever the error.
pub(super) fn handshake_answer(correlation_id: i32, error: SaslError, offered: &[Mechanism]) -> Segments {
    let mut body = BytesMut::with_capacity(96);
    body.put_i32(correlation_id);
    body.put_i16(error as i16);
    body.put_i32(offered.len() as i32);
    for mechanism in offered {
        body.put_i16(mechanism.name().len() as i16);
        body.put_slice(mechanism.name().as_bytes());
    }
    frame(&body)
}

/// The answer to a SaslAuthenticate.
#[derive(Debug, Clone)]
pub(super) struct SaslAnswer<'a> {
    pub(super) error: SaslError,
    /// Instead of what usually goes with the error.
    pub(super) message: Option<&'a str>,
    /// The SASL message of the server.
    pub(super) bytes: &'a [u8],
    pub(super) lifetime_ms: u64,
}

impl SaslAnswer<'_> {
    /// A login that failed, or a request out of turn.
    pub(super) fn error(error: SaslError) -> Self {
        Self {
            error,
            message: None,
            bytes: &[],
            lifetime_ms: 0,
        }
    }
}

/// The answer to a SaslAuthenticate.
pub(super) fn authenticate_answer(version: i16, correlation_id: i32, answer: &SaslAnswer<'_>) -> Segments {
    let SaslAnswer {
        error, lifetime_ms, ..
    } = *answer;
    let flexible = version >= FIRST_FLEXIBLE_AUTHENTICATE;
    let mut body = BytesMut::with_capacity(96 + answer.bytes.len());
    body.put_i32(correlation_id);
    if flexible {
        body.put_u8(0);
    }
    body.put_i16(error as i16);
    match (answer.message.or_else(|| error.message()), flexible) {
        (None, true) => body.put_u8(0),
        (None, false) => body.put_i16(-1),
        (Some(message), true) => {
            put_varint(&mut body, message.len() + 1);
            body.put_slice(message.as_bytes());
        }
        (Some(message), false) => {
            body.put_i16(message.len() as i16);
            body.put_slice(message.as_bytes());
        }
    }
    if flexible {
        put_varint(&mut body, answer.bytes.len() + 1);
    } else {
        body.put_i32(answer.bytes.len() as i32);
    }
    body.put_slice(answer.bytes);
    if version >= FIRST_LIFETIME_AUTHENTICATE {
        body.put_i64(lifetime_ms.min(LONGEST_LIFETIME_MS) as i64);
    }
    if flexible {
        body.put_u8(0);
    }
    frame(&body)
}

/// The answer to a raw SASL message (after SaslHandshake v0): the server's, empty when it has nothing to say.
pub(super) fn raw_answer(bytes: &[u8]) -> Segments {
    frame(bytes)
}

fn put_varint(body: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        body.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    body.put_u8(value as u8);
}

fn frame(body: &[u8]) -> Segments {
    let mut frame = BytesMut::with_capacity(4 + body.len());
    frame.put_i32(body.len() as i32);
    frame.put_slice(body);
    Segments(smallvec::smallvec![frame.freeze()])
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, Bytes};
    use kafka_protocol::messages::{
        SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
    };
    use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

    use super::*;

    fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
        let mut buffer = BytesMut::new();
        message.encode(&mut buffer, version).unwrap();
        buffer.to_vec()
    }

    /// The body of a frame, after length prefix and response header.
    fn body_of(segments: &Segments, header_bytes: usize) -> Bytes {
        let mut frame = segments.0[0].clone();
        assert_eq!(frame.get_i32() as usize, frame.len());
        assert_eq!(frame.get_i32(), 77);
        frame.advance(header_bytes - 4);
        frame
    }

    #[test]
    fn requests_of_another_implementation_parse() {
        for version in 0..=1 {
            let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("PLAIN"));
            assert_eq!(parse_handshake(&encoded(&request, version)), Ok("PLAIN"));
        }
        for version in 0..=2 {
            for length in [0, 1, 200, 20_000] {
                let token = Bytes::from(vec![b'x'; length]);
                let request = SaslAuthenticateRequest::default().with_auth_bytes(token.clone());
                assert_eq!(
                    parse_authenticate(version, &encoded(&request, version)),
                    Ok(token.as_ref())
                );
            }
        }
    }

    #[test]
    fn unknown_tagged_fields_are_skipped() {
        assert_eq!(
            parse_authenticate(2, &[2, b'x', 1, 9, 2, 0, 0]),
            Ok(b"x".as_slice())
        );
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for body in [
            b"".as_slice(),
            b"\0",
            b"\0\x05PLAI",
            b"\0\x05PLAINX",
            b"\xff\xffPLAIN",
            b"\0\x01\xff",
        ] {
            assert_eq!(parse_handshake(body), Err(Malformed), "{body:?}");
        }
        for body in [
            b"".as_slice(),
            b"\x7f\xff\xff\xff",
            b"\xff\xff\xff\xff",
            b"\0\0\0\x01",
            b"\0\0\0\x01ab",
        ] {
            assert_eq!(parse_authenticate(1, body), Err(Malformed), "{body:?}");
        }
        let hostile: [&[u8]; 7] = [
            b"",
            b"\0\0",
            b"\x02a",
            b"\xff\xff\xff\xff\x0f\0",
            b"\xff\xff\xff\xff\xff\xff\0",
            b"\x02a\xff\xff\xff\xff\x0f",
            b"\x02a\0z",
        ];
        for body in hostile {
            assert_eq!(parse_authenticate(2, body), Err(Malformed), "{body:?}");
        }
    }

    #[test]
    fn another_implementation_reads_the_answers() {
        for version in 0..=1 {
            let mut body = body_of(
                &handshake_answer(77, SaslError::UnsupportedMechanism, &[Mechanism::Plain]),
                4,
            );
            let answer = SaslHandshakeResponse::decode(&mut body, version).unwrap();
            assert!(body.is_empty());
            assert_eq!(answer.error_code, 33);
            assert_eq!(answer.mechanisms, [StrBytes::from_static_str("PLAIN")]);
        }
        for version in 0..=2 {
            for error in [
                SaslError::None,
                SaslError::AuthenticationFailed,
                SaslError::IllegalState,
            ] {
                let header_bytes = if version == 2 { 5 } else { 4 };
                let long = "x".repeat(300);
                for (message, bytes) in [(None, "".as_bytes()), (Some(long.as_str()), long.as_bytes())] {
                    let answer = SaslAnswer {
                        error,
                        message,
                        bytes,
                        lifetime_ms: 5000,
                    };
                    let mut body = body_of(&authenticate_answer(version, 77, &answer), header_bytes);
                    let answer = SaslAuthenticateResponse::decode(&mut body, version).unwrap();
                    assert!(body.is_empty());
                    assert_eq!(answer.error_code, error as i16);
                    assert_eq!(
                        answer.error_message.as_deref(),
                        message.or_else(|| error.message())
                    );
                    assert_eq!(answer.auth_bytes, bytes);
                    assert_eq!(answer.session_lifetime_ms, if version == 0 { 0 } else { 5000 });
                }
            }
        }
    }
}
