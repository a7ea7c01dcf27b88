//! Who was turned away at the port for peers, counted by reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection to the port for peers was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerRefusal {
    Broke,
    Tls,
    NotKlamm,
    SecretOnOneSide,
    OtherSecret,
    HungUp,
    Version,
    OtherCluster,
    OtherMembers,
    OtherNode,
    OtherCertificate,
    Refused,
    Malformed,
    Keys,
    NotAlive,
    NotOnLoopback,
    SeatGivenAway,
    TooSlow,
    Removed,
    OldCopy,
    AnotherProcess,
}

impl PeerRefusal {
    pub const ALL: [Self; 21] = [
        Self::Broke,
        Self::Tls,
        Self::NotKlamm,
        Self::SecretOnOneSide,
        Self::OtherSecret,
        Self::HungUp,
        Self::Version,
        Self::OtherCluster,
        Self::OtherMembers,
        Self::OtherNode,
        Self::OtherCertificate,
        Self::Refused,
        Self::Malformed,
        Self::Keys,
        Self::NotAlive,
        Self::NotOnLoopback,
        Self::SeatGivenAway,
        Self::TooSlow,
        Self::Removed,
        Self::OldCopy,
        Self::AnotherProcess,
    ];

    /// The label of a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broke => "broke",
            Self::Tls => "tls",
            Self::NotKlamm => "not_klamm",
            Self::SecretOnOneSide => "secret_on_one_side",
            Self::OtherSecret => "other_secret",
            Self::HungUp => "hung_up",
            Self::Version => "version",
            Self::OtherCluster => "other_cluster",
            Self::OtherMembers => "other_members",
            Self::OtherNode => "other_node",
            Self::OtherCertificate => "other_certificate",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Keys => "keys",
            Self::NotAlive => "not_alive",
            Self::NotOnLoopback => "not_on_loopback",
            Self::SeatGivenAway => "seat_given_away",
            Self::TooSlow => "too_slow",
            Self::Removed => "removed",
            Self::OldCopy => "old_copy",
            Self::AnotherProcess => "another_process",
        }
    }

    /// Its meaning in words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Broke => "the connection was lost",
            Self::Tls => "the TLS handshake failed",
            Self::NotKlamm => "the other end is not a klamm node",
            Self::SecretOnOneSide => "one of the two nodes has a cluster secret, the other has none",
            Self::OtherSecret => "the two nodes have different cluster secrets",
            Self::HungUp => "the other end closed the connection before it identified itself",
            Self::Version => "the two nodes have no version of the peer protocol in common",
            Self::OtherCluster => "the other node belongs to another cluster",
            Self::OtherMembers => {
                "the two nodes are to found a cluster, and are configured with different node ids"
            }
            Self::OtherNode => "the caller expects, or claims to be, another node",
            Self::OtherCertificate => "the caller's certificate does not name its host",
            Self::Refused => "the other end refused for a reason that this version does not know",
            Self::Malformed => "the other end sent something that makes no sense",
            Self::Keys => "the keys of the connection cannot be derived",
            Self::NotAlive => "it was not proved not to be a replay",
            Self::NotOnLoopback => "the caller is on another host, and no cluster secret is set",
            Self::SeatGivenAway => "it had not identified itself yet, and others needed its place",
            Self::TooSlow => "it did not identify itself in time",
            Self::Removed => "the caller was removed from the cluster",
            Self::OldCopy => "the caller's data directory is an old copy",
            Self::AnotherProcess => "another process of the calling node is at work, or was a moment ago",
        }
    }
}

/// How often each happened since the node began.
#[derive(Debug, Default)]
pub(crate) struct RefusalCounts([AtomicU64; PeerRefusal::ALL.len()]);

impl RefusalCounts {
    pub(super) fn count(&self, refusal: PeerRefusal) {
        self.0[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Vec<(PeerRefusal, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        PeerRefusal::ALL.into_iter().zip(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_as_itself() {
        for refusal in PeerRefusal::ALL {
            let counts = RefusalCounts::default();
            counts.count(refusal);
            let counted: Vec<PeerRefusal> = counts
                .now()
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(refusal, _)| refusal)
                .collect();
            assert_eq!(counted, [refusal]);
        }
    }
}
