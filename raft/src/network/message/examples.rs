//! One of each message, for golden files and fuzz targets.

use super::*;
use crate::codec::tests::level_2::new_node;
use crate::codec::tests::{commands, entry, id, snapshot};
use crate::model::{NodeId, PolicyId, PolicyKey, QuotaDemand, QuotaHolder, QuotaKey, QuotaKind, SigningKey};
use crate::network::pieces;
use crate::outcome::Refusal;

const PROCESS: ProcessId = ProcessId(9);

fn vote() -> VoteV1 {
    crate::types::Vote::new_committed(7, 3).into()
}

fn last() -> Option<LogIdV1> {
    Some(id(9).into())
}

fn cluster() -> FoundingId {
    FoundingId::of([7; FoundingId::BYTES])
}

fn ballot() -> Ballot {
    Ballot {
        vote: vote(),
        last: last(),
        transfer: true,
    }
}

fn demand() -> QuotaDemand {
    let holder = QuotaHolder {
        vcluster: "partner".parse().expect("a name"),
        kind: QuotaKind::Client(QuotaKey::ConsumerByteRate),
        user: Some("alice".to_owned()),
        client: Some("app".to_owned()),
        address: Some([192, 0, 2, 7].into()),
    };
    QuotaDemand {
        holder,
        thousandths: 1_500,
        waits: true,
    }
}

/// By name.
pub(crate) fn requests() -> Vec<(&'static str, Request)> {
    let numbered = commands().into_iter().enumerate().next().expect("a command");
    let openraft::EntryPayload::Normal(proposal) = entry(numbered.clone()).payload else {
        unreachable!("a command")
    };
    let snapshot = codec::encode(&snapshot()).expect("it can be written");
    let piece = pieces::cut(vote(), &snapshot).next().expect("a piece");
    let append = AppendMessage {
        vote: vote(),
        prev: last(),
        entries: vec![(&entry(numbered)).into()],
        commit: last(),
    };
    let transfer = Request::TransferLeader {
        from: vote(),
        to: 2,
        last: last(),
    };
    vec![
        ("append", Request::Append(append)),
        ("vote", Request::Vote(ballot())),
        ("pre-vote", Request::PreVote(ballot())),
        ("snapshot", Request::Snapshot(piece)),
        ("transfer-leader", transfer),
        ("propose", Request::Propose(Box::new(proposal))),
        ("show", Request::Show { after: Revision(5) }),
        ("describe", Request::Describe),
        ("join", Request::Join { cluster: cluster() }),
        ("floor", Request::Floor),
        (
            "lease",
            Request::Lease {
                process: PROCESS,
                shows: Revision(5),
            },
        ),
        (
            "shows",
            Request::Shows {
                process: PROCESS,
                shows: Revision(6),
            },
        ),
        ("release", Request::Release { process: PROCESS }),
        ("members", Request::Members),
        ("admit", Request::Admit(Box::new(new_node()))),
        ("acknowledged", Request::Acknowledged { before: 8 }),
        ("demands", Request::Demands(vec![demand()])),
        ("inquire", Request::Inquire(b"how much?".to_vec())),
        (
            "settled",
            Request::Settled {
                revision: Revision(7),
            },
        ),
    ]
}

/// By name.
pub(crate) fn responses() -> Vec<(&'static str, Response)> {
    let refused = Outcome::Refused(Refusal::NoSuchNode(NodeId(4).0));
    let taken = |outcome| TakeAnswer::Committed {
        outcome,
        revision: Revision(8),
    };
    let description = PeerDescription {
        member: true,
        vote: Some(vote()),
        last: last(),
        cluster: Some(cluster()),
    };
    let policy = PolicyKey::Everywhere(PolicyId::of_all("stamp".parse().expect("a name")));
    let signs = SigningKey(vec![1, 2, 3]).id();
    let mut responses = vec![
        ("append-success", Response::Append(AppendAnswer::Success)),
        ("append-partial", Response::Append(AppendAnswer::Partial(last()))),
        ("append-conflict", Response::Append(AppendAnswer::Conflict)),
        (
            "append-higher-vote",
            Response::Append(AppendAnswer::HigherVote(vote())),
        ),
        (
            "vote",
            Response::Vote {
                vote: vote(),
                granted: true,
                last: last(),
            },
        ),
        ("snapshot", Response::Snapshot { vote: vote() }),
        ("transfer-leader", Response::TransferLeader { accepted: true }),
        ("acknowledged", Response::Acknowledged { millis: 1500 }),
        ("taken-created", Response::Taken(taken(Outcome::Created))),
        ("taken-refused", Response::Taken(taken(refused))),
        (
            "taken-key-rotated",
            Response::Taken(taken(Outcome::Refused(Refusal::KeyRotated { signs }))),
        ),
        (
            "taken-no-such-policy",
            Response::Taken(taken(Outcome::Refused(Refusal::NoSuchPolicy(policy)))),
        ),
        ("taken-not-leader", Response::Taken(TakeAnswer::NotLeader)),
        ("taken-disk-full", Response::Taken(TakeAnswer::DiskFull)),
        ("taken-stopped", Response::Taken(TakeAnswer::Stopped)),
        ("shown", Response::Shown(Revision(6))),
        ("description", Response::Description(description)),
        ("joined", Response::Join(JoinAnswer::Joined)),
        ("has-cluster", Response::Join(JoinAnswer::HasCluster)),
        ("failed-not-taking-part", Response::Failed(Failure::NotTakingPart)),
        ("failed-rejoining", Response::Failed(Failure::Rejoining)),
        ("failed-disk-full", Response::Failed(Failure::DiskFull)),
        ("failed-stopped", Response::Failed(Failure::Stopped)),
        ("failed-not-understood", Response::Failed(Failure::NotUnderstood)),
        ("floor", Response::Floor(FloorAnswer::At(Revision(6)))),
        ("floor-not-leader", Response::Floor(FloorAnswer::NotLeader)),
        ("piece", Response::Piece),
        ("told", Response::Told(b"much".to_vec())),
    ];
    responses.extend(about_leases());
    responses.extend(about_members());
    responses
}

/// Those about nodes that come and go.
fn about_members() -> Vec<(&'static str, Response)> {
    let id = NodeId(4);
    let known = KnownMembers {
        cluster: Some(cluster()),
        members: [NodeId(1), id].into(),
        voters: [NodeId(1)].into(),
    };
    let refused = Refusal::NodeIdUsed { wanted: 4, last: 5 };
    let admitted = AdmissionAnswer::Admitted {
        id,
        cluster: cluster(),
    };
    vec![
        ("members", Response::Members(known)),
        ("admitted", Response::Admission(admitted)),
        (
            "admission-refused",
            Response::Admission(AdmissionAnswer::Refused(refused)),
        ),
        (
            "admission-not-now",
            Response::Admission(AdmissionAnswer::NotNow("no leader".to_owned())),
        ),
    ]
}

/// Those about leases.
fn about_leases() -> Vec<(&'static str, Response)> {
    let granted = LeaseAnswer::Granted {
        floor: Revision(6),
        millis: 2500,
        clock_ms: 1_790_000_000_000,
    };
    vec![
        ("lease-granted", Response::Lease(granted)),
        ("lease-not-leader", Response::Lease(LeaseAnswer::NotLeader)),
        (
            "lease-another-process",
            Response::Lease(LeaseAnswer::AnotherProcess),
        ),
        ("settled-everywhere", Response::Settled(SettledAnswer::Everywhere)),
        (
            "settled-waiting",
            Response::Settled(SettledAnswer::Waiting(vec![NodeId(3)])),
        ),
        ("settled-not-leader", Response::Settled(SettledAnswer::NotLeader)),
        ("noted", Response::Noted),
    ]
}
