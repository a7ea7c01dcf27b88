//! Client quotas.

use super::*;
use crate::model::{Level, QuotaChange, QuotaEntity, QuotaKey, QuotaName, QuotaValue};

/// At level 2.
fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.state.level = Level::QUOTAS;
    machine
}

fn user(name: &str) -> QuotaEntity {
    QuotaEntity::User(QuotaName::Named(name.to_owned()))
}

fn change(entity: QuotaEntity, key: QuotaKey, value: Option<f64>) -> QuotaChange {
    QuotaChange {
        entity,
        key,
        value: value.map(QuotaValue::new),
    }
}

fn alter(changes: Vec<QuotaChange>) -> Command {
    Command::AlterQuotas {
        vcluster: "one".parse().unwrap(),
        changes,
    }
}

const BYTES: QuotaKey = QuotaKey::ProducerByteRate;

#[test]
fn quotas_are_put_and_removed_and_go_with_their_virtual_cluster() {
    let mut machine = machine();
    let put_one = || alter(vec![change(user("alice"), BYTES, Some(1000.0))]);
    assert_eq!(
        machine.refusal(put_one()),
        Refusal::NoSuchVcluster("one".parse().unwrap())
    );
    machine.run(put("one"));
    assert_eq!(machine.run(put_one()), Outcome::Updated);
    assert_eq!(machine.run(put_one()), Outcome::Unchanged);
    let both = alter(vec![
        change(user("alice"), QuotaKey::RequestPercentage, Some(50.0)),
        change(user("bob"), BYTES, None),
    ]);
    assert_eq!(machine.run(both), Outcome::Updated);
    let quotas = &machine.vcluster("one").quotas;
    assert_eq!(quotas.len(), 1);
    assert_eq!(quotas[&user("alice")][&BYTES].get(), 1000.0);
    assert_eq!(quotas[&user("alice")].len(), 2);
    let none = alter(vec![
        change(user("alice"), BYTES, None),
        change(user("alice"), QuotaKey::RequestPercentage, None),
    ]);
    assert_eq!(machine.run(none.clone()), Outcome::Updated);
    assert_eq!(machine.run(none), Outcome::Unchanged);
    assert!(machine.vcluster("one").quotas.is_empty());
    machine.run(put_one());
    machine.run(Command::DeleteVcluster {
        name: "one".parse().unwrap(),
    });
    machine.run(put("one"));
    assert!(machine.vcluster("one").quotas.is_empty());
}

#[test]
fn not_everybody_can_have_a_quota() {
    let mut machine = machine();
    machine.run(put("one"));
    let most = usize::try_from(Limit::Quotas.most()).unwrap();
    let of = |number: usize| change(user(&number.to_string()), BYTES, Some(1.0));
    machine.run(alter((0..most).map(of).collect()));
    let over = machine.refusal(alter(vec![of(most)]));
    assert!(matches!(over, Refusal::OverLimit(over) if over.limit == Limit::Quotas));
    // Another takes the place of one.
    let swapped = alter(vec![change(user("0"), BYTES, None), of(most)]);
    assert_eq!(machine.run(swapped), Outcome::Updated);
}
