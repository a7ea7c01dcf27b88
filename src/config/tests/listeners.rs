//! `gateway.listeners`: what lists become, and what is said of wrong ones.

use klamm_raft::model::{Encryption, Protocol, Routing, Speech};

use super::*;
use crate::tls::ClientCertificates;
use crate::tls::testing::Authority;

/// A configuration whose listeners are `list`, with a certificate in `a.crt` and `a.key` and an authority in `ca.pem`.
fn given(list: &str) -> Given {
    let authority = Authority::new("ca");
    let leaf = authority.leaf("gateway", &["*.example.com"]);
    Given::variables(&[MAIN, ("GATEWAY_LISTENERS", list)])
        .other("a.crt", leaf.chain)
        .other("a.key", leaf.key)
        .other("ca.pem", authority.pem)
}

const SNI: &str = "name: p, protocol: SASL_SSL, routing: sni, port: 9092, domain: K.example.com, tls: {certificate: a.crt, key: a.key}";

#[test]
fn a_list_replaces_the_short_form() {
    let list = format!(
        "[{{name: in, port: {{start: 7000, count: 10}}, bind.host: 127.0.0.1, advertised: {{host: gw1, port: 17000}}}}, {{{SNI}, advertised.port: 443}}]"
    );
    let config = given(&list).good();
    let [inner, public] = &config.listeners[..] else {
        panic!("two listeners")
    };
    assert_eq!((inner.name.as_str(), inner.speech), ("in", Speech::by_methods()));
    assert_eq!(
        (inner.bind_host.as_str(), inner.bind_port, inner.port_count()),
        ("127.0.0.1", 7000, 10)
    );
    let routing = Routing::Port {
        host: "gw1".into(),
        start: 17000,
        count: 10,
    };
    assert_eq!(
        (&inner.routing, &inner.tls, &inner.proxies),
        (&routing, &None, &None)
    );

    assert_eq!(
        (public.speech, public.bind_port, public.port_count()),
        (Speech::fixed(Protocol::SaslSsl), 9092, 1)
    );
    let routing = Routing::Sni {
        domain: "k.example.com".into(),
        port: 443,
    };
    assert_eq!(public.routing, routing);
    let tls = public.tls.as_ref().expect("TLS");
    assert_eq!(
        (tls.certificates.len(), &tls.clients),
        (1, &ClientCertificates::NotAsked)
    );
}

#[test]
fn a_file_may_nest_what_a_variable_writes_in_one_line() {
    let mut file = given("x");
    file.variables = vec![("KAFKA_MAIN_BOOTSTRAP_SERVERS", "localhost:9092".to_owned())];
    file.file = Some(
        "gateway:\n  listeners:\n    - name: m\n      protocol: SSL\n      port: {start: 7300}\n      tls:\n        certificates:\n          - {certificate: a.crt, key: a.key}\n        client: {auth: required, ca: ca.pem}\n      proxy.protocol.from: [10.0.0.0/8, '::1']\n",
    );
    let config = file.good();
    let listener = &config.listeners[0];
    let clients = ClientCertificates::Required("ca.pem".into());
    assert_eq!(listener.tls.as_ref().map(|tls| &tls.clients), Some(&clients));
    let proxies = listener.proxies.as_ref().expect("trusted sources");
    assert!(proxies.contain("10.1.2.3".parse().unwrap()) && !proxies.contain("11.1.2.3".parse().unwrap()));
    assert_eq!(listener.port_count(), 256);
}

/// The listeners are refused with one problem that holds `expected`.
#[track_caller]
fn refused(list: &str, expected: &str) {
    let error = given(list).load().expect_err("a problem");
    let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    assert!(
        matches!(&problems[..], [only] if only.contains(expected)),
        "{list}: {problems:#?}, expected {expected}"
    );
}

#[test]
fn lists_of_a_wrong_form_are_refused() {
    for (list, expected) in [
        ("x", "a list is expected"),
        ("[]", "the list is empty"),
        ("[7]", "each item must be a map"),
        ("[{port.start: 1}]", "a listener has no name"),
        ("[{name: a/b, port.start: 1}]", "listener name \"a/b\" is invalid"),
        ("[{name: a}]", "GATEWAY_LISTENERS: a: port.start is missing"),
        (
            "[{name: a, port.start: 0}]",
            "port.start: \"0\" is not a whole number",
        ),
        (
            "[{name: a, port.start: 65000, port.count: 600}]",
            "600 ports starting at 65000 go beyond 65535",
        ),
        (
            "[{name: a, port.start: 1, advertised.host: 0.0.0.0}]",
            "clients cannot connect to 0.0.0.0",
        ),
        (
            "[{name: a, port.start: 1, domain: x.y}]",
            "domain has no effect with routing: port",
        ),
        (
            "[{name: a, port.start: 1, prot: SSL}]",
            "the key \"prot\" is unknown",
        ),
    ] {
        refused(list, expected);
    }
}

#[test]
fn listeners_that_contradict_themselves_or_each_other_are_refused() {
    for (list, expected) in [
        (
            "[{name: a, port.start: 1, protocoll: SSL}]",
            "did you mean protocol?",
        ),
        (
            "[{name: a, port.start: 1, protocol: TLS}]",
            "PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL",
        ),
        (
            "[{name: a, port.start: 1, protocol: SSL}]",
            "set tls.certificate and tls.key to PEM files",
        ),
        (
            "[{name: a, port.start: 1, protocol: SASL_PLAINTEXT, tls.key: a.key}]",
            "tls.key has no effect with the protocol SASL_PLAINTEXT",
        ),
        (
            "[{name: a, port.start: 1, routing: host}]",
            "use port (a port for each virtual broker) or sni",
        ),
        (
            "[{name: a, port.start: 1}, {name: a, port.start: 1000}]",
            "the listener \"a\" is given twice",
        ),
        (
            "[{name: a, port.start: 7000}, {name: b, port.start: 7255}]",
            "the ports of the listener b, 7255 to 7510, overlap the ports of the listener a, 7000 to 7255",
        ),
        (
            "[{name: a, port.start: 8800}]",
            "the port 8888 is one of the ports of the listener a, 8800 to 9055",
        ),
        (
            "[{name: a, port.start: 1, proxy.protocol: true}]",
            "proxy.protocol.from: [10.0.0.0/8] turns it on",
        ),
        (
            "[{name: a, port.start: 1, proxy.protocol.from: 10.0.0.1/8}]",
            "the address has bits set beyond the length of the network",
        ),
        (
            "[{name: p, protocol: PLAINTEXT, routing: sni, port: 9092, domain: k.example.com}]",
            "routing: sni needs TLS, and the protocol PLAINTEXT has none",
        ),
        (
            "[{name: p, routing: sni, port: 9092, domain: k.example.com}]",
            "set tls.certificate and tls.key to PEM files",
        ),
        (
            "[{name: p, port.start: 1, tls.client.ca: ca.pem}]",
            "set tls.certificate and tls.key to PEM files",
        ),
    ] {
        refused(list, expected);
    }
}

#[test]
fn what_routing_by_name_and_tls_need_is_said() {
    let with = |change: &str| format!("[{{{SNI}, {change}}}]");
    let without = |part: &str| format!("[{{{}}}]", SNI.replace(part, ""));
    for (list, expected) in [
        (without("domain: K.example.com, "), "domain is missing"),
        (without("port: 9092, "), "port is missing"),
        (without("certificate: a.crt, "), "tls.key needs tls.certificate"),
        (
            with("port.start: 7"),
            "port.start has no effect with routing: sni",
        ),
        (with("tls.client.auth: required"), "tls.client.ca is missing"),
        (
            with("tls.client.ca: ca.pem"),
            "set tls.client.auth to required or optional",
        ),
        (
            with("tls.client.auth: maybe, tls.client.ca: ca.pem"),
            "use none, optional or required",
        ),
        (
            with("tls.client.auth: required, tls.client.ca: a.key"),
            "a.key contains no certificate in PEM form",
        ),
        (
            with("tls.certificates: [{certificate: x.crt, key: a.key}]"),
            "x.crt cannot be read",
        ),
        (
            with("tls.certificates: [{certificate: a.crt, key: s.p12}]"),
            "openssl pkcs12 -in s.p12",
        ),
    ] {
        refused(&list, expected);
    }
}

#[test]
fn a_listener_need_not_fix_a_protocol_and_has_tls_if_it_has_a_certificate() {
    let list = "[{name: a, port.start: 7000, tls: {certificate: a.crt, key: a.key}}, {name: b, port.start: 7300, \
                advertised.host: gw1, tls: {certificate: a.crt, key: a.key, client: {auth: optional, ca: ca.pem}}}]";
    let config = given(list).good();
    let spoken: Vec<String> = config.listeners.iter().map(|l| l.speech.to_string()).collect();
    assert_eq!(spoken, ["SSL or SASL_SSL", "SSL or SASL_SSL"]);
    let encryption = config.listeners.iter().map(|listener| listener.speech.encryption);
    assert!(encryption.eq([Encryption::Tls, Encryption::TlsWithCertificates]));
    let bound: Vec<&str> = config.listeners.iter().map(|l| l.bind_host.as_str()).collect();
    assert_eq!(bound, ["127.0.0.1", "0.0.0.0"]);
}

#[test]
fn a_domain_may_end_with_the_dot_of_a_complete_name() {
    let list = format!("[{{{}}}]", SNI.replace("K.example.com", "k.example.com."));
    let routing = Routing::Sni {
        domain: "k.example.com".into(),
        port: 9092,
    };
    assert_eq!(given(&list).good().listeners[0].routing, routing);
}

#[test]
fn the_short_form_beside_a_list_is_refused() {
    given("[{name: a, port.start: 7000}]")
        .with(&[("GATEWAY_PORT_START", "7000")])
        .refused(&["GATEWAY_PORT_START: this is only for a node without gateway.listeners\n    set port.start and port.count of each listener there"]);
}

#[test]
fn a_node_of_several_hosts_must_tell_clients_its_name_on_listeners_that_have_ports() {
    let peers = ("KLAMM_RAFT_PEERS", "1=a:1,2=b:1,3=c:1");
    let secret = ("KLAMM_RAFT_SECRET", SECRET);
    let told = given("[{name: a, port.start: 7000, advertised.host: gw1}]").with(&[peers, secret]);
    assert_eq!(told.good().listeners.len(), 1);
    let sni = format!("[{{{SNI}}}]");
    assert_eq!(given(&sni).with(&[peers, secret]).good().listeners.len(), 1);
    let untold = given("[{name: a, port.start: 7000}]").with(&[peers, secret]);
    untold.refused(&["gateway.advertised.host (GATEWAY_ADVERTISED_HOST): a node of a cluster over several hosts must say which host clients are to connect to\n    the default is localhost, which is wrong on every other host"]);
}

#[test]
fn nodes_and_the_admin_api_may_have_certificates() {
    let admin = [
        ("GATEWAY_HTTP_TLS_CERTIFICATE", "a.crt"),
        ("GATEWAY_HTTP_TLS_KEY", "a.key"),
    ];
    let peers = [
        ("KLAMM_RAFT_PEERS", "1=a:1,2=b:1,3=c:1"),
        ("GATEWAY_ADVERTISED_HOST", "gw1"),
        ("KLAMM_RAFT_TLS_CERTIFICATE", "a.crt"),
        ("KLAMM_RAFT_TLS_KEY", "a.key"),
    ];
    let authority = ("KLAMM_RAFT_TLS_CA", "ca.pem");
    let list = "[{name: a, port.start: 7000}]";
    let config = given(list).with(&admin).with(&peers).with(&[authority]).good();
    assert_eq!(
        config.http.tls.map(|tls| tls.clients),
        Some(ClientCertificates::NotAsked)
    );
    let demanded = ClientCertificates::Required("ca.pem".into());
    assert_eq!(config.node.raft_tls.map(|tls| tls.clients), Some(demanded));

    given(list).with(&admin[..1]).refused(&[
        "gateway.http.tls.key (GATEWAY_HTTP_TLS_KEY): gateway.http.tls.certificate needs its private key",
    ]);
    given(list)
        .with(&[admin[0], ("GATEWAY_HTTP_TLS_KEY", "ca.pem")])
        .refused(&["GATEWAY_HTTP_TLS_CERTIFICATE: ca.pem contains no private key in PEM form"]);
    given(list)
        .with(&[authority])
        .refused(&["KLAMM_RAFT_TLS_CA: this has no effect without klamm.raft.tls.certificate"]);
    given(list).with(&peers[2..]).refused(&[
        "klamm.raft.tls.ca (KLAMM_RAFT_TLS_CA): nodes with certificates need this to recognize each other\n    it is the PEM file of the authority that issues certificates to nodes, and to nobody else",
    ]);
}

/// An outgoing connection of this machine may hold a port just when the gateway opens it.
#[test]
fn ports_that_the_system_gives_away_are_warned_of() {
    const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
    const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    let check = |ports: &[(&'static str, &str)], files: &[(&'static str, &str)], expected: &[&str]| {
        let given = Given::variables(&[MAIN]).with(ports);
        let given = files
            .iter()
            .fold(given, |given, (path, text)| given.other(path, *text));
        let warnings: Vec<String> = given.good().warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, expected, "{ports:?} {files:?}");
    };
    let (usual, all) = ((RANGE, "32768\t60999\n"), (RANGE, "1024\t65000\n"));
    let of_clients = [("GATEWAY_PORT_START", "32700"), ("GATEWAY_PORT_COUNT", "100")];
    let warning = |key: &str, ports: &str, reserve: &str, range: &str| {
        format!(
            "{key}: {ports} among those that this system uses for outgoing connections ({range}): one of them may be in use when the gateway opens it\n    choose others, or add {reserve} to net.ipv4.ip_local_reserved_ports"
        )
    };
    check(&[], &[usual], &[]);
    check(&of_clients, &[], &[]);
    check(&of_clients, &[(RANGE, "none"), (RESERVED, "1")], &[]);
    let some = warning(
        "GATEWAY_PORT_START",
        "the ports 32768 to 32799 are",
        "32768-32799",
        "32768 to 60999",
    );
    check(&of_clients, &[usual], &[&some]);
    let less = warning(
        "GATEWAY_PORT_START",
        "the ports 32791 to 32799 are",
        "32791-32799",
        "32768 to 60999",
    );
    check(&of_clients, &[usual, (RESERVED, "1-9,32768-32790\n")], &[&less]);
    check(&of_clients, &[usual, (RESERVED, "32768-32900\n")], &[]);
    let everything = [
        warning(
            "gateway.http.port (GATEWAY_HTTP_PORT)",
            "the port 8888 is",
            "8888",
            "1024 to 65000",
        ),
        warning(
            "gateway.port.start (GATEWAY_PORT_START)",
            "the ports 6969 to 7224 are",
            "6969-7224",
            "1024 to 65000",
        ),
    ];
    check(&[], &[all], &everything.each_ref().map(String::as_str));
}
