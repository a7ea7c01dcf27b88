//! Which accounts and topics have metrics of their own: those that are configured, up to a bound, first come first served.

use std::collections::HashSet;

use klamm_raft::model::{State, VclusterName};

use crate::metrics::{OTHERS, UsageMetrics};
use crate::usage::OTHER;

/// The names that have metrics of their own.
#[derive(Debug)]
pub(super) struct Labels {
    accounts: Names,
    topics: Names,
}

/// Names of one kind.
#[derive(Debug)]
struct Names {
    most: usize,
    known: HashSet<(VclusterName, String)>,
}

impl Names {
    fn new(most: usize) -> Self {
        Self {
            most,
            known: HashSet::new(),
        }
    }

    fn label<'a>(&mut self, (vcluster, name): (&VclusterName, &'a str)) -> &'a str {
        let key = (vcluster.clone(), name.to_owned());
        if self.known.contains(&key) {
            return name;
        }
        if self.known.len() >= self.most {
            return OTHERS;
        }
        self.known.insert(key);
        name
    }

    fn forget(&mut self, is_there: impl Fn(&VclusterName, &str) -> bool) -> Vec<(VclusterName, String)> {
        let gone = self
            .known
            .iter()
            .filter(|(vcluster, name)| !is_there(vcluster, name));
        let gone: Vec<_> = gone.cloned().collect();
        self.known.retain(|key| !gone.contains(key));
        gone
    }
}

impl Labels {
    pub(super) fn new(accounts: usize, topics: usize) -> Self {
        Self {
            accounts: Names::new(accounts),
            topics: Names::new(topics),
        }
    }

    /// The label of an account: its name, if it is a service account.
    pub(super) fn account<'a>(&mut self, state: &State, account: (&VclusterName, &'a str)) -> &'a str {
        match is_account(state, account) {
            true => self.accounts.label(account),
            false => OTHERS,
        }
    }

    /// The label of a topic. It had records, so it is there.
    pub(super) fn topic<'a>(&mut self, topic: (&VclusterName, &'a str)) -> &'a str {
        match topic.1 {
            OTHER => OTHERS,
            _ => self.topics.label(topic),
        }
    }

    /// Forgets names that are no longer configured, with their metrics.
    pub(super) fn forget_the_gone(&mut self, state: &State, metrics: &UsageMetrics) {
        let accounts = self
            .accounts
            .forget(|vcluster, name| is_account(state, (vcluster, name)));
        for (vcluster, account) in accounts {
            metrics.forget_account((&vcluster, &account));
        }
        for (vcluster, topic) in self
            .topics
            .forget(|vcluster, name| may_be_topic(state, (vcluster, name)))
        {
            metrics.forget_topic((&vcluster, &topic));
        }
    }
}

fn is_account(state: &State, (vcluster, name): (&VclusterName, &str)) -> bool {
    let vcluster = state.vclusters.get(vcluster);
    vcluster.is_some_and(|vcluster| vcluster.accounts.contains_key(name))
}

/// Whether there may be such a topic: where topics are not configured one by one, nobody knows here.
fn may_be_topic(state: &State, (vcluster, name): (&VclusterName, &str)) -> bool {
    state
        .vclusters
        .get(vcluster)
        .is_some_and(|vcluster| vcluster.aliases.is_empty() || vcluster.aliases.contains_key(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use klamm_raft::model::{AccountSpec, Revision, ServiceAccount};

    use super::*;
    use crate::metrics::Metrics;
    use crate::usage::Figures;
    use crate::vcluster::samples;

    fn state(accounts: &[&str]) -> State {
        let mut vcluster = samples::partner(&[("orders", "main", "po"), ("bills", "main", "pb")]);
        let accounts = accounts.iter().map(|name| {
            let account = ServiceAccount {
                spec: AccountSpec::local(),
                created: Revision(1),
            };
            (name.parse().unwrap(), account)
        });
        vcluster.accounts = accounts.collect::<BTreeMap<_, _>>().into();
        let mut state = State::default();
        state.vclusters.insert("v".parse().unwrap(), vcluster.into());
        state
    }

    #[test]
    fn only_what_is_configured_has_a_label_and_only_so_many() {
        let vcluster: VclusterName = "v".parse().unwrap();
        let state = state(&["a", "b", "c"]);
        let mut labels = Labels::new(2, 1);
        let mut account = |name| labels.account(&state, (&vcluster, name));
        assert_eq!(account("client text"), OTHERS);
        assert_eq!(
            ["a", "b", "c", "a", OTHER].map(&mut account),
            ["a", "b", OTHERS, "a", OTHERS]
        );
        let mut topic = |name| labels.topic((&vcluster, name));
        assert_eq!(
            ["orders", "bills", OTHER].map(&mut topic),
            ["orders", OTHERS, OTHERS]
        );
    }

    #[test]
    fn the_place_of_what_is_gone_is_free_and_its_series_are_gone() {
        let vcluster: VclusterName = "v".parse().unwrap();
        let metrics = Metrics::new().unwrap();
        let used = Figures {
            requests: 1,
            bytes_in: 2,
            produced_bytes: 3,
            ..Figures::default()
        };
        let mut labels = Labels::new(1, 1);
        let before = state(&["a", "b"]);
        assert_eq!(labels.account(&before, (&vcluster, "a")), "a");
        assert_eq!(labels.topic((&vcluster, "orders")), "orders");
        metrics.usage.of_account((&vcluster, "a"), &used);
        metrics.usage.of_topic((&vcluster, "orders"), &used);
        labels.forget_the_gone(&before, &metrics.usage);
        let shown = metrics.encode().unwrap();
        assert!(
            shown.contains(r#"klamm_account_bytes_total{account="a",direction="in",vcluster="v"} 2"#),
            "{shown}"
        );
        assert!(
            shown.contains(r#"klamm_topic_bytes_total{direction="in",topic="orders",vcluster="v"} 3"#),
            "{shown}"
        );
        labels.forget_the_gone(&State::default(), &metrics.usage);
        let shown = metrics.encode().unwrap();
        assert!(
            !shown.contains(r#"account="a""#) && !shown.contains("orders"),
            "{shown}"
        );
        assert_eq!(labels.account(&before, (&vcluster, "b")), "b");
        assert_eq!(labels.topic((&vcluster, "bills")), "bills");
    }
}
