//! In what order several resources go out: those that have nothing to do with each other at the same time, and everything
//! else as it is written. Pure.

use std::collections::BTreeMap;

use super::kind::Kind;
use crate::admin::Pace;

/// A change, as far as the order matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaveItem {
    pub(super) kind: Kind,
    /// Virtual clusters belong to none.
    pub(super) vcluster: Option<String>,
    /// The claims that no other item may have at the same time, within its virtual cluster.
    pub(super) claims: Vec<String>,
}

/// Groups of items, by their places in the list. A group goes out after the one before it.
pub(super) fn waves(items: &[WaveItem]) -> Vec<Vec<usize>> {
    let mut waves: Vec<Vec<usize>> = Vec::new();
    let mut kind = None;
    // The first wave of the present kind.
    let mut base = 0;
    // The last wave in which something is wanted.
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    // The wave of the first of a virtual cluster, which decides something for the others: the first alias, where that is at
    // home.
    let mut homes: BTreeMap<(Kind, Option<String>), usize> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        if kind != Some(item.kind) {
            kind = Some(item.kind);
            base = waves.len();
        }
        let claims = claims(item);
        let earlier = claims.iter().filter_map(|claim| wanted.get(claim));
        let mut wave = earlier.map(|earlier| earlier + 1).max().unwrap_or(base).max(base);
        if pace(item) == Some(Pace::FirstAlone) {
            let home = (item.kind, item.vcluster.clone());
            match homes.get(&home) {
                Some(home) => wave = wave.max(home + 1),
                None => {
                    homes.insert(home, wave);
                }
            }
        }
        wanted.extend(claims.into_iter().map(|claim| (claim, wave)));
        if waves.len() <= wave {
            waves.resize(wave + 1, Vec::new());
        }
        waves[wave].push(index);
    }
    waves
}

fn pace(item: &WaveItem) -> Option<Pace> {
    item.kind.applied.as_ref().map(|applied| applied.pace)
}

fn claims(item: &WaveItem) -> Vec<String> {
    let kind = item.kind;
    match pace(item) {
        // Of virtual clusters: ports are given out, and prefixes taken, in the order of the file.
        Some(Pace::OneByOne) => vec![format!("{kind}")],
        _ => item
            .claims
            .iter()
            .map(|claim| format!("{kind} {:?} {claim}", item.vcluster))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: &str, vcluster: &str, claims: &[&str]) -> WaveItem {
        WaveItem {
            kind: kind.parse().expect("a kind"),
            vcluster: (!vcluster.is_empty()).then(|| vcluster.to_owned()),
            claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
        }
    }

    #[test]
    fn what_depends_on_nothing_else_goes_out_together() {
        let items = [
            item("VirtualCluster", "", &["a"]),
            item("VirtualCluster", "", &["b"]),
            item("AliasTopic", "a", &["t1", "to p1"]),
            item("AliasTopic", "a", &["t2", "to p2"]),
            item("AliasTopic", "b", &["t1", "to p1"]),
            item("AliasTopic", "a", &["t3", "to p3"]),
            item("AliasTopic", "a", &["t4", "to p2"]),
            item("ServiceAccount", "a", &["x"]),
            item("ServiceAccount", "a", &["y"]),
            item("ServiceAccount", "a", &["x"]),
        ];
        assert_eq!(
            waves(&items),
            [
                vec![0],
                vec![1],
                vec![2, 4],
                vec![3, 5],
                vec![6],
                vec![7, 8],
                vec![9],
            ]
        );
        assert!(waves(&[]).is_empty());
    }
}
