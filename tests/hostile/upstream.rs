//! A broker that lies: sessions end with a reason, and everything works again once it tells the truth.

use super::broker::Manners;
use super::client::request;
use super::gateway::Gateway;

#[test]
fn a_lying_broker() {
    let mut gateway = Gateway::start();
    for lie in Manners::LIES {
        // This one has its lane, and the next ones get new ones from the liar.
        let mut before = gateway.serves();
        gateway.broker.behaves(lie);
        before.send(&offsets());
        assert!(lie == Manners::Twice || before.is_closed(), "{lie:?}");
        for _ in 0..3 {
            let mut client = gateway.connect();
            if client.try_login("admin", &gateway.token) {
                client.send(&offsets());
            }
        }
        gateway.broker.behaves(Manners::Honest);
        gateway.serves();
    }
    gateway.is_well();
    let upstream = ["bad_upstream", "upstream_lost", "upstream_unavailable"];
    let ended: u64 = upstream.iter().map(|reason| gateway.closed(reason)).sum();
    assert!(ended >= 4, "{ended}\n{}", gateway.log());
}

/// ListOffsets v1 of a partition of `orders`.
fn offsets() -> Vec<u8> {
    let start = b"\xff\xff\xff\xff\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\0";
    request(2, 1, &[&start[..], &[0xff; 8]].concat())
}
