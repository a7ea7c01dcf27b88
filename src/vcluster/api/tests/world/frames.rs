//! Requests and answers as bytes.

use super::*;

pub(in crate::vcluster::api::tests) fn encode_request<Q: Request>(version: i16, request: &Q) -> Bytes {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .with_correlation_id(CORRELATION_ID)
        .with_client_id(Some(text("client")));
    header.encode(&mut frame, Q::header_version(version)).unwrap();
    request.encode(&mut frame, version).unwrap();
    frame.freeze()
}

/// The request that a frame to a broker holds.
pub(in crate::vcluster::api::tests) fn decode_request<Q: Request>(version: i16, frame: &Segments) -> Q {
    let mut bytes = without_length(frame);
    let header = RequestHeader::decode(&mut bytes, Q::header_version(version)).unwrap();
    assert_eq!(header.correlation_id, CORRELATION_ID);
    assert_eq!(
        (header.request_api_key, header.request_api_version),
        (Q::KEY, version)
    );
    let request = Q::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty(), "{} bytes follow the request", bytes.len());
    request
}

pub(in crate::vcluster::api::tests) fn encode_response<Q: Request>(
    version: i16,
    response: &Q::Response,
) -> Bytes {
    let mut frame = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(CORRELATION_ID);
    header
        .encode(&mut frame, Q::Response::header_version(version))
        .unwrap();
    response.encode(&mut frame, version).unwrap();
    frame.freeze()
}

pub(in crate::vcluster::api::tests) fn decode_response<Q: Request>(
    version: i16,
    frame: &Segments,
) -> Q::Response {
    let mut bytes = without_length(frame);
    let header = ResponseHeader::decode(&mut bytes, Q::Response::header_version(version)).unwrap();
    assert_eq!(header.correlation_id, CORRELATION_ID);
    let response = Q::Response::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty(), "{} bytes follow the response", bytes.len());
    response
}

fn without_length(frame: &Segments) -> Bytes {
    let mut bytes = frame.joined();
    let length = bytes.split_to(4);
    assert_eq!(length[..], u32::try_from(bytes.len()).unwrap().to_be_bytes());
    bytes
}
