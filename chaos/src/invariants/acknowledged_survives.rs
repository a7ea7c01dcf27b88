//! The last acknowledged change of an account is what its nodes show, unless a later one is open.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Operation, Told, Wish};

pub(crate) fn violations(operations: &[Operation], accounts: &BTreeSet<String>) -> Vec<String> {
    let mut expected: BTreeMap<&str, Option<Wish>> = BTreeMap::new();
    for operation in operations {
        match operation.told {
            Told::Acknowledged => expected.insert(&operation.account, Some(operation.wish)),
            Told::Unknown => expected.insert(&operation.account, None),
            Told::Refused => continue,
        };
    }
    let wrong = |(account, wish): (&str, Option<Wish>)| match (wish?, accounts.contains(account)) {
        (Wish::Create, false) => Some(format!("account {account} was created, and is gone")),
        (Wish::Delete, true) => Some(format!("account {account} was deleted, and is there")),
        _ => None,
    };
    expected.into_iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(told: &[(Wish, Told)], is_there: bool, holds: bool) {
        let operation = |&(wish, told): &(Wish, Told)| Operation {
            account: "a".to_owned(),
            wish,
            told,
        };
        let operations: Vec<_> = told.iter().map(operation).collect();
        let accounts = if is_there {
            BTreeSet::from(["a".to_owned()])
        } else {
            BTreeSet::new()
        };
        assert_eq!(
            violations(&operations, &accounts).is_empty(),
            holds,
            "{told:?} {is_there}"
        );
    }

    #[test]
    fn the_last_acknowledged_change_counts() {
        check(&[(Wish::Create, Told::Acknowledged)], true, true);
        check(&[(Wish::Create, Told::Acknowledged)], false, false);
        check(
            &[
                (Wish::Create, Told::Acknowledged),
                (Wish::Delete, Told::Acknowledged),
            ],
            true,
            false,
        );
        check(
            &[(Wish::Create, Told::Acknowledged), (Wish::Delete, Told::Unknown)],
            true,
            true,
        );
        check(
            &[(Wish::Create, Told::Acknowledged), (Wish::Delete, Told::Unknown)],
            false,
            true,
        );
        check(
            &[(Wish::Create, Told::Acknowledged), (Wish::Delete, Told::Refused)],
            false,
            false,
        );
    }
}
