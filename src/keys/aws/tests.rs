//! The client of AWS KMS against a service that answers as it is told: what it asks, and what it says of answers.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::chain::Chain;
use crate::keys::testing::{PLAINTEXT, Service};
use crate::tls::Trust;

/// As they are in the files.
const SECRET: &str = "hunter2/secret";
const TOKEN: &str = "hunter2/token";

fn client(service: &Service, dir: &Path) -> Aws {
    let file = |name: &str, text: &str| {
        fs::write(dir.join(name), text).unwrap();
        CredentialPlace::File(dir.join(name))
    };
    let config = AwsConfig {
        key: "alias/orders".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: service.url.parse().unwrap(),
        trust: Trust::System,
        credentials: AwsCredentialPlaces {
            id: file("id", "AKID"),
            secret: file("secret", SECRET),
            token: Some(file("token", TOKEN)),
        },
        record_key: None,
    };
    Aws::new(&config).unwrap()
}

fn opened(aws: &Aws, wrapped: &[&[u8]]) -> (Vec<bool>, Option<String>) {
    let mut opened = OpenedBytes::new();
    let done = aws.open(wrapped, &mut opened);
    let why = done.err().map(|error| Chain(&error).to_string());
    (opened.iter().map(Option::is_some).collect(), why)
}

#[test]
fn data_keys_are_made_and_opened_by_signed_calls() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let aws = client(&service, dir.path());
    let wrapped = STANDARD.encode(b"wrapped");
    service.answers(
        200,
        json!({ "Plaintext": PLAINTEXT, "CiphertextBlob": wrapped, "KeyId": "arn" }),
    );
    let (key, carried) = aws.data_key().unwrap();
    assert_eq!(
        (&*carried, STANDARD.encode(*key)),
        (&b"wrapped"[..], PLAINTEXT.to_owned())
    );
    service.answers(200, json!({ "Plaintext": PLAINTEXT, "KeyId": "arn" }));
    assert_eq!(opened(&aws, &[b"wrapped", b"other"]), (vec![true, true], None));
    let asked = service.asked.lock().unwrap().clone();
    let bodies: Vec<_> = asked.into_iter().map(|(_, body)| body).collect();
    assert_eq!(
        bodies,
        [
            json!({ "KeyId": "alias/orders", "KeySpec": "AES_256" }),
            json!({ "KeyId": "alias/orders", "CiphertextBlob": wrapped }),
            json!({ "KeyId": "alias/orders", "CiphertextBlob": STANDARD.encode(b"other") }),
        ]
    );
    let head = service.heads.lock().unwrap()[0].join("\n");
    for line in [
        "post / http/1.1",
        "content-type: application/x-amz-json-1.1",
        "x-amz-target: trentservice.generatedatakey",
        "x-amz-security-token: hunter2/token",
        "/eu-central-1/kms/aws4_request, signedheaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
}

#[test]
fn what_is_not_of_this_key_is_no_trouble_with_the_key() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let aws = client(&service, dir.path());
    for word in [
        "InvalidCiphertextException",
        "com.amazonaws.kms#IncorrectKeyException",
    ] {
        service.answers(400, json!({ "__type": word }));
        assert_eq!(opened(&aws, &[b"other"]), (vec![false], None), "{word}");
    }
    let before = service.calls();
    let long = vec![1; MOST_WRAPPED_BYTES + 1];
    assert_eq!(opened(&aws, &[b"", &long]), (vec![false, false], None));
    assert_eq!(
        service.calls(),
        before,
        "it is not asked for what it would not look at"
    );
}

#[test]
fn refusals_are_told_with_their_remedy_and_nothing_else() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let aws = client(&service, dir.path());
    let echo = format!("The canonical string is {SECRET} {TOKEN}");
    for (status, word, part) in [
        (400, "AccessDeniedException", "kms:GenerateDataKey"),
        (400, "com.amazonaws.kms#DisabledException", "is disabled"),
        (400, "KMSInvalidStateException", "about to be deleted"),
        (400, "NotFoundException", "no such key in this region"),
        (400, "ThrottlingException", "too many calls"),
        (400, "UnrecognizedClientException", "have expired"),
        (403, "InvalidSignatureException", "another region"),
        (500, "KMSInternalException", "with KMSInternalException"),
        (503, "<html> hunter2", "the status 503"),
    ] {
        service.answers(
            status,
            json!({ "__type": word, "message": echo, "Message": echo }),
        );
        let error = aws.data_key().err().unwrap();
        let why = format!("{} {error:?} {aws:?}", Chain(&error));
        assert!(
            why.contains(part) && why.contains("eu-central-1"),
            "{word}: {why}"
        );
        assert!(!why.contains("hunter2") && !why.contains("canonical"), "{why}");
        let (opened, why) = opened(&aws, &[b"wrapped"]);
        assert!(opened.is_empty() && why.is_some(), "{word}");
    }
}

#[test]
fn what_was_opened_before_a_refusal_is_kept() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let aws = client(&service, dir.path());
    service.answers_in_turn([
        (200, json!({ "Plaintext": PLAINTEXT })),
        (400, json!({ "__type": "InvalidCiphertextException" })),
        (400, json!({ "__type": "ThrottlingException" })),
    ]);
    let (opened, why) = opened(&aws, &[b"good", b"bad", b"late", b"never"]);
    assert_eq!(opened, [true, false]);
    assert!(why.is_some_and(|why| why.contains("ThrottlingException")));
    assert_eq!(service.calls(), 3);
}

#[test]
fn answers_that_make_no_sense_are_failures() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let aws = client(&service, dir.path());
    for answer in [
        json!({}),
        json!([]),
        json!({ "Plaintext": PLAINTEXT, "CiphertextBlob": "" }),
        json!({ "Plaintext": PLAINTEXT, "CiphertextBlob": "no base64" }),
        json!({ "Plaintext": "AAAA", "CiphertextBlob": "AAAA" }),
        json!({ "Plaintext": PLAINTEXT, "CiphertextBlob": "AAAA".repeat(30_000) }),
    ] {
        service.answers(200, answer);
        assert!(matches!(aws.data_key(), Err(AwsError::Answer)));
    }
    fs::remove_file(dir.path().join("secret")).unwrap();
    let why = aws.data_key().err().unwrap().to_string();
    assert!(why.contains("cannot be read"), "{why}");
}

#[test]
fn hosts_are_named_as_requests_name_them() {
    for (endpoint, expected) in [
        (
            "https://kms.eu-central-1.amazonaws.com",
            "kms.eu-central-1.amazonaws.com",
        ),
        ("https://kms.example.com:443/", "kms.example.com"),
        ("http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("http://localhost:80", "localhost"),
    ] {
        assert_eq!(host(&endpoint.parse().unwrap()), expected);
    }
}
