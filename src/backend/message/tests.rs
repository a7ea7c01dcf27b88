//! Messages of brokers that lie about lengths and counts.

use kafka_protocol::messages::api_versions_response::{ApiVersion, SupportedFeatureKey};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, MetadataRequest, MetadataResponse, SaslAuthenticateRequest,
    SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use proptest::prelude::*;

use super::*;

const CORRELATION: i32 = 77;

fn answer<R: Request>(version: i16, body: &R::Response) -> Bytes {
    let mut out = BytesMut::new();
    ResponseHeader::default()
        .with_correlation_id(CORRELATION)
        .encode(&mut out, <R::Response as HeaderVersion>::header_version(version))
        .unwrap();
    body.encode(&mut out, version).unwrap();
    out.freeze()
}

fn metadata() -> MetadataResponse {
    let text = StrBytes::from_static_str;
    let partition = MetadataResponsePartition::default().with_replica_nodes(vec![BrokerId(1), BrokerId(2)]);
    MetadataResponse::default()
        .with_cluster_id(Some(text("cluster")))
        .with_brokers(vec![
            MetadataResponseBroker::default()
                .with_host(text("host"))
                .with_rack(Some(text("rack"))),
        ])
        .with_topics(vec![
            MetadataResponseTopic::default()
                .with_name(Some(text("topic").into()))
                .with_partitions(vec![partition; 2]),
        ])
}

fn api_versions() -> ApiVersionsResponse {
    ApiVersionsResponse::default()
        .with_api_keys(vec![ApiVersion::default(); 3])
        .with_supported_features(vec![
            SupportedFeatureKey::default()
                .with_name(StrBytes::from_static_str("feature"))
                .with_max_version(1),
        ])
}

/// Reads the answer, then with each place in it overwritten by lengths that promise far too much, then cut off.
/// None may take memory that the frame does not justify: that would abort the test, not fail it.
fn check<R: Request>(version: i16, body: &R::Response)
where
    R::Response: PartialEq + std::fmt::Debug,
{
    let good = answer::<R>(version, body);
    assert_eq!(response::<R>(CORRELATION, version, &good).unwrap(), *body);
    let lies: [&[u8]; 4] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0x07],
        &[0x7f, 0xff],
    ];
    for at in 0..good.len() {
        for lie in lies {
            let mut bad = good.to_vec();
            let end = bad.len().min(at + lie.len());
            bad[at..end].copy_from_slice(&lie[..end - at]);
            let _ = response::<R>(CORRELATION, version, &Bytes::from(bad));
        }
        assert!(
            response::<R>(CORRELATION, version, &good.slice(..at)).is_err(),
            "cut off at {at}"
        );
    }
    let longer = [&good[..], &[0]].concat();
    assert!(response::<R>(CORRELATION, version, &Bytes::from(longer)).is_err());
    let other = response::<R>(CORRELATION + 1, version, &good);
    assert!(matches!(other, Err(MessageError::Correlation)));
}

#[test]
fn lying_lengths_cost_nothing() {
    for version in 9..=12 {
        check::<MetadataRequest>(version, &metadata());
    }
    check::<ApiVersionsRequest>(0, &ApiVersionsResponse::default());
    for version in 3..=4 {
        check::<ApiVersionsRequest>(version, &api_versions());
    }
    let handshake =
        SaslHandshakeResponse::default().with_mechanisms(vec![StrBytes::from_static_str("PLAIN")]);
    check::<SaslHandshakeRequest>(1, &handshake);
    for version in 1..=2 {
        let body = SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from_static(b"bytes"));
        check::<SaslAuthenticateRequest>(version, &body);
    }
}

#[test]
fn the_smallest_lie_is_refused() {
    // Metadata 1: a correlation id, then a number of brokers that would take 154 GB.
    let frame = Bytes::from_static(&[0, 0, 0, 77, 0x7f, 0xff, 0xff, 0xff]);
    let outcome = response::<MetadataRequest>(CORRELATION, 1, &frame);
    assert!(matches!(outcome, Err(MessageError::Read(_))));
}

proptest! {
    #[test]
    fn noise_is_never_a_disaster(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let frame = Bytes::from([&CORRELATION.to_be_bytes()[..], &noise].concat());
        let _ = response::<MetadataRequest>(CORRELATION, 12, &frame);
        let _ = response::<ApiVersionsRequest>(CORRELATION, 4, &frame);
        let _ = response::<SaslHandshakeRequest>(CORRELATION, 1, &frame);
        let _ = response::<SaslAuthenticateRequest>(CORRELATION, 2, &frame);
    }
}
