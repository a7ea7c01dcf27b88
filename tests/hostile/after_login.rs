//! Tenants that turn hostile: what can be done with a credential.

use std::io::Read;
use std::time::Duration;

use super::client::{Client, framed, handshake, metadata, request};
use super::gateway::Gateway;

/// Announced frames of the greatest length, by an account of which the others are not. See `memory` for what it may take.
const ANNOUNCED: usize = 4;

#[test]
fn tenants() {
    let mut gateway = Gateway::start();
    let large = large_frames(&gateway);
    malformed(&gateway);
    amplifiers(&gateway);
    let unread = unread_answers(&gateway);
    logins_again(&gateway);
    gateway.serves();
    drop((large, unread));
    gateway.is_well();
    for reason in ["frame_length", "bad_request", "unsupported_api"] {
        assert!(gateway.closed(reason) > 0, "{reason}\n{}", gateway.log());
    }
}

/// Frames of a hundred MiB that are announced, and hardly sent.
fn large_frames(gateway: &Gateway) -> Vec<Client> {
    let token = gateway.account("greedy");
    let announce = || {
        let mut client = gateway.connect();
        client.login("greedy", &token);
        client.send(&(100_u32 << 20).to_be_bytes());
        client.send(&[0; 70_000]);
        client
    };
    let clients = (0..ANNOUNCED).map(|_| announce()).collect();
    for length in [(100 << 20) + 1, 0x7fff_ffff, 0x8000_0000_u32, u32::MAX] {
        let mut client = gateway.login();
        client.send(&length.to_be_bytes());
        assert!(client.is_closed(), "a length of {length:#x}");
    }
    clients
}

fn malformed(gateway: &Gateway) {
    let requests = [
        framed(&[]),
        framed(&[0, 3, 0]),
        request(3, 1, &[0x7f, 0xff, 0xff, 0xff]),
        request(3, 1, &[0x80, 0, 0, 0]),
        request(3, 12, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        request(3, 12, &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
        request(3, 12, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        request(3, 1, &[0, 0, 0, 1, 0x7f, 0xff]),
        request(1, 4, &[0xff; 200]),
        request(
            0,
            9,
            &[0, 0, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ),
        request(3, 99, &[]),
        request(3, -1, &[]),
        request(58, 0, &[0; 64]),
        request(-7, 0, &[]),
    ];
    for bytes in requests {
        let mut client = gateway.login();
        client.send(&bytes);
        assert!(client.is_closed(), "{bytes:?}");
    }
}

/// Small items, many of them: they cost a limited number of parts, and the session.
fn amplifiers(gateway: &Gateway) {
    let count = 1_000_000_u32;
    let empty_names = [&count.to_be_bytes()[..], &vec![0; 2 * count as usize]].concat();
    for (key, version) in [(15, 0), (3, 1), (42, 0)] {
        let mut client = gateway.login();
        client.send(&request(key, version, &empty_names));
        assert!(
            client.is_closed(),
            "{count} empty names for API {key}\n{}",
            gateway.log()
        );
    }
    // As many topics as a request may name: answered, with a limit on what the answer takes.
    let count = 20_000_u32;
    let names = [&count.to_be_bytes()[..], &b"\0\x01x".repeat(count as usize)].concat();
    let mut clients: Vec<Client> = (0..4).map(|_| gateway.login()).collect();
    for client in &mut clients {
        client.send(&request(3, 1, &names));
    }
    for client in &mut clients {
        assert!(
            client.receive().is_some_and(|answer| answer.len() < 1 << 20),
            "{count} names"
        );
    }
}

/// A thousand requests at once, the answers not read, or a byte at a time.
fn unread_answers(gateway: &Gateway) -> Vec<Client> {
    let many = metadata("orders").repeat(1_000);
    let start = |number| {
        let mut client = gateway.login();
        client
            .0
            .set_write_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        client.send(&many);
        let mut byte = [0];
        for _ in 0..20 * (number % 2) {
            client.0.read_exact(&mut byte).unwrap();
        }
        client
    };
    (0..20).map(start).collect()
}

/// A second login that is not one leaves nobody with more than before.
fn logins_again(gateway: &Gateway) {
    let mut client = gateway.login();
    client.send(&handshake().repeat(50));
    while client.receive().is_some() {
        let end = client.0.set_read_timeout(Some(Duration::from_millis(300)));
        end.unwrap();
    }
}
