//! The other nodes that this one does not hear, as it knows by itself: that all agree on it takes a leader, and a moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use super::keeper;
use crate::network::Seen;

/// Keeps [`Core::unheard`] true: those whose process has ended, as soon as that shows, and those that have been silent for
/// too long.
pub(super) async fn listen(core: Arc<Core>) {
    let mut ticks = keeper::ticks();
    let mut awake = AwakeSince::new(Instant::now());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = core.peers.ended() => {}
        }
        let (now, silence) = (Instant::now(), core.tuning.silence);
        awake.look(now, silence);
        let peers = core.peers.all();
        let unheard = peers
            .iter()
            .filter(|peer| awake.misses(peer.seen(), now, silence));
        let unheard: BTreeSet<_> = unheard.map(|peer| peer.id).collect();
        core.unheard.send_if_modified(|known| {
            let is_other = **known != unheard;
            if is_other {
                tracing::info!(nodes = ?unheard, "clients are not sent to nodes that are not heard");
                *known = Arc::new(unheard);
            }
            is_other
        });
    }
}

/// Since when this node itself has been at work.
#[derive(Debug)]
struct AwakeSince {
    since: Instant,
    looked: Instant,
}

impl AwakeSince {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            looked: now,
        }
    }

    fn look(&mut self, now: Instant, silence: Duration) {
        // After a pause of this node itself, it has no right to call others silent.
        if now.duration_since(self.looked) > silence / 2 {
            self.since = now;
        }
        self.looked = now;
    }

    fn misses(&self, peer: Seen, now: Instant, silence: Duration) -> bool {
        let last = peer.at.map_or(self.since, |at| at.max(self.since));
        peer.is_gone || now.duration_since(last) >= silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(2);

    fn seen(at: Instant) -> Seen {
        Seen {
            at: Some(at),
            ..Seen::default()
        }
    }

    #[test]
    fn who_has_ended_is_not_heard_at_once_and_who_is_silent_after_a_while() {
        let start = Instant::now();
        let mut awake = AwakeSince::new(start);
        let mut misses = |peer, at| {
            awake.look(at, SILENCE);
            awake.misses(peer, at, SILENCE)
        };
        let ended = Seen {
            is_gone: true,
            ..seen(start)
        };
        assert!(misses(ended, start));
        let second = start + Duration::from_secs(1);
        assert!(!misses(seen(start), second) && !misses(Seen::default(), second));
        let third = second + Duration::from_secs(1);
        assert!(misses(seen(start), third) && misses(Seen::default(), third));
        assert!(!misses(seen(second), third));
    }

    #[test]
    fn who_was_paused_calls_nobody_silent() {
        let start = Instant::now();
        let mut awake = AwakeSince::new(start);
        let woken = start + Duration::from_secs(60);
        awake.look(woken, SILENCE);
        assert!(!awake.misses(seen(start), woken, SILENCE));
    }
}
