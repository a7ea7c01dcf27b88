//! Strangers: what can be done without a credential.

use super::client::{Client, authenticate, framed, handshake, metadata, request};
use super::gateway::Gateway;

/// The largest frame before a login, in bytes.
const CAP: u32 = 64 << 10;

#[test]
fn strangers() {
    let mut gateway = Gateway::start();
    let silent = half_frames(&gateway);
    lengths(&gateway);
    other_protocols(&gateway);
    bodies(&gateway);
    orders(&gateway);
    credentials(&gateway);
    byte_by_byte(&gateway);
    connects(&gateway);
    pipelined(&gateway);
    for (mut client, what) in silent {
        assert!(client.is_closed(), "{what}, then silence");
    }
    gateway.is_well();
    for reason in [
        "frame_length",
        "not_kafka_http",
        "not_kafka_tls",
        "not_kafka_ssh",
        "not_logged_in",
        "login_refused",
        "login_timeout",
        "client_closed",
    ] {
        assert!(gateway.closed(reason) > 0, "{reason}\n{}", gateway.log());
    }
}

/// Begun and never ended: they are cut off ten seconds after they were accepted.
fn half_frames(gateway: &Gateway) -> Vec<(Client, &'static str)> {
    let whole = handshake();
    let starts: [(&[u8], &'static str); 5] = [
        (&[], "nothing"),
        (&[0], "one byte"),
        (&[0, 0, 0xff, 0xff], "a length"),
        (&whole[..9], "half a frame"),
        (&whole, "a handshake"),
    ];
    let begin = |(start, what): (&[u8], _)| {
        let mut client = gateway.connect();
        client.send(start);
        (client, what)
    };
    starts.into_iter().map(begin).collect()
}

fn lengths(gateway: &Gateway) {
    for length in [
        0x8000_0000,
        u32::MAX,
        CAP + 1,
        100 << 20,
        (100 << 20) + 1,
        0x7fff_ffff,
    ] {
        let mut client = gateway.connect();
        client.send(&length.to_be_bytes());
        assert!(client.is_closed(), "a length of {length:#x}");
    }
    for length in 0..8 {
        let mut client = gateway.connect();
        client.send(&framed(&vec![0; length]));
        assert!(client.is_closed(), "a frame of {length} bytes");
    }
    let mut client = gateway.connect();
    client.send(&framed(&vec![0xff; CAP as usize]));
    assert!(client.is_closed(), "the longest frame");
}

fn other_protocols(gateway: &Gateway) {
    let greetings: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n",
    ];
    for greeting in greetings {
        let mut client = gateway.connect();
        client.send(greeting);
        assert!(client.is_closed(), "{greeting:?}");
    }
}

/// Bodies and headers that lie. What comes before a login is closed for being early or for being wrong.
fn bodies(gateway: &Gateway) {
    let requests = [
        request(3, 1, &[0x7f, 0xff, 0xff, 0xff]),
        request(3, 12, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        request(18, 3, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        request(18, 3, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        request(17, 1, &[0x7f, 0xff]),
        request(36, 2, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        request(36, 1, &[0x7f, 0xff, 0xff, 0xff]),
        request(-1, -1, &[]),
        request(999, 0, &[]),
        request(1, 17, &[0; 64]),
        request(58, 0, &[0; 64]),
    ];
    for bytes in requests {
        let mut client = gateway.connect();
        client.send(&bytes);
        assert!(client.is_closed(), "{bytes:?}");
    }
    let mut client = gateway.connect();
    client.send(&request(18, 127, &[0]));
    let answer = client.receive().expect("any version of ApiVersions is answered");
    assert_eq!(answer.get(4..6), Some(&[0, 35][..]), "UNSUPPORTED_VERSION");
}

fn orders(gateway: &Gateway) {
    let mut early = gateway.connect();
    early.send(&metadata("orders"));
    assert!(early.is_closed(), "data before login");
    let mut twice = gateway.connect();
    twice.send(&[handshake(), handshake()].concat());
    assert!(twice.is_closed(), "two handshakes");
    let mut between = gateway.connect();
    between.send(&[handshake(), metadata("orders")].concat());
    assert!(between.is_closed(), "data within the login");
    let mut without = gateway.connect();
    without.send(&authenticate(b"\0a\0b"));
    assert!(without.is_closed(), "no handshake");
}

fn credentials(gateway: &Gateway) {
    let token = &gateway.token;
    let messages = [
        Vec::new(),
        b"\0".to_vec(),
        b"\0\0".to_vec(),
        vec![0; 1000],
        b"\0admin\0\xff\xfe".to_vec(),
        [b"\0admin\0".to_vec(), vec![b'x'; 60_000]].concat(),
        format!("root\0admin\0{token}").into_bytes(),
        format!("\0other\0{token}").into_bytes(),
        format!("\0admin\0{token}x").into_bytes(),
        b"\0admin\0eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImFkbWluIn0.".to_vec(),
    ];
    for message in messages {
        let mut client = gateway.connect();
        client.send(&[handshake(), authenticate(&message)].concat());
        client.receive().expect("the handshake is answered");
        let answer = client.receive();
        assert!(
            answer.is_none_or(|answer| answer.get(4..6) != Some(&[0, 0])),
            "{message:?}"
        );
        assert!(client.is_closed(), "{message:?}");
    }
    let mut long = gateway.connect();
    long.send(&[handshake(), authenticate(&vec![b'x'; CAP as usize])].concat());
    assert!(long.is_closed(), "a password of 64 KiB");
}

fn byte_by_byte(gateway: &Gateway) {
    let mut client = gateway.connect();
    let message = format!("\0admin\0{}", gateway.token);
    for byte in [handshake(), authenticate(message.as_bytes())].concat() {
        assert!(client.send(&[byte]));
    }
    client.receive().expect("the handshake is answered");
    let answer = client.receive().expect("the login is answered");
    assert_eq!(answer.get(4..6), Some(&[0, 0][..]), "slow, but right");
    assert!(client.knows_topic("orders"));
}

fn connects(gateway: &Gateway) {
    for number in 0..2_000 {
        let mut client = gateway.connect();
        if number % 2 == 0 {
            client.send(&handshake());
        }
    }
}

/// A thousand requests whose answers nobody reads.
fn pipelined(gateway: &Gateway) {
    let many = request(18, 0, &[]).repeat(1_000);
    let mut clients: Vec<Client> = (0..20).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client
            .0
            .set_write_timeout(Some(std::time::Duration::from_millis(50)))
            .unwrap();
        client.send(&many);
    }
}
