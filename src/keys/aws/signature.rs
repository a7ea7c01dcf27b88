//! Signatures of requests to AWS (Signature Version 4). Pure.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The end of what a key is for.
const TERMINATOR: &str = "aws4_request";

/// The digits of a date, at the beginning of a time.
const DATE_CHARS: usize = 8;

/// The time and place that a signature is good for.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignatureScope<'a> {
    /// As in `20150830T123600Z`.
    pub(super) time: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The parts of a request that are signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedCall<'a> {
    pub(super) method: &'a str,
    /// Without a query, encoded.
    pub(super) path: &'a str,
    /// By names in lower case, in their order; values without spaces around them or two in a row.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// The value of the header `authorization`.
pub(super) fn authorization(
    (id, secret): (&str, &str),
    scope: SignatureScope<'_>,
    call: SignedCall<'_>,
) -> String {
    let date = scope.time.get(..DATE_CHARS).unwrap_or(scope.time);
    let place = format!("{date}/{}/{}/{TERMINATOR}", scope.region, scope.service);
    let names: Vec<&str> = call.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let headers: Zeroizing<String> = Zeroizing::new(
        call.headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect(),
    );
    let canonical = Zeroizing::new(format!(
        "{}\n{}\n\n{}\n{names}\n{}",
        call.method,
        call.path,
        *headers,
        hex(digest(&SHA256, call.body).as_ref()),
    ));
    let signed = format!(
        "{ALGORITHM}\n{}\n{place}\n{}",
        scope.time,
        hex(digest(&SHA256, canonical.as_bytes()).as_ref()),
    );
    let first = Zeroizing::new(format!("AWS4{secret}"));
    let mut key = hmac::Key::new(HMAC_SHA256, first.as_bytes());
    for part in [date, scope.region, scope.service, TERMINATOR] {
        key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    let signature = hex(hmac::sign(&key, signed.as_bytes()).as_ref());
    format!("{ALGORITHM} Credential={id}/{place}, SignedHeaders={names}, Signature={signature}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The credentials and the scope of all vectors that AWS has published.
    const ID: &str = "AKIDEXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TIME: &str = "20150830T123600Z";
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", TIME);

    type Vector = (
        &'static str,
        (&'static str, &'static str),
        &'static [(&'static str, &'static str)],
        &'static [u8],
        &'static str,
    );

    /// Names and signatures of AWS's test suite for this algorithm.
    const VECTORS: [Vector; 7] = [
        (
            "get-vanilla",
            ("GET", "/"),
            &[HOST, DATE],
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-unreserved",
            (
                "GET",
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            ),
            &[HOST, DATE],
            b"",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "post-vanilla",
            ("POST", "/"),
            &[HOST, DATE],
            b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-header-key-sort",
            ("POST", "/"),
            &[HOST, ("my-header1", "value1"), DATE],
            b"",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "post-header-value-case",
            ("POST", "/"),
            &[HOST, ("my-header1", "VALUE1"), DATE],
            b"",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            "post-sts-header-before",
            ("POST", "/"),
            &[HOST, DATE, ("x-amz-security-token", TOKEN)],
            b"",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        ),
        (
            "post-x-www-form-urlencoded",
            ("POST", "/"),
            &[("content-type", "application/x-www-form-urlencoded"), HOST, DATE],
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];

    #[test]
    fn signatures_are_those_that_aws_has_published() {
        let scope = SignatureScope {
            time: TIME,
            region: "us-east-1",
            service: "service",
        };
        for (name, (method, path), headers, body, signature) in VECTORS {
            let call = SignedCall {
                method,
                path,
                headers,
                body,
            };
            let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
            assert_eq!(
                authorization((ID, SECRET), scope, call),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders={}, Signature={signature}",
                    names.join(";")
                ),
                "{name}"
            );
        }
    }
}
