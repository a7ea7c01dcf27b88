//! The few Kafka messages that the gateway itself sends to a broker and reads from it. Pure: bytes in, bytes out.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::wire::{Detail, Tape, WireError, walk_response};

/// The client id of the gateway's own requests, as it appears in a broker's metrics.
const CLIENT_ID: &str = "klamm";

/// Kafka's error code for a version that the broker does not know.
pub(crate) const UNSUPPORTED_VERSION: i16 = 35;

/// Why a message could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("the request cannot be written in a version that the broker supports")]
    Write,
    #[error("the broker's answer cannot be parsed")]
    Read(#[source] WireError),
    #[error("the broker's answer contains an invalid value")]
    Value,
    #[error("the broker answered a different request")]
    Correlation,
}

/// A request of the gateway's own as a whole frame, length prefix included.
pub(crate) fn request<R: Request>(correlation: i32, version: i16, body: &R) -> Result<Bytes, MessageError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header
        .encode(&mut frame, R::header_version(version))
        .and_then(|()| body.encode(&mut frame, version))
        .map_err(|_| MessageError::Write)?;
    let length = i32::try_from(frame.len() - 4).map_err(|_| MessageError::Write)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// Reads the answer to a request `R` from a frame without its length prefix.
///
/// The frame is walked first: the decoder takes memory for as many items as a count announces, so it sees no count that
/// the frame does not hold.
pub(crate) fn response<R: Request>(
    correlation: i32,
    version: i16,
    frame: &Bytes,
) -> Result<R::Response, MessageError> {
    let version = body_version::<R>(version, frame);
    walk_response((R::KEY, version), frame, Detail::Classified, &mut Tape::new())
        .map_err(MessageError::Read)?;
    let mut rest = frame.clone();
    let header_version = <R::Response as HeaderVersion>::header_version(version);
    let header = ResponseHeader::decode(&mut rest, header_version).map_err(|_| MessageError::Value)?;
    if header.correlation_id != correlation {
        return Err(MessageError::Correlation);
    }
    R::Response::decode(&mut rest, version).map_err(|_| MessageError::Value)
}

/// A broker that does not know a version of ApiVersions says so in version 0 (KIP-511).
fn body_version<R: Request>(version: i16, frame: &Bytes) -> i16 {
    let refused =
        R::KEY == ApiVersionsRequest::KEY && frame.get(4..6) == Some(&UNSUPPORTED_VERSION.to_be_bytes());
    if refused { 0 } else { version }
}

#[cfg(test)]
mod tests;
