//! All nodes show the same accounts.

use std::collections::BTreeSet;

pub(crate) fn violations(accounts: &[BTreeSet<String>]) -> Vec<String> {
    let Some((first, others)) = accounts.split_first() else {
        return vec!["no node answered".to_owned()];
    };
    let differing = |(place, other): (usize, &BTreeSet<String>)| {
        let difference = first.symmetric_difference(other).next()?;
        Some(format!(
            "nodes 1 and {} differ, for instance in account {difference}",
            place + 2
        ))
    };
    others.iter().enumerate().filter_map(differing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found() {
        let with = BTreeSet::from(["a".to_owned()]);
        assert!(violations(&[with.clone(), with.clone()]).is_empty());
        assert_eq!(violations(&[with, BTreeSet::new()]).len(), 1);
        assert_eq!(violations(&[]).len(), 1);
    }
}
