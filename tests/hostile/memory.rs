//! Tenants that want all the memory for themselves: they announce frames of the greatest length and stop. Others go on,
//! with large frames too, and whoever stops loses his connection.

use super::client::{Client, produce};
use super::gateway::Gateway;

/// One large frame is announced on each of these connections of one account. Six would take the whole budget.
const CONNECTIONS: usize = 3;

/// Over this size a frame needs a share of the budget.
const LARGE: usize = 300_000;

#[test]
fn announced_frames() {
    let mut gateway = Gateway::start();
    let other = gateway.open_vcluster("other");
    let mallory = gateway.account("mallory");
    let eve = gateway.account("eve");
    let oscar = gateway.account("oscar");

    let mut held = announce(&gateway, "mallory", &mallory);
    held.extend(announce(&gateway, "eve", &eve));
    // They have all that they can have. Nobody waits for them to end.
    let ended = gateway.closed("slow_frame");
    writes(&mut gateway.login(), "the same virtual cluster");
    writes(&mut other.login(), "another virtual cluster");
    assert_eq!(
        gateway.closed("slow_frame"),
        ended,
        "nobody had to be cut off for it"
    );

    // Three of one virtual cluster use up its half of the budget: it waits, and not for long; others do not notice.
    held.extend(announce(&gateway, "oscar", &oscar));
    writes(&mut other.login(), "another virtual cluster");
    writes(&mut gateway.login(), "the same virtual cluster, later");
    assert!(gateway.closed("slow_frame") > ended, "{}", gateway.log());
    drop(held);
    gateway.is_well();
}

fn announce(gateway: &Gateway, user: &str, token: &str) -> Vec<Client> {
    let start = |_| {
        let mut client = gateway.connect();
        client.login(user, token);
        client.send(&(100_u32 << 20).to_be_bytes());
        client.send(&[0; 70_000]);
        client
    };
    (0..CONNECTIONS).map(start).collect()
}

fn writes(client: &mut Client, what: &str) {
    for _ in 0..3 {
        client.send(&produce("orders", LARGE));
        assert!(client.receive().is_some(), "{what}");
    }
}
