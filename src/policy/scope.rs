//! Whom policies concern. Of several of one name the narrowest hold for a client: that of its account, those of its
//! groups, that of everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_raft::model::{
    AccountName, GroupName, Policy, PolicyId, PolicyKey, PolicyName, PolicyScope, VclusterName,
};

/// The members of groups, as far as they are accounts of one virtual cluster.
pub type GroupMembers = BTreeMap<GroupName, Arc<BTreeSet<AccountName>>>;

/// The clients that a policy concerns. Who is asked about takes no memory.
#[derive(Debug)]
pub(super) enum ScopedClients {
    Account(AccountName),
    /// The members of a group, but for those who have a policy of the name to themselves.
    Members {
        of: Arc<BTreeSet<AccountName>>,
        but: Arc<BTreeSet<AccountName>>,
    },
    /// Everybody but those, and the members of these groups.
    Others {
        of: Vec<Arc<BTreeSet<AccountName>>>,
        but: Arc<BTreeSet<AccountName>>,
    },
}

impl ScopedClients {
    /// Whether the client of this name is one of them.
    pub(super) fn include(&self, client: &str) -> bool {
        match self {
            Self::Account(own) => own.as_str() == client,
            Self::Members { of, but } => of.contains(client) && !but.contains(client),
            Self::Others { of, but } => {
                !but.contains(client) && !of.iter().any(|members| members.contains(client))
            }
        }
    }
}

/// Policies of one name: who has one to himself, and which groups have one.
#[derive(Debug, Default)]
struct PolicyNamesakes {
    accounts: Arc<BTreeSet<AccountName>>,
    groups: Vec<GroupName>,
}

/// The policies that there are in a virtual cluster, by name and scope: those of all virtual clusters, and in the place of
/// each that has a twin of its own there, the twin.
pub(super) fn in_vcluster<'a>(
    everywhere: &'a BTreeMap<PolicyId, Policy>,
    own: &'a BTreeMap<PolicyId, Policy>,
) -> BTreeMap<&'a PolicyId, &'a Policy> {
    everywhere.iter().chain(own).collect()
}

/// Those policies, by the keys that they have in the replicated state.
pub fn keyed_in<'a>(
    vcluster: &VclusterName,
    everywhere: &'a BTreeMap<PolicyId, Policy>,
    own: &'a BTreeMap<PolicyId, Policy>,
) -> impl Iterator<Item = (PolicyKey, &'a Policy)> {
    let all = in_vcluster(everywhere, own).into_iter();
    all.map(|(id, policy)| {
        let key = match own.contains_key(id) {
            true => PolicyKey::In(vcluster.clone(), id.clone()),
            false => PolicyKey::Everywhere(id.clone()),
        };
        (key, policy)
    })
}

/// Keeps those policies of a virtual cluster that hold for a client: an account, and the groups that it is in. One that is
/// not enabled holds, too; it does nothing in the place of the wider one.
pub fn retain_holding(
    policies: &mut Vec<(PolicyKey, &Policy)>,
    account: Option<&AccountName>,
    groups: &BTreeSet<GroupName>,
) {
    let closeness = |scope: &PolicyScope| match scope {
        PolicyScope::All => Some(0),
        PolicyScope::Group(group) => groups.contains(group).then_some(1),
        PolicyScope::Account(own) => (Some(own) == account).then_some(2),
    };
    let mut closest: BTreeMap<PolicyName, u8> = BTreeMap::new();
    for (key, _) in policies.iter() {
        if let Some(close) = closeness(key.scope()) {
            let most = closest.entry(key.name().clone()).or_default();
            *most = close.max(*most);
        }
    }
    policies.retain(|(key, _)| {
        closeness(key.scope()).is_some_and(|close| closest.get(key.name()) == Some(&close))
    });
}

/// Says of policies whom they concern.
pub(super) struct PolicyScopes<'a> {
    members: &'a GroupMembers,
    by_name: BTreeMap<&'a PolicyName, PolicyNamesakes>,
}

impl<'a> PolicyScopes<'a> {
    pub(super) fn new(policies: &BTreeMap<&'a PolicyId, &'a Policy>, members: &'a GroupMembers) -> Self {
        let mut by_name: BTreeMap<&PolicyName, PolicyNamesakes> = BTreeMap::new();
        for id in policies.keys() {
            let namesakes = by_name.entry(&id.name).or_default();
            match &id.scope {
                PolicyScope::All => {}
                PolicyScope::Group(group) => namesakes.groups.push(group.clone()),
                PolicyScope::Account(account) => {
                    Arc::make_mut(&mut namesakes.accounts).insert(account.clone());
                }
            }
        }
        Self { members, by_name }
    }

    pub(super) fn clients(&self, id: &PolicyId) -> ScopedClients {
        let namesakes = self.by_name.get(&id.name);
        let but = namesakes
            .map(|of_name| Arc::clone(&of_name.accounts))
            .unwrap_or_default();
        match &id.scope {
            PolicyScope::Account(account) => ScopedClients::Account(account.clone()),
            PolicyScope::Group(group) => ScopedClients::Members {
                of: self.members.get(group).cloned().unwrap_or_default(),
                but,
            },
            PolicyScope::All => {
                let groups = namesakes.into_iter().flat_map(|of_name| &of_name.groups);
                ScopedClients::Others {
                    of: groups
                        .filter_map(|group| self.members.get(group).cloned())
                        .collect(),
                    but,
                }
            }
        }
    }
}
