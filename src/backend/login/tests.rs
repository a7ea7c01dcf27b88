//! Logins with scripted answers.

use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiKey, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::*;
use crate::secret::Secret;

/// A request as the broker sees it.
struct Asked {
    key: i16,
    version: i16,
    correlation: i32,
    body: Bytes,
}

fn asked(frame: &Bytes) -> Asked {
    let number = |at: usize| i16::from_be_bytes([frame[at], frame[at + 1]]);
    let length = u32::from_be_bytes(frame[..4].try_into().unwrap());
    assert_eq!(length as usize, frame.len() - 4);
    let (key, version) = (number(4), number(6));
    let mut body = frame.slice(4..);
    let header_version = ApiKey::try_from(key).unwrap().request_header_version(version);
    let header = kafka_protocol::messages::RequestHeader::decode(&mut body, header_version).unwrap();
    Asked {
        key,
        version,
        correlation: header.correlation_id,
        body,
    }
}

fn answer(to: &Asked, body_version: i16, body: &impl Encodable) -> Bytes {
    let mut out = BytesMut::new();
    let header_version = ApiKey::try_from(to.key)
        .unwrap()
        .response_header_version(to.version);
    ResponseHeader::default()
        .with_correlation_id(to.correlation)
        .encode(&mut out, header_version)
        .unwrap();
    body.encode(&mut out, body_version).unwrap();
    out.freeze()
}

fn offers(apis: &[(i16, i16, i16)]) -> ApiVersionsResponse {
    let api = |&(key, low, high): &(i16, i16, i16)| {
        ApiVersion::default()
            .with_api_key(key)
            .with_min_version(low)
            .with_max_version(high)
    };
    ApiVersionsResponse::default().with_api_keys(apis.iter().map(api).collect())
}

fn credentials() -> PlainLogin {
    PlainLogin {
        username: "gateway".to_owned(),
        password: Secret::new("hunter2"),
    }
}

fn next(step: LoginStep) -> Bytes {
    match step {
        LoginStep::Send(frame) => frame,
        other => panic!("done: {other:?}"),
    }
}

/// Goes as far as the handshake's answer, or the token's when there is one; each request is answered as given.
fn check(
    handshake: &SaslHandshakeResponse,
    token: Option<&SaslAuthenticateResponse>,
) -> Result<Option<Duration>, LoginError> {
    let credentials = credentials();
    let (mut login, frame) = LoginSteps::start(Some(Proof::Plain(&credentials))).unwrap();
    let to = asked(&frame);
    let step = login.receive(&answer(&to, to.version, &offers(&[(17, 0, 1), (36, 0, 2)])))?;
    let to = asked(&next(step));
    assert_eq!((to.key, to.version), (17, 1));
    let mut step = login.receive(&answer(&to, to.version, handshake))?;
    if let Some(token) = token {
        let to = asked(&next(step));
        assert_eq!((to.key, to.version), (36, 2));
        let request = SaslAuthenticateRequest::decode(&mut to.body.clone(), 2).unwrap();
        assert_eq!(&request.auth_bytes[..], b"\0gateway\0hunter2");
        step = login.receive(&answer(&to, to.version, token))?;
    }
    match step {
        LoginStep::Done(done) => Ok(done.lifetime),
        other => panic!("more: {other:?}"),
    }
}

fn shaken(code: i16) -> SaslHandshakeResponse {
    SaslHandshakeResponse::default()
        .with_error_code(code)
        .with_mechanisms(vec![StrBytes::from_static_str("GSSAPI")])
}

fn judged(code: i16, lifetime_ms: i64) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default()
        .with_error_code(code)
        .with_error_message(Some(StrBytes::from_static_str("no")))
        .with_session_lifetime_ms(lifetime_ms)
}

#[test]
fn without_credentials_the_versions_are_enough() {
    let (mut login, frame) = LoginSteps::start(None).unwrap();
    let to = asked(&frame);
    assert_eq!((to.key, to.version), (18, 4));
    let feature = StrBytes::from_static_str("group.version");
    let body = offers(&[(0, 3, 13)])
        .with_supported_features(vec![
            SupportedFeatureKey::default()
                .with_name(feature.clone())
                .with_min_version(0)
                .with_max_version(1),
        ])
        .with_finalized_features(vec![
            FinalizedFeatureKey::default()
                .with_name(feature)
                .with_max_version_level(1)
                .with_min_version_level(1),
        ])
        .with_finalized_features_epoch(77);
    let LoginStep::Done(done) = login.receive(&answer(&to, 4, &body)).unwrap() else {
        panic!("one request is enough");
    };
    let name = || "group.version".to_owned();
    assert_eq!(done.lifetime, None);
    assert_eq!(done.offer.apis.0[&0], (3, 13));
    assert_eq!(done.offer.features.supported, [(name(), 0, 1)]);
    assert_eq!(done.offer.features.finalized, [(name(), 1, 1)]);
    assert_eq!(done.offer.features.finalized_epoch, 77);
}

#[test]
fn an_older_broker_is_asked_in_its_version() {
    let (mut login, frame) = LoginSteps::start(None).unwrap();
    let refusal = offers(&[(18, 0, 3)]).with_error_code(UNSUPPORTED_VERSION);
    let frame = next(login.receive(&answer(&asked(&frame), 0, &refusal)).unwrap());
    let to = asked(&frame);
    assert_eq!((to.key, to.version), (18, 3));
    let step = login.receive(&answer(&to, 3, &offers(&[(0, 0, 11)]))).unwrap();
    assert!(matches!(step, LoginStep::Done(done) if done.offer.apis.0[&0] == (0, 11)));

    let (mut login, frame) = LoginSteps::start(None).unwrap();
    let frame = next(login.receive(&answer(&asked(&frame), 0, &refusal)).unwrap());
    let outcome = login.receive(&answer(&asked(&frame), 0, &refusal));
    assert!(matches!(outcome, Err(LoginError::TooOld { .. })));
}

#[test]
fn credentials_are_accepted_with_and_without_lifetime() {
    let check = |ms| check(&shaken(0), Some(&judged(0, ms))).unwrap();
    assert_eq!(check(0), None);
    assert_eq!(check(3_600_000), Some(Duration::from_secs(3600)));
    assert_eq!(check(-1), None);
}

#[test]
fn each_refusal_is_named() {
    let refused = check(&shaken(0), Some(&judged(SASL_AUTHENTICATION_FAILED, 0)));
    assert!(matches!(refused, Err(LoginError::Refused { text }) if text == "no"));
    let mechanism = check(&shaken(UNSUPPORTED_SASL_MECHANISM), None);
    assert!(
        matches!(mechanism, Err(LoginError::Mechanism { wanted: "PLAIN", offered }) if offered == ["GSSAPI"])
    );
    assert!(matches!(
        check(&shaken(ILLEGAL_SASL_STATE), None),
        Err(LoginError::NoSasl)
    ));
    assert!(matches!(
        check(&shaken(-1), None),
        Err(LoginError::Code { code: -1, .. })
    ));
    let other = check(&shaken(0), Some(&judged(-1, 0)));
    assert!(matches!(other, Err(LoginError::Code { code: -1, .. })));
}

#[test]
fn a_broker_without_token_exchange_is_too_old() {
    let credentials = credentials();
    let (mut login, frame) = LoginSteps::start(Some(Proof::Plain(&credentials))).unwrap();
    let outcome = login.receive(&answer(&asked(&frame), 4, &offers(&[(17, 0, 0)])));
    assert!(matches!(outcome, Err(LoginError::TooOld { .. })));
}

#[test]
fn what_is_no_answer_is_refused() {
    let check = |change: fn(BytesMut) -> BytesMut| {
        let (mut login, frame) = LoginSteps::start(None).unwrap();
        let good = answer(&asked(&frame), 4, &offers(&[(0, 3, 13)]));
        login
            .receive(&change(BytesMut::from(&good[..])).freeze())
            .map(|_| ())
    };
    assert!(check(|frame| frame).is_ok());
    assert!(check(|_| BytesMut::new()).is_err());
    let cut_off = |mut frame: BytesMut| {
        frame.truncate(frame.len() - 1);
        frame
    };
    assert!(check(cut_off).is_err());
    let longer = |mut frame: BytesMut| {
        frame.put_u8(0);
        frame
    };
    assert!(check(longer).is_err());
    let of_another = |mut frame: BytesMut| {
        frame[3] ^= 1;
        frame
    };
    assert!(matches!(
        check(of_another),
        Err(LoginError::Message(MessageError::Correlation))
    ));
}
