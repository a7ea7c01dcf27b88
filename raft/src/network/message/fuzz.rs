//! A fuzz target: what peers say and what is on disk, spoiled behind a right checksum. It is read or refused, and what
//! is read can be applied and written again.

use super::*;
use crate::codec::layout::SnapshotV1;
use crate::codec::tests::{commands, entry, snapshot, snapshot_of_level_2};
use crate::codec::{CodecError, decode, encode};
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

/// Checks that a value that was read is written so that it reads back. A state may be of a level that nobody knows yet, if a
/// node that knows it founded the cluster: it is written as such, and refused.
fn again<T: Format>(value: &T) {
    match decode::<T>(&encode(value).unwrap(), Level::NEXT) {
        Ok(_) => {}
        Err(CodecError::Newer { version, .. }) => assert_eq!(version, value.level()),
        Err(error) => panic!("{error}"),
    }
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
        Request::Propose(Box::new(proposal))
    });
    let mut requests: Vec<Request> = proposals.collect();
    requests.extend(examples::requests().into_iter().map(|(_, request)| request));
    requests.push(Request::Append(AppendMessage {
        vote,
        prev: None,
        entries,
        commit: None,
    }));
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
        let Ok(request) = decode::<Request>(&bytes, Level::NEXT) else {
            return;
        };
        again(&request);
        match request {
            Request::Append(append) => {
                if let Ok(append) = append.into_openraft() {
                    again(&Request::Append(AppendMessage::new(append)));
                }
            }
            Request::Snapshot(piece) => {
                if let Gathered::Whole(snapshot) = Gathering::default().add(piece) {
                    decode::<SnapshotV1>(&snapshot, Level::NEXT).ok();
                }
            }
            Request::Propose(proposal) => {
                let mut state = State::default();
                machine::apply(&mut state, *proposal, Revision(1));
                again(&state);
            }
            _ => {}
        }
    });
}

#[test]
fn fuzz_answers_of_peers() {
    let sound: Vec<Vec<u8>> = examples::responses()
        .iter()
        .map(|(_, answer)| encode(answer).unwrap())
        .collect();
    run("answers of peers", |chance| {
        let sound = chance.pick::<Vec<u8>>(&sound);
        if let Ok(answer) = decode::<Response>(&spoiled(sound, chance), Level::NEXT) {
            again(&answer);
        }
    });
}

#[test]
fn fuzz_snapshots() {
    let sound = [snapshot(), snapshot_of_level_2()].map(|snapshot| encode(&snapshot).unwrap());
    let proposals = commands();
    run("snapshots", |chance| {
        let Ok(snapshot) =
            decode::<SnapshotV1>(&spoiled(chance.pick::<Vec<u8>>(&sound), chance), Level::NEXT)
        else {
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
