//! The greetings of two nodes, which come before anything else, inside the messages of the handshake, so that the proof
//! holds for it: who calls, whom it means, which cluster each of them belongs to, and which versions of the protocol
//! each of them knows. Its layout never changes; what is added goes to the end, and is left out by who does not know
//! it.

use std::fmt;

use crate::boots::{BootClaim, BootFault, BootMark, BootNumber};
use crate::founding::FoundingId;
use crate::lease::ProcessId;
use crate::model::{Level, NodeId, Revision, Roster};

use super::handshake::HandshakeError;

const FOUNDING_BYTES: usize = FoundingId::BYTES;
/// The size of the digest that stands for the members of a cluster.
pub(super) const MEMBERS_BYTES: usize = 32;

/// Of each message, but what later versions add: the address of the caller, when it was removed, and which start of its
/// directory each end is.
const HELLO_BYTES: usize = 8 + 8 + FOUNDING_BYTES + MEMBERS_BYTES + VERSIONS_BYTES;
const ANSWER_BYTES: usize = 1 + FOUNDING_BYTES + VERSIONS_BYTES;
const VERSIONS_BYTES: usize = 4;
const CLAIM_BYTES: usize = 8 + 8 + 8 + 8 + 1;

/// The versions of the protocol that a node speaks: of the messages that follow the handshake. They are feature levels.
/// The lowest is that of the node's cluster, because who does not know it could not read what the cluster says. This is
/// the only place where versions are exchanged, and both ends come to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(super) lowest: Level,
    pub(super) highest: Level,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.lowest, self.highest)
    }
}

impl Versions {
    /// The highest version that both know.
    fn common(self, other: Self) -> Option<Level> {
        let highest = self.highest.min(other.highest);
        (highest >= self.lowest.max(other.lowest)).then_some(highest)
    }
}

/// The number of a node that has none yet, and of whoever is at an address. No node has it.
pub(crate) const NOBODY: NodeId = NodeId(0);

/// The digest of a caller that was configured with no list of nodes.
pub(super) const NO_LIST: [u8; MEMBERS_BYTES] = [0; MEMBERS_BYTES];

/// The greeting of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    /// [`NOBODY`]: it wants to join.
    pub(super) from: NodeId,
    /// [`NOBODY`]: whoever is there.
    pub(super) to: NodeId,
    /// None: the caller does not know yet which cluster it belongs to.
    pub(super) cluster: Option<FoundingId>,
    /// Stands for the ids of all nodes that the caller was configured with. They count only until there is a cluster.
    pub(super) members: [u8; MEMBERS_BYTES],
    pub(super) versions: Versions,
    /// Where other nodes reach the caller, if it says so.
    pub(super) address: Option<String>,
    /// None: it has no number yet, or is of an older version.
    pub(super) boot: Option<BootClaim>,
}

/// The answer of a server to a greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// None: the server talks to the caller.
    pub(super) refusal: Option<HelloRefusal>,
    pub(super) cluster: Option<FoundingId>,
    pub(super) versions: Versions,
    /// Of the server.
    pub(super) boot: Option<BootClaim>,
    /// The latest start of the caller that the server knows.
    pub(super) knows: BootNumber,
}

/// Why a server does not talk to a node that knows the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HelloRefusal {
    Version,
    OtherCluster,
    OtherMembers,
    OtherNode,
    OtherCertificate,
    /// The caller was removed from the cluster.
    Removed(Revision),
    /// The caller began with an old copy of its directory.
    OldCopy,
    /// Another process of the caller's node is at work.
    AnotherProcess,
}

impl From<BootFault> for HelloRefusal {
    fn from(fault: BootFault) -> Self {
        match fault {
            BootFault::OldCopy => Self::OldCopy,
            BootFault::AnotherProcess => Self::AnotherProcess,
        }
    }
}

/// The terms on which two nodes work once they have met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// The node at the other end.
    pub(super) peer: NodeId,
    /// The version of the protocol that is spoken.
    pub(super) version: Level,
    pub(super) relation: Relation,
}

/// How two nodes stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// They belong to one cluster.
    Fellows,
    /// One of them does not know yet which cluster it belongs to.
    Strangers,
}

impl Relation {
    /// None: they belong to different clusters.
    fn of(one: Option<FoundingId>, other: Option<FoundingId>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => (one == other).then_some(Self::Fellows),
            _ => Some(Self::Strangers),
        }
    }
}

impl Hello {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HELLO_BYTES);
        bytes.extend(self.from.0.to_be_bytes());
        bytes.extend(self.to.0.to_be_bytes());
        bytes.extend(founding(self.cluster));
        bytes.extend(self.members);
        bytes.extend(self.versions.write());
        let address = self.address.as_deref().unwrap_or_default();
        let length = u16::try_from(address.len()).unwrap_or(u16::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(address.as_bytes());
        bytes.extend(claim(self.boot));
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, HandshakeError> {
        let mut rest = Reader(bytes);
        Ok(Self {
            from: NodeId(u64::from_be_bytes(rest.take()?)),
            to: NodeId(u64::from_be_bytes(rest.take()?)),
            cluster: cluster(rest.take()?),
            members: rest.take()?,
            versions: Versions::read(rest.take()?),
            address: rest.address()?,
            boot: rest.claim()?,
        })
    }

    /// The server's judgement of a caller that it expects to be another node of its own cluster.
    pub(super) fn judge(&self, own: &Self) -> Result<Terms, HelloRefusal> {
        let lists = [self.members, own.members];
        let are_unfounded = self.cluster.is_none() && own.cluster.is_none();
        // Who finds the others by different lists would found different clusters.
        if are_unfounded && lists[0] != lists[1] && !lists.contains(&NO_LIST) {
            return Err(HelloRefusal::OtherMembers);
        }
        let is_meant = self.to == own.from || (self.to == NOBODY && self.cluster.is_none());
        if !is_meant || self.from == own.from {
            return Err(HelloRefusal::OtherNode);
        }
        let version = own.versions.common(self.versions).ok_or(HelloRefusal::Version)?;
        Ok(Terms {
            peer: self.from,
            version,
            relation: Relation::of(own.cluster, self.cluster).ok_or(HelloRefusal::OtherCluster)?,
        })
    }

    /// The caller's judgement of the answer.
    pub(super) fn conclude(&self, answer: &Answer) -> Result<Terms, HelloRefusal> {
        if let Some(refusal) = answer.refusal {
            return Err(refusal);
        }
        Ok(Terms {
            peer: self.to,
            version: self
                .versions
                .common(answer.versions)
                .ok_or(HelloRefusal::Version)?,
            relation: Relation::of(self.cluster, answer.cluster).ok_or(HelloRefusal::OtherCluster)?,
        })
    }
}

impl Answer {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ANSWER_BYTES);
        bytes.push(self.refusal.map_or(0, HelloRefusal::number));
        bytes.extend(founding(self.cluster));
        bytes.extend(self.versions.write());
        if let Some(HelloRefusal::Removed(at)) = self.refusal {
            bytes.extend(at.0.to_be_bytes());
        }
        bytes.extend(claim(self.boot));
        bytes.extend(self.knows.0.to_be_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, HandshakeError> {
        let mut rest = Reader(bytes);
        let [status] = rest.take()?;
        let (cluster, versions) = (cluster(rest.take()?), Versions::read(rest.take()?));
        Ok(Self {
            refusal: match status {
                0 => None,
                REMOVED => Some(HelloRefusal::Removed(Revision(u64::from_be_bytes(rest.take()?)))),
                number => Some(HelloRefusal::of(number).ok_or(HandshakeError::Refused(number))?),
            },
            cluster,
            versions,
            boot: rest.claim()?,
            knows: match rest.is_over() {
                true => BootNumber::default(),
                false => BootNumber(u64::from_be_bytes(rest.take()?)),
            },
        })
    }
}

/// The number of the refusal that says when.
const REMOVED: u8 = 6;

impl HelloRefusal {
    /// Those that say no more.
    const ALL: [Self; 7] = [
        Self::Version,
        Self::OtherCluster,
        Self::OtherMembers,
        Self::OtherNode,
        Self::OtherCertificate,
        Self::OldCopy,
        Self::AnotherProcess,
    ];

    fn number(self) -> u8 {
        match self {
            Self::Version => 1,
            Self::OtherCluster => 2,
            Self::OtherMembers => 3,
            Self::OtherNode => 4,
            Self::OtherCertificate => 5,
            Self::Removed(_) => REMOVED,
            Self::OldCopy => 7,
            Self::AnotherProcess => 8,
        }
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.number() == number)
    }
}

impl Versions {
    fn write(self) -> [u8; VERSIONS_BYTES] {
        let number = |level: Level| u16::from(level.0).to_be_bytes();
        let ([a, b], [c, d]) = (number(self.lowest), number(self.highest));
        [a, b, c, d]
    }

    fn read([a, b, c, d]: [u8; VERSIONS_BYTES]) -> Self {
        // What is above all levels is not known here either way.
        let level = |bytes| Level(u8::try_from(u16::from_be_bytes(bytes)).unwrap_or(u8::MAX));
        Self {
            lowest: level([a, b]),
            highest: level([c, d]),
        }
    }
}

/// Zeros stand for none.
fn founding(cluster: Option<FoundingId>) -> [u8; FOUNDING_BYTES] {
    cluster.map_or([0; FOUNDING_BYTES], FoundingId::bytes)
}

fn cluster(bytes: [u8; FOUNDING_BYTES]) -> Option<FoundingId> {
    (bytes != [0; FOUNDING_BYTES]).then(|| FoundingId::of(bytes))
}

/// Zeros stand for none.
fn claim(boot: Option<BootClaim>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CLAIM_BYTES);
    if let Some(boot) = boot {
        bytes.extend(boot.mark.number.0.to_be_bytes());
        bytes.extend(boot.mark.process.0.to_be_bytes());
        bytes.extend(boot.has.0.to_be_bytes());
        bytes.extend(boot.term.to_be_bytes());
        bytes.push(u8::from(boot.has_forgotten));
    }
    bytes.resize(CLAIM_BYTES, 0);
    bytes
}

/// The bytes that are left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], HandshakeError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(HandshakeError::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Older versions say none.
    fn address(&mut self) -> Result<Option<String>, HandshakeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let length = usize::from(u16::from_be_bytes(self.take()?));
        if length > Roster::MAX_ADDRESS_BYTES {
            return Err(HandshakeError::Malformed);
        }
        let (address, rest) = self.0.split_at_checked(length).ok_or(HandshakeError::Malformed)?;
        self.0 = rest;
        let address = str::from_utf8(address).map_err(|_| HandshakeError::Malformed)?;
        Ok((!address.is_empty()).then(|| address.to_owned()))
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Older versions say none.
    fn claim(&mut self) -> Result<Option<BootClaim>, HandshakeError> {
        if self.is_over() {
            return Ok(None);
        }
        let boot = BootClaim {
            mark: BootMark {
                number: BootNumber(u64::from_be_bytes(self.take()?)),
                process: ProcessId(u64::from_be_bytes(self.take()?)),
            },
            has: Revision(u64::from_be_bytes(self.take()?)),
            term: u64::from_be_bytes(self.take()?),
            has_forgotten: self.take::<1>()? != [0],
        };
        Ok((boot.mark.number != BootNumber::default()).then_some(boot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Hello = Hello {
        from: NodeId(2),
        to: NodeId(1),
        cluster: None,
        members: [7; MEMBERS_BYTES],
        versions: versions(1, 1),
        address: None,
        boot: None,
    };

    const BOOT: BootClaim = BootClaim {
        mark: BootMark {
            number: BootNumber(4),
            process: ProcessId(u64::MAX),
        },
        has: Revision(1234),
        term: 6,
        has_forgotten: true,
    };

    const fn versions(lowest: u8, highest: u8) -> Versions {
        Versions {
            lowest: Level(lowest),
            highest: Level(highest),
        }
    }

    #[test]
    fn what_is_said_is_read_also_with_more_behind_it() {
        let hello = Hello {
            cluster: Some(FoundingId::of([3; FOUNDING_BYTES])),
            versions: versions(2, 200),
            address: Some("gateway2.example:9300".to_owned()),
            boot: Some(BOOT),
            ..OWN
        };
        let later = [hello.write(), vec![1, 2, 3]].concat();
        assert_eq!(Hello::read(&later).unwrap(), hello);
        let earlier = Hello::read(&later[..HELLO_BYTES]).unwrap();
        assert_eq!(
            (earlier.address, earlier.boot),
            (None, None),
            "older versions say none"
        );
        let silent = Hello { boot: None, ..hello };
        assert_eq!(Hello::read(&silent.write()).unwrap(), silent);
        let with_address = &later[..later.len() - 3 - CLAIM_BYTES];
        assert_eq!(Hello::read(with_address).unwrap(), silent);
        let removed = [Some(HelloRefusal::Removed(Revision(77))), None];
        for refusal in HelloRefusal::ALL.map(Some).into_iter().chain(removed) {
            let answer = Answer {
                refusal,
                cluster: None,
                versions: versions(1, 4),
                boot: Some(BOOT),
                knows: BootNumber(9),
            };
            let later = [answer.write(), vec![1]].concat();
            assert_eq!(Answer::read(&later).unwrap(), answer);
            let earlier = &later[..later.len() - 1 - 8 - CLAIM_BYTES];
            let earlier = Answer::read(earlier).unwrap();
            assert_eq!((earlier.boot, earlier.knows), (None, BootNumber(0)));
        }
        for length in 0..HELLO_BYTES {
            assert!(Hello::read(&later[..length]).is_err(), "{length} bytes");
        }
        assert!(matches!(
            Answer::read(&[&[9][..], &[0; 20]].concat()),
            Err(HandshakeError::Refused(9))
        ));
    }

    #[test]
    fn the_highest_version_that_both_know_is_spoken() {
        let common = |one: (u8, u8), other: (u8, u8)| {
            let (one, other) = (versions(one.0, one.1), versions(other.0, other.1));
            assert_eq!(one.common(other), other.common(one));
            one.common(other).map(|level| level.0)
        };
        assert_eq!(common((1, 1), (1, 1)), Some(1));
        assert_eq!(common((1, 3), (2, 5)), Some(3));
        assert_eq!(common((1, 2), (3, 4)), None);
        assert_eq!(common((5, 1), (1, 5)), None, "it makes no sense");
    }

    #[test]
    fn a_caller_is_taken_for_who_it_is_or_refused() {
        let caller = Hello {
            from: NodeId(1),
            to: NodeId(2),
            ..OWN
        };
        let judged = |change: fn(&mut Hello)| {
            let mut caller = caller.clone();
            change(&mut caller);
            let own = Hello {
                cluster: Some(FoundingId::of([1; FOUNDING_BYTES])),
                ..OWN
            };
            caller.judge(&own).map(|terms| (terms.peer, terms.relation))
        };
        let one = NodeId(1);
        assert_eq!(judged(|_| {}), Ok((one, Relation::Strangers)));
        let same: fn(&mut Hello) = |hello| hello.cluster = Some(FoundingId::of([1; FOUNDING_BYTES]));
        assert_eq!(judged(same), Ok((one, Relation::Fellows)));
        let other: fn(&mut Hello) = |hello| hello.cluster = Some(FoundingId::of([2; FOUNDING_BYTES]));
        assert_eq!(judged(other), Err(HelloRefusal::OtherCluster));
        let unfounded = |members| {
            let mut caller = caller.clone();
            caller.members = members;
            caller.judge(&OWN).map(|terms| terms.relation)
        };
        assert_eq!(
            unfounded([8; MEMBERS_BYTES]),
            Err(HelloRefusal::OtherMembers),
            "they would found different clusters"
        );
        assert_eq!(unfounded(NO_LIST), Ok(Relation::Strangers));
        assert_eq!(
            judged(|hello| hello.members = [8; MEMBERS_BYTES]),
            Ok((one, Relation::Strangers)),
            "the list does not count any more"
        );
        assert_eq!(
            judged(|hello| (hello.from, hello.to) = (NOBODY, NOBODY)),
            Ok((NOBODY, Relation::Strangers)),
            "who wants to join knows nobody"
        );
        let to_anybody: fn(&mut Hello) = |hello| {
            hello.cluster = Some(FoundingId::of([1; FOUNDING_BYTES]));
            hello.to = NOBODY;
        };
        assert_eq!(judged(to_anybody), Err(HelloRefusal::OtherNode));
        assert_eq!(judged(|hello| hello.to = NodeId(3)), Err(HelloRefusal::OtherNode));
        assert_eq!(
            judged(|hello| hello.from = NodeId(2)),
            Err(HelloRefusal::OtherNode),
            "it is the server itself"
        );
        assert_eq!(
            judged(|hello| hello.versions = versions(2, 3)),
            Err(HelloRefusal::Version)
        );
    }

    #[test]
    fn a_caller_judges_the_server_too() {
        let caller = Hello {
            cluster: Some(FoundingId::of([1; FOUNDING_BYTES])),
            ..OWN
        };
        let answer = Answer {
            refusal: None,
            cluster: Some(FoundingId::of([2; FOUNDING_BYTES])),
            versions: versions(2, 2),
            boot: None,
            knows: BootNumber(0),
        };
        assert_eq!(caller.conclude(&answer), Err(HelloRefusal::Version));
        let answer = Answer {
            versions: versions(1, 1),
            ..answer
        };
        assert_eq!(caller.conclude(&answer), Err(HelloRefusal::OtherCluster));
        let answer = Answer {
            cluster: None,
            ..answer
        };
        let terms = caller.conclude(&answer).unwrap();
        assert_eq!(
            (terms.peer, terms.version, terms.relation),
            (NodeId(1), Level::FIRST, Relation::Strangers)
        );
    }
}
