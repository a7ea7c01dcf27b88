//! Policies that look at headers, keys and values of each record.

use std::collections::BTreeMap;
use std::sync::Arc;

use allocation_counter::measure;
use klamm::authz::Principal;
use klamm::policy::{AuthType, Policies, PolicyChain, PolicyContext};
use klamm::records::{BatchBounds, Produced, Workspace, produced};
use klamm_raft::model::{Policy, PolicyAction, PolicyId, PolicyPhase};

use crate::records::batch;

/// A condition that each record meets.
const CONDITION: &str = "'customer' in record.headers && record.headers['customer'].startsWith('a') \
    && record.key == null && record.value.content.order.lines[1].country == 'DE' \
    && record.headers.customer in ['b', 'a']";

/// A judge of records that come in batches.
struct Judge {
    chain: PolicyChain,
    workspace: Workspace,
}

impl Judge {
    fn new() -> Self {
        let id = PolicyId::of_all("p".parse().unwrap());
        let action = PolicyAction::Require {
            description: String::new(),
        };
        let policy = Policy {
            condition: Some(CONDITION.to_owned()),
            ..Policy::new(PolicyPhase::Produce, action)
        };
        let policies = Policies::compile(
            &BTreeMap::new(),
            &BTreeMap::from([(id, policy)]),
            &BTreeMap::new(),
        );
        let context = Arc::new(PolicyContext {
            vcluster: "v".parse().unwrap(),
            auth: AuthType::Plain,
            principal: Principal::user("alice"),
            client_id: None,
            client_address: "192.0.2.7".into(),
        });
        Self {
            chain: policies.chain(PolicyPhase::Produce, &context, "orders").unwrap(),
            workspace: Workspace::new(BatchBounds::default()),
        }
    }

    /// Judges a batch in which nothing is changed.
    fn judge(&mut self, batch: &[u8]) {
        let result = produced(batch, &mut self.chain, &mut self.workspace);
        assert_eq!(result, Ok(Produced::AsItCame));
    }
}

const VALUE: &[u8] =
    br#"{"id":"8f14","order":{"lines":[{"price":1,"country":"IT"},{"price":3,"country":"DE"}]}}"#;

#[test]
fn policies_allocate_nothing_for_each_record() {
    let mut judge = Judge::new();
    let (few, many) = (batch(1, VALUE), batch(5_000, VALUE));
    // Buffers get their sizes.
    judge.judge(&many);
    let for_one = measure(|| judge.judge(&few)).count_total;
    let for_many = measure(|| judge.judge(&many)).count_total;
    assert!(
        for_many <= for_one,
        "{for_many} for many records, {for_one} for one"
    );
}
