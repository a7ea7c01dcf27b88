//! Files that can be used, that cannot, and that change.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::testing::{Authority, files};
use super::*;
use crate::chain::Chain;

fn client(authority: &Authority) -> Arc<ClientConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The certificate that a server shows to a client that trusts `authority` and asks for `name`; none when the client
/// refuses it.
fn shown(server: Arc<ServerConfig>, authority: &Authority, name: &'static str) -> Option<Vec<u8>> {
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(client(authority), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut up).unwrap();
        }
        server.read_tls(&mut up.as_slice()).unwrap();
        server.process_new_packets().ok()?;
        while server.wants_write() {
            server.write_tls(&mut down).unwrap();
        }
        client.read_tls(&mut down.as_slice()).unwrap();
        client.process_new_packets().ok()?;
    }
    client.peer_certificates().map(|chain| chain[0].to_vec())
}

#[test]
fn the_certificate_that_names_the_host_is_shown_and_the_first_to_all_others() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("ca");
    let one = authority
        .leaf("one", &["one.example.com"])
        .write(directory.path(), "one");
    let two = authority
        .leaf("two", &["*.two.example.com"])
        .write(directory.path(), "two");
    let server = Latest::load(files(vec![one, two])).unwrap();
    let shown = |name| shown(server.config(), &authority, name);
    let (first, second) = (shown("one.example.com"), shown("a.two.example.com"));
    assert!(first.is_some() && second.is_some() && first != second);
    assert_eq!(shown("b.two.example.com"), second);
    assert_eq!(
        shown("elsewhere.example.com"),
        None,
        "the first one is not for it"
    );
}

#[test]
fn files_that_cannot_be_used_are_refused_with_what_helps() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let authority = Authority::new("ca");
    let one = authority.leaf("one", &["a"]).write(directory.path(), "one");
    let two = authority.leaf("two", &["b"]).write(directory.path(), "two");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(path("locked.key"), encrypted).unwrap();
    std::fs::write(path("store.p12"), b"\x30\x82\x00\xff").unwrap();
    std::fs::write(path("store.jks"), b"\xfe\xed\xfe\xed").unwrap();
    let pair = |chain: &PathBuf, key: &PathBuf| {
        let (chain, key) = (chain.clone(), key.clone());
        files(vec![CertificateFiles { chain, key }])
    };
    let mut strange_authority = pair(&one.chain, &one.key);
    strange_authority.clients = ClientCertificates::Required(one.key.clone());
    for (files, expected) in [
        (pair(&path("none"), &one.key), "cannot be read: No such file"),
        (pair(&one.key, &one.key), "contains no certificate"),
        (pair(&one.chain, &one.chain), "contains no private key"),
        (pair(&one.chain, &two.key), "do not match"),
        (pair(&one.chain, &path("locked.key")), "openssl pkey -in"),
        (pair(&path("store.p12"), &one.key), "openssl pkcs12 -in"),
        (pair(&path("store.jks"), &one.key), "keytool -importkeystore"),
        (strange_authority, "contains no certificate"),
    ] {
        let error = Latest::load(files).unwrap_err();
        let text = Chain(&error).to_string();
        assert!(text.contains(expected), "{text}, expected {expected}");
    }
}

#[test]
fn changed_files_are_taken_and_bad_ones_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("ca");
    let one = authority
        .leaf("one", &["a.example.com"])
        .write(directory.path(), "one");
    let metrics = crate::metrics::Metrics::new().unwrap();
    let server = Latest::load(files(vec![one])).unwrap();
    let before = server.config();
    let first = shown(server.config(), &authority, "a.example.com");

    authority
        .leaf("again", &["a.example.com"])
        .write(directory.path(), "one");
    server.reload(&metrics.node);
    let second = shown(server.config(), &authority, "a.example.com");
    assert!(second.is_some() && second != first);
    assert_eq!(
        shown(before, &authority, "a.example.com"),
        first,
        "what runs goes on with its own"
    );

    std::fs::write(directory.path().join("one.crt"), "half a certif").unwrap();
    server.reload(&metrics.node);
    assert_eq!(shown(server.config(), &authority, "a.example.com"), second);
    let text = metrics.encode().unwrap();
    for line in [
        "klamm_tls_reloads_total{result=\"ok\"} 1",
        "klamm_tls_reloads_total{result=\"failed\"} 1",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
