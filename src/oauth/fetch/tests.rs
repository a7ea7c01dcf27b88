//! Documents from a server with a certificate.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// An authority, and a server on loopback with a certificate of it that answers everybody with this.
fn serve(answer: String) -> (Trust, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/keys", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, socket));
            let mut line = String::new();
            // A client that does not trust the certificate hangs up.
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    (Trust::Pem(authority.pem()), url)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn get(fetcher: &Fetcher, url: &str) -> Result<Vec<u8>, FetchError> {
    fetcher.get(&url.parse().unwrap())
}

#[test]
fn a_document_comes_from_a_server_that_is_trusted_only() {
    let (trust, url) = serve(answer("200 OK", "{}"));
    assert_eq!(get(&Fetcher::new(&trust).unwrap(), &url).unwrap(), b"{}");
    let (other, _) = serve(answer("200 OK", "{}"));
    for fetcher in [Fetcher::new(&other).unwrap(), Fetcher::local()] {
        let outcome = get(&fetcher, &url);
        assert!(matches!(outcome, Err(FetchError::Http(_))), "{outcome:?}");
    }
    // The certificate names another host.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let outcome = get(&Fetcher::new(&trust).unwrap(), &elsewhere);
    assert!(matches!(outcome, Err(FetchError::Http(_))), "{outcome:?}");
}

#[test]
fn what_is_no_document_is_named() {
    let (trust, url) = serve(answer("404 Not Found", "{}"));
    let outcome = get(&Fetcher::new(&trust).unwrap(), &url);
    assert!(matches!(outcome, Err(FetchError::Status(404))), "{outcome:?}");
    let (trust, url) = serve(answer("302 Found", ""));
    let outcome = get(&Fetcher::new(&trust).unwrap(), &url);
    assert!(matches!(outcome, Err(FetchError::Status(302))), "{outcome:?}");
    let huge = "x".repeat(usize::try_from(MAX_DOCUMENT_BYTES).unwrap() + 1);
    let (trust, url) = serve(answer("200 OK", &huge));
    let outcome = get(&Fetcher::new(&trust).unwrap(), &url);
    assert!(matches!(outcome, Err(FetchError::TooLarge)), "{outcome:?}");
}
