//! The part of a virtual cluster that logging in needs: its methods, accounts, token records and the signing keys.
//! Immutable.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use klamm_raft::model::{
    self, AccountKind, AccountName, Authentication, CredentialsName, Method, OauthBearer, Revision,
    ScramCredential, ScramHash, ScramUser, ServiceAccount, Shared, SigningKeys, TokenId, TokenRecord,
    VclusterName, VclusterState,
};

use super::Mechanism;
use super::mapping::MappingRules;
use super::oauth::TokenDemand;
use super::rule::CompiledRule;

/// The accounts and tokens of one virtual cluster. A view holds it behind an `Arc` that changes only when the content
/// does, so a session sees by pointer whether its login must be looked at again.
#[derive(Debug)]
pub struct Directory {
    vcluster: VclusterName,
    /// None until the cluster of gateways has agreed on one; nobody can log in until then.
    keys: Option<SigningKeys>,
    accounts: Shared<BTreeMap<AccountName, ServiceAccount>>,
    tokens: Shared<BTreeMap<TokenId, TokenRecord>>,
    scram: Shared<BTreeMap<ScramUser, ScramCredential>>,
    methods: Authentication,
    /// The demands of the one OAUTHBEARER method, compiled.
    demand: Option<Arc<TokenDemand>>,
    /// The rules that make names of certificates; none: of no certificate a name can be made.
    mapping: Option<MappingRules>,
    /// Who is called what elsewhere.
    external: BTreeMap<String, AccountName>,
}

impl Directory {
    /// Takes what login needs from the replicated state; gives `previous` back when nothing of it changed.
    pub fn compile(
        previous: Option<&Arc<Self>>,
        vcluster: &VclusterName,
        state: &VclusterState,
        keys: Option<&SigningKeys>,
    ) -> Arc<Self> {
        match previous {
            Some(previous) if previous.is_of(vcluster, state, keys) => Arc::clone(previous),
            _ => Arc::new(Self {
                vcluster: vcluster.clone(),
                keys: keys.cloned(),
                accounts: state.accounts.clone(),
                tokens: state.tokens.clone(),
                scram: state.scram.clone(),
                demand: state.spec.authentication.0.iter().find_map(demand),
                mapping: state.spec.authentication.0.iter().find_map(mapping),
                methods: state.spec.authentication.clone(),
                external: state.accounts.iter().flat_map(external_names).collect(),
            }),
        }
    }

    /// A directory in which nobody can log in: that of a virtual cluster which is gone.
    pub fn empty(vcluster: VclusterName) -> Arc<Self> {
        Arc::new(Self {
            vcluster,
            keys: None,
            accounts: Shared::default(),
            tokens: Shared::default(),
            scram: Shared::default(),
            methods: Authentication(Vec::new()),
            demand: None,
            mapping: None,
            external: BTreeMap::new(),
        })
    }

    fn is_of(&self, vcluster: &VclusterName, state: &VclusterState, keys: Option<&SigningKeys>) -> bool {
        self.vcluster == *vcluster
            && self.keys.as_ref() == keys
            && self.accounts == state.accounts
            && self.tokens == state.tokens
            && self.scram == state.scram
            && self.methods == state.spec.authentication
    }

    /// The mechanisms that clients may choose, in the order in which they are told.
    pub(super) fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        self.methods.0.iter().filter_map(Mechanism::of)
    }

    /// The offered mechanism of that name. Names compare exactly, as Kafka compares them.
    pub(super) fn mechanism(&self, name: &str) -> Option<Mechanism> {
        self.mechanisms().find(|mechanism| mechanism.name() == name)
    }

    /// The method behind a mechanism.
    pub(super) fn method(&self, mechanism: Mechanism) -> Option<&Method> {
        self.methods
            .0
            .iter()
            .find(|method| Mechanism::of(method) == Some(mechanism))
    }

    /// The demands on tokens of OAUTHBEARER.
    pub(super) fn demand(&self) -> Option<&Arc<TokenDemand>> {
        self.demand.as_ref()
    }

    /// The demand for certificates of clients and the rules that make names of them, if they count at all.
    pub(super) fn client_certificate(&self) -> Option<(model::Demand, Option<&MappingRules>)> {
        let demand = self.methods.0.iter().find_map(|method| match method {
            Method::ClientCertificate { demand, .. } => Some(*demand),
            _ => None,
        });
        Some((demand?, self.mapping.as_ref()))
    }

    /// How clients say who they are, in the order in which that is offered.
    pub fn methods(&self) -> &Authentication {
        &self.methods
    }

    /// Whether clients need not say who they are.
    pub(super) fn takes_anybody(&self) -> bool {
        self.methods.0.contains(&Method::Anonymous)
    }

    /// The account of somebody who is called this elsewhere.
    pub(super) fn external(&self, name: &str) -> Option<(&AccountName, Revision)> {
        let account = self.external.get(name)?;
        Some((account, self.account_created(account)?))
    }

    /// The virtual cluster whose accounts these are.
    pub fn vcluster(&self) -> &VclusterName {
        &self.vcluster
    }

    pub(super) fn keys(&self) -> Option<&SigningKeys> {
        self.keys.as_ref()
    }

    /// When the account was created, if it exists.
    pub(super) fn account_created(&self, account: &AccountName) -> Option<Revision> {
        self.accounts.get(account).map(|account| account.created)
    }

    /// All SCRAM credentials, by account.
    pub fn scram_credentials(&self) -> impl Iterator<Item = (&ScramUser, &ScramCredential)> {
        self.scram.iter()
    }

    /// The credential that the password of somebody is checked with.
    pub fn scram(&self, user: &ScramUser) -> Option<&ScramCredential> {
        self.scram.get(user)
    }

    /// The credential of whoever comes after `account` in the order of names, or first of all.
    pub(super) fn next_scram(
        &self,
        account: Option<AccountName>,
        hash: ScramHash,
    ) -> Option<&ScramCredential> {
        // Credentials of the other hash may be between, so many that nobody is made to look at all of them.
        const LOOKED_AT: usize = 16;
        let of_hash = |(user, _): &(&ScramUser, &ScramCredential)| user.hash == hash;
        let after = account.map(|account| (Bound::Excluded(ScramUser { account, hash }), Bound::Unbounded));
        let after = after.map(|after| self.scram.range(after));
        let mut next = after.into_iter().flatten().take(LOOKED_AT);
        let mut first = self.scram.iter().take(LOOKED_AT);
        let found = next.find(of_hash).or_else(|| first.find(of_hash));
        found.map(|(_, credential)| credential)
    }

    /// As whom the requests of an account reach physical clusters; none: as the gateway.
    pub(super) fn upstream_credentials(&self, account: &AccountName) -> Option<&CredentialsName> {
        self.accounts.get(account)?.spec.upstream_credentials.as_ref()
    }

    pub(super) fn token(&self, id: TokenId) -> Option<&TokenRecord> {
        self.tokens.get(&id)
    }
}

fn demand(method: &Method) -> Option<Arc<TokenDemand>> {
    match method {
        Method::OauthBearer(oauth) => Some(Arc::new(compiled(oauth))),
        _ => None,
    }
}

fn compiled(oauth: &OauthBearer) -> TokenDemand {
    TokenDemand {
        audiences: oauth.audiences.clone(),
        scopes: oauth.required_scopes.clone(),
        principal_claim: oauth.principal_claim.clone(),
        scope_claim: oauth.scope_claim.clone(),
        // What is no rule was refused where it was written; here it refuses every token.
        rules: oauth
            .rules
            .iter()
            .map(|rule| CompiledRule::compile(&rule.expression).unwrap_or_else(|_| CompiledRule::never()))
            .collect(),
    }
}

fn mapping(method: &Method) -> Option<MappingRules> {
    match method {
        // What are no rules was refused where they were written; here they name nobody.
        Method::ClientCertificate {
            principal_mapping_rules,
            ..
        } => MappingRules::parse(principal_mapping_rules).ok(),
        _ => None,
    }
}

fn external_names((name, account): (&AccountName, &ServiceAccount)) -> Vec<(String, AccountName)> {
    match &account.spec.kind {
        AccountKind::Local => Vec::new(),
        AccountKind::External { names } => names.iter().map(|text| (text.clone(), name.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::samples;

    #[test]
    fn an_unchanged_directory_keeps_its_pointer() {
        let (state, keys) = (samples::state(), samples::keys());
        let name = samples::vcluster();
        let first = Directory::compile(None, &name, &state, Some(&keys));
        let again = Directory::compile(Some(&first), &name, &state, Some(&keys));
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn any_change_makes_another_directory() {
        let (state, keys) = (samples::state(), samples::keys());
        let name = samples::vcluster();
        let first = Directory::compile(None, &name, &state, Some(&keys));

        let mut without_account = state.clone();
        without_account.accounts.clear();
        let mut without_token = state.clone();
        without_token.tokens.clear();
        for (changed, key) in [
            (&without_account, Some(&keys)),
            (&without_token, Some(&keys)),
            (&state, None),
        ] {
            let next = Directory::compile(Some(&first), &name, changed, key);
            assert!(!Arc::ptr_eq(&first, &next));
        }
    }
}
