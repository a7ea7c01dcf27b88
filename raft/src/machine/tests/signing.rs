//! Signing keys: set once, rotated, retired, and the tokens that end with them.

use super::*;
use crate::command::OldKeys;

const NOW_S: u64 = 150;

fn rotate(from: u8, to: u8, old: OldKeys) -> Command {
    Command::RotateSigningKey {
        replaced: key(from).id(),
        key: key(to),
        old,
    }
}

fn retire(byte: u8) -> Command {
    Command::RetireSigningKey { key: key(byte).id() }
}

fn signed_by(byte: u8, mut command: Command) -> Command {
    if let Command::PutToken { record, .. } = &mut command {
        record.key = key(byte).id();
    }
    command
}

/// Token 1 in `one`, token 2 in `other`; `other` has one that ended as well.
fn with_tokens() -> Machine {
    let mut machine = Machine::default();
    for name in ["one", "other"] {
        machine.run(put(name));
        machine.run(account(name, "alice"));
    }
    let created = |name: &str| machine.vcluster(name).accounts["alice"].created.0;
    let (one, other) = (created("one"), created("other"));
    machine.run(token("one", 1, "alice", one, (100, 200)));
    machine.run(token("other", 2, "alice", other, (100, 200)));
    machine.run(token("other", 3, "alice", other, (100, NOW_S)));
    machine
}

fn tokens(machine: &Machine) -> Vec<u8> {
    let all = machine.state.vclusters.values();
    all.flat_map(|vcluster| vcluster.tokens.keys().map(|id| id.0[0]))
        .collect()
}

fn verifying(machine: &Machine) -> Vec<SigningKey> {
    let keys = machine.state.signing_keys.as_ref().unwrap();
    keys.verifying().cloned().collect()
}

#[test]
fn the_first_signing_key_is_set_once() {
    let init = |byte| Command::InitSigningKey {
        key: key(byte),
        decoy: key(byte + 100),
    };
    let mut machine = Machine::default();
    machine.state.signing_keys = None;
    assert_eq!(
        machine.refusal(rotate(1, 2, OldKeys::Retired)),
        Refusal::NoSigningKey
    );
    assert_eq!(machine.refusal(retire(1)), Refusal::NoSigningKey);
    assert_eq!(machine.run(init(1)), Outcome::Created);
    assert_eq!(machine.run(init(2)), Outcome::Unchanged);
    let expected = SigningKeys::new(key(1), key(101));
    assert_eq!(machine.state.signing_keys, Some(expected));
}

#[test]
fn an_old_key_verifies_until_it_is_retired_and_its_tokens_end_with_it() {
    let mut machine = with_tokens();
    let kept = OldKeys::Kept { at_s: NOW_S };
    assert_eq!(machine.run(rotate(1, 2, kept)), Outcome::Updated);
    assert_eq!(verifying(&machine), [key(2), key(1)]);
    assert_eq!(tokens(&machine), [1, 2, 3]);
    assert_eq!(machine.state.live_tokens_of(key(1).id(), NOW_S), 2);

    let created = machine.vcluster("one").accounts["alice"].created.0;
    let late = token("one", 4, "alice", created, (100, 200));
    let signs = key(2).id();
    assert_eq!(
        machine.refusal(late.clone()),
        Refusal::KeyRotated { signs },
        "a token that was being signed meanwhile"
    );
    machine.run(signed_by(2, late));

    assert_eq!(machine.refusal(retire(2)), Refusal::KeySigns { key: signs });
    let untouched = Arc::clone(&machine.state.vclusters["one"]);
    assert_eq!(machine.run(retire(9)), Outcome::Unchanged);
    assert!(Arc::ptr_eq(&untouched, &machine.state.vclusters["one"]));
    assert_eq!(machine.run(retire(1)), Outcome::Deleted);
    assert_eq!(verifying(&machine), [key(2)]);
    assert_eq!(tokens(&machine), [4]);
    assert_eq!(machine.run(retire(1)), Outcome::Unchanged);
    let keys = machine.state.signing_keys.as_ref().unwrap();
    assert_eq!((&keys.retired, &keys.decoy), (&vec![key(1).id()], &key(0)));
}

#[test]
fn a_rotation_ends_live_tokens_only_where_that_is_asked_for() {
    let mut machine = with_tokens();
    let kept = OldKeys::Kept { at_s: NOW_S };
    machine.run(rotate(1, 2, kept));
    // Whoever sends it once more, because the answer was lost, does not end what depends on the first key.
    let refused = machine.refusal(rotate(2, 3, kept));
    assert_eq!(
        refused,
        Refusal::TokensOfOldKey {
            key: key(1).id(),
            tokens: 2
        }
    );
    assert_eq!(verifying(&machine), [key(2), key(1)]);
    let later = OldKeys::Kept { at_s: 200 };
    assert_eq!(machine.run(rotate(2, 3, later)), Outcome::Updated, "none is live");
    assert_eq!(verifying(&machine), [key(3), key(2)]);
    assert!(tokens(&machine).is_empty());
}

#[test]
fn all_old_keys_are_dropped_at_once_after_a_theft() {
    let mut machine = with_tokens();
    machine.run(rotate(1, 2, OldKeys::Kept { at_s: NOW_S }));
    let created = machine.vcluster("one").accounts["alice"].created.0;
    machine.run(signed_by(2, token("one", 4, "alice", created, (100, 200))));
    assert_eq!(machine.run(rotate(2, 3, OldKeys::Retired)), Outcome::Updated);
    assert_eq!(verifying(&machine), [key(3)]);
    assert!(tokens(&machine).is_empty());
    let keys = machine.state.signing_keys.as_ref().unwrap();
    assert_eq!(keys.retired, [key(1).id(), key(2).id()]);
}

#[test]
fn of_two_rotations_at_once_one_is_refused() {
    let mut machine = with_tokens();
    machine.run(rotate(1, 2, OldKeys::Retired));
    let signs = key(2).id();
    for old in [OldKeys::Retired, OldKeys::Kept { at_s: NOW_S }] {
        assert_eq!(machine.refusal(rotate(1, 3, old)), Refusal::KeyRotated { signs });
    }
    assert_eq!(verifying(&machine), [key(2)]);
}
