//! What peers say and what is on disk, spoiled behind a right checksum: it is read or refused, and what is read can be
//! applied and written again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::codec::layout::SnapshotV1;
use crate::codec::tests::{commands, entry, snapshot};
use crate::codec::{decode, encode};
use crate::fuzz::chance::Chance;
use crate::fuzz::mutate::spoil;
use crate::fuzz::runner::run;
use crate::machine;
use crate::model::State;
use crate::network::pieces::{self, Gathered, Gathering};

/// Bytes that are a sound value but for what chance does to its content.
fn spoiled(sound: &[u8], chance: &mut Chance) -> Vec<u8> {
    let (version, content) = (sound[..1].to_vec(), &sound[1..sound.len() - 4]);
    let mut content = content.to_vec();
    if !chance.one_in(20) {
        spoil(&mut content, chance);
    }
    let mut bytes = [version, content].concat();
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend(checksum.to_le_bytes());
    if chance.one_in(20) {
        spoil(&mut bytes, chance);
    }
    bytes
}

/// What was read is written so that it reads back.
fn again<T: Serialize + DeserializeOwned>(value: &T) {
    decode::<T>(&encode(value).unwrap()).unwrap();
}

fn entries() -> Vec<EntryV1> {
    let entries = commands().into_iter().enumerate().map(entry);
    entries.map(|entry| EntryV1::from(&entry)).collect()
}

fn requests() -> Vec<Request> {
    let (entries, snapshot) = (entries(), snapshot());
    let vote = VoteV1::from(crate::types::Vote::new_committed(7, 3));
    let proposals = commands().into_iter().enumerate().map(|numbered| {
        let openraft::EntryPayload::Normal(proposal) = entry(numbered).payload else {
            unreachable!("a command")
        };
        Request::Propose(proposal)
    });
    let mut requests: Vec<Request> = proposals.collect();
    requests.extend([
        Request::Append(AppendMessage {
            vote,
            prev: None,
            entries,
            commit: None,
        }),
        Request::Vote(Ballot {
            vote,
            last: None,
            transfer: true,
        }),
        Request::TransferLeader {
            from: vote,
            to: 2,
            last: None,
        },
        Request::Show { after: Revision(5) },
        Request::Floor,
        Request::Describe,
        Request::Join {
            cluster: FoundingId::of([7; FoundingId::BYTES]),
        },
    ]);
    let snapshot = encode(&snapshot).unwrap();
    requests.extend(pieces::cut(vote, &snapshot).map(Request::Snapshot));
    requests
}

#[test]
fn fuzz_requests_of_peers() {
    let sound: Vec<Vec<u8>> = requests()
        .iter()
        .map(|request| encode(request).unwrap())
        .collect();
    run("requests of peers", |chance| {
        let sound = chance.pick::<Vec<u8>>(&sound);
        let bytes = spoiled(sound, chance);
        match decode::<Request>(&bytes) {
            Ok(Request::Append(append)) => {
                again(&append);
                if let Ok(append) = append.into_openraft() {
                    again(&AppendMessage::new(append));
                }
            }
            Ok(Request::Snapshot(piece)) => {
                again(&piece);
                if let Gathered::Whole(snapshot) = Gathering::default().add(piece) {
                    decode::<SnapshotV1>(&snapshot).ok();
                }
            }
            Ok(Request::Propose(proposal)) => {
                again(&proposal);
                let mut state = State::default();
                machine::apply(&mut state, proposal, Revision(1));
                again(&state);
            }
            Ok(other) => again(&other),
            Err(_) => {}
        }
    });
}

#[test]
fn fuzz_answers_of_peers() {
    let vote = VoteV1::from(crate::types::Vote::new_committed(7, 3));
    let answers = [
        Response::Append(AppendAnswer::HigherVote(vote)),
        Response::Vote {
            vote,
            granted: true,
            last: None,
        },
        Response::Taken(TakeAnswer::Stopped),
        Response::Shown(Revision(6)),
        Response::Description(PeerDescription {
            member: true,
            cluster: Some(FoundingId::of([7; FoundingId::BYTES])),
            vote: Some(vote),
            last: None,
        }),
        Response::Failed(Failure::DiskFull),
        Response::Floor(FloorAnswer::At(Revision(6))),
    ];
    let sound: Vec<Vec<u8>> = answers.iter().map(|answer| encode(answer).unwrap()).collect();
    run("answers of peers", |chance| {
        let sound = chance.pick::<Vec<u8>>(&sound);
        if let Ok(answer) = decode::<Response>(&spoiled(sound, chance)) {
            again(&answer);
        }
    });
}

#[test]
fn fuzz_snapshots() {
    let sound = encode(&snapshot()).unwrap();
    let proposals = commands();
    run("snapshots", |chance| {
        let Ok(snapshot) = decode::<SnapshotV1>(&spoiled(&sound, chance)) else {
            return;
        };
        snapshot.meta().ok();
        again(&snapshot);
        let mut state = State::clone(&snapshot.state);
        let command = chance.pick(&proposals).clone();
        let openraft::EntryPayload::Normal(proposal) = entry((50, command)).payload else {
            unreachable!("a command")
        };
        machine::apply(&mut state, proposal, Revision(u64::MAX / 2));
        again(&state);
    });
}
