//! Tells the other nodes which addresses this one cannot open, so that no client is sent there.

use std::time::Duration;

use klamm_raft::command::Command;
use klamm_raft::model::{NodeId, Unopened};
use tokio::sync::watch;

use crate::control::Control;
use crate::listener::Addresses;
use crate::supervision::{Component, Supervisor};

/// Between two announcements, also after one that could not be made.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the addresses of this node, and what the others were told of them.
pub(crate) fn announce(
    id: NodeId,
    addresses: watch::Receiver<Addresses>,
    control: &Control,
    supervisor: &Supervisor,
) {
    let control = control.clone();
    supervisor.keep(Component::Announcer, move || {
        follow(id, addresses.clone(), control.clone())
    });
}

async fn follow(id: NodeId, mut addresses: watch::Receiver<Addresses>, control: Control) {
    let mut states = control.states();
    loop {
        let seen = unopened(&addresses.borrow_and_update());
        let told = states
            .borrow_and_update()
            .nodes
            .get(&id)
            .map(|own| own.unopened.clone());
        if let (Some(unopened), Some(told)) = (seen, told)
            && unopened != told
        {
            // What did not come to be is still another than was told.
            let _ = control.propose_own(Command::SetUnopened { id, unopened }).await;
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let changed = tokio::select! {
            changed = addresses.changed() => changed,
            changed = states.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// The addresses that are to be told; none while no address was tried, and once all are closed for good.
fn unopened(addresses: &Addresses) -> Option<Unopened> {
    if addresses.open == 0 && addresses.unopened.is_empty() {
        return None;
    }
    let mut unopened = Unopened::new();
    for spot in addresses.unopened.keys() {
        unopened
            .entry(spot.listener.clone())
            .or_default()
            .insert(spot.slot);
    }
    Some(unopened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_before_anything_was_tried() {
        assert_eq!(unopened(&Addresses::default()), None);
        let open = Addresses {
            open: 1,
            ..Addresses::default()
        };
        assert_eq!(unopened(&open), Some(Unopened::new()));
    }
}
