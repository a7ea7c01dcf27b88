//! No node shows an account that nobody asked for.

use std::collections::BTreeSet;

use crate::history::{Operation, Told, Wish};

pub(crate) fn violations(operations: &[Operation], accounts: &BTreeSet<String>) -> Vec<String> {
    let may_exist = operations
        .iter()
        .filter(|operation| operation.wish == Wish::Create && operation.told != Told::Refused);
    let asked: BTreeSet<&str> = may_exist.map(|operation| operation.account.as_str()).collect();
    let unasked = accounts
        .iter()
        .filter(|account| !asked.contains(account.as_str()));
    unasked
        .map(|account| format!("account {account} is there, and its creation was refused or never asked for"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_creation_must_not_show() {
        let told = |told| {
            vec![Operation {
                account: "a".to_owned(),
                wish: Wish::Create,
                told,
            }]
        };
        let there = BTreeSet::from(["a".to_owned()]);
        assert!(violations(&told(Told::Unknown), &there).is_empty());
        assert_eq!(violations(&told(Told::Refused), &there).len(), 1);
        assert_eq!(violations(&[], &there).len(), 1);
    }
}
