//! The format: what is written today is what was written first, and damage is found.

mod golden;
pub(crate) mod level_2;

use super::layout::{self, EntryV1, SnapshotV1, VoteV1};
use super::*;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::EntryPayload;

use crate::command::{Author, Command, OldKeys, Proposal, ProposalId, Revoked};
use crate::machine;
use crate::model::{
    Ability, AccessRole, AccessToken, AccessTokenId, AccountKind, AccountSpec, AclBinding, AclEntry, AclMode,
    AliasTopic, Authentication, Beside, BrokerKey, ClaimRule, Conflict, Demand, Holder, KeyId, Level, Limit,
    Limits, ListenerName, Liveness, Mediation, Method, Namespace, NodeId, NodeRecord, Notes, OauthBearer,
    Operation, PasswordHash, PatternType, Permission, PortSlot, ResourcePattern, ResourceType, Revision,
    ScramCredential, ScramHash, ScramUser, SelectorForm, SelectorGroup, SigningKey, Standard, State, TokenId,
    TokenRecord, VclusterKind, VirtualCluster, WrittenAlias, WrittenOauth,
};
use crate::types::{LeaderId, LogEntry, LogId, Membership, SnapshotMeta, StoredMembership};

/// A stand-in for any message.
impl Format for String {}

impl Format for usize {}

/// By itself it is never written.
impl Format for State {
    fn level(&self) -> Level {
        self.level
    }

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        write(self, bytes)?;
        layout::write_additions(self, bytes)
    }

    fn read(level: Level, content: &[u8]) -> Result<(Self, usize), CodecError> {
        let (mut state, read): (Self, usize) = read(content)?;
        let more = layout::read_additions(&mut state, level, &content[read..])?;
        Ok((state, read + more))
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let sound = encode(&EntryV1::from(&entry((0, commands().remove(0))))).unwrap();
    for bit in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let read = decode::<EntryV1>(&damaged, Level::FIRST);
        assert!(
            matches!(read, Err(CodecError::Checksum { .. })),
            "bit {bit}: {read:?}"
        );
    }
}

#[test]
fn bytes_left_over_and_other_versions_are_refused() {
    let seal = |content: &[u8]| {
        let mut bytes = content.to_vec();
        bytes.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
        bytes
    };
    let read = |bytes: &[u8]| decode::<NodeId>(bytes, Level::FIRST);
    assert_eq!(read(&seal(&[1, 7])).unwrap(), NodeId(7));
    assert!(matches!(
        read(&seal(&[1, 7, 0])),
        Err(CodecError::LeftOver { bytes: 1 })
    ));
    assert!(matches!(
        read(&seal(&[2, 7])),
        Err(CodecError::Newer {
            version: Level(2),
            highest: Level(1)
        })
    ));
    assert!(matches!(read(&seal(&[0, 7])), Err(CodecError::NoVersion)));
    assert!(matches!(read(&seal(&[])), Err(CodecError::Short { .. })));
    assert!(matches!(read(&[1, 2, 3]), Err(CodecError::Short { .. })));
}

#[test]
fn a_length_beyond_the_limit_allocates_nothing() {
    let mut content = vec![1, 253];
    content.extend_from_slice(&u64::MAX.to_le_bytes());
    let checksum = crc32c::crc32c(&content).to_le_bytes();
    content.extend_from_slice(&checksum);
    assert!(matches!(
        decode::<VoteV1>(&content, Level::FIRST),
        Err(CodecError::Decode(_))
    ));
}

pub(crate) fn id(index: u64) -> LogId {
    LogId {
        leader_id: LeaderId { term: 3, node_id: 2 },
        index,
    }
}

pub(super) fn membership() -> Membership {
    let nodes = [(1, "one:7000"), (2, "two:7000"), (3, "")];
    let nodes = nodes.map(|(id, addr)| {
        (
            id,
            openraft::BasicNode {
                addr: addr.to_owned(),
            },
        )
    });
    let nodes = BTreeMap::from(nodes);
    Membership::new(vec![[1, 2].into(), [2, 3].into()], nodes).unwrap()
}

pub(crate) fn acl() -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Topic,
            name: "orders".to_owned(),
            pattern_type: PatternType::Prefixed,
        },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: "*".to_owned(),
            operation: Operation::Read,
            permission: Permission::Allow,
        },
    }
}

/// One of each command, in an order in which most of them do something.
pub(crate) fn commands() -> Vec<Command> {
    [of_level_1(), level_2::commands()].concat()
}

fn of_level_1() -> Vec<Command> {
    [
        on_a_virtual_cluster(),
        vec![an_external_account()],
        on_the_nodes(),
        on_nothing(),
        on_access_tokens(),
        on_names(),
        on_a_cluster(),
        on_signing_keys(),
    ]
    .concat()
}

fn partner(super_user: &crate::model::AccountName) -> VirtualCluster {
    VirtualCluster {
        super_users: [super_user.clone()].into(),
        ..VirtualCluster::new(VclusterKind::Partner)
    }
}

fn on_a_virtual_cluster() -> Vec<Command> {
    let vcluster: VclusterName = "partner".parse().unwrap();
    let account: crate::model::AccountName = "alice".parse().unwrap();
    let cluster: crate::model::ClusterId = "main".parse().unwrap();
    let topic: crate::model::TopicName = "orders".parse().unwrap();
    let spec = partner(&account);
    let alias = AliasTopic {
        physical_cluster: cluster.clone(),
        physical_name: "p-orders".parse().unwrap(),
    };
    let token = TokenRecord {
        account: account.clone(),
        account_created: Revision(3),
        issued_at_s: 1_700_000_000,
        expires_at_s: 1_800_000_000,
        key: SigningKey(vec![1, 2, 3]).id(),
    };
    vec![
        Command::PutVcluster {
            name: vcluster.clone(),
            spec: spec.clone(),
            kafka_cluster_id: "c2l4dGVlbi1yYW5kb20tYg".to_owned(),
            at_s: 0,
            beside: Some(Box::new(beside())),
        },
        Command::CreateVcluster {
            name: vcluster.clone(),
            spec,
            kafka_cluster_id: "c2l4dGVlbi1yYW5kb20tYg".to_owned(),
            at_s: 0,
            beside: None,
        },
        Command::PutAlias {
            vcluster: vcluster.clone(),
            name: topic,
            alias,
        },
        Command::PutAccount {
            vcluster: vcluster.clone(),
            name: account,
            spec: AccountSpec::local(),
        },
        Command::PutToken {
            vcluster: vcluster.clone(),
            id: TokenId([7; 16]),
            record: token,
        },
        Command::CreateAcls {
            vcluster: vcluster.clone(),
            acls: vec![acl()],
        },
        Command::AlterScramCredentials {
            vcluster: vcluster.clone(),
            put: vec![(scram_user(), scram_credential())],
            delete: vec![ScramUser {
                hash: ScramHash::Sha256,
                ..scram_user()
            }],
        },
        Command::RevokeTokens {
            vcluster: vcluster.clone(),
            tokens: Revoked::One(TokenId([8; 16])),
        },
        Command::AssignBrokers {
            vcluster,
            brokers: vec![BrokerKey {
                cluster,
                physical_id: 300,
            }],
        },
    ]
}

fn an_external_account() -> Command {
    Command::PutAccount {
        vcluster: "partner".parse().unwrap(),
        name: "bob".parse().unwrap(),
        spec: AccountSpec {
            kind: AccountKind::External {
                names: ["CN=bob".to_owned()].into(),
            },
            upstream_credentials: Some("billing".parse().unwrap()),
        },
    }
}

fn on_access_tokens() -> Vec<Command> {
    let token = AccessToken {
        name: "ci".parse().unwrap(),
        username: "admin".to_owned(),
        role: AccessRole::ReadOnly,
        digest: [9; 32],
        issued_at_s: 1_700_000_000,
        expires_at_s: 1_800_000_000,
        last_used_s: None,
    };
    let id = AccessTokenId([6; 16]);
    vec![
        Command::PutAccessToken { id, token },
        Command::UseAccessToken {
            id,
            at_s: 1_700_000_100,
        },
        Command::RevokeAccessToken {
            id: AccessTokenId([5; 16]),
        },
    ]
}

/// Requests about names: a virtual cluster of the other kind is asked to keep names, and an alias stands for something
/// else.
fn on_names() -> Vec<Command> {
    let vcluster: VclusterName = "dev".parse().unwrap();
    let held = |name: &str, holder| (name.parse().unwrap(), holder);
    vec![
        Command::PutVcluster {
            name: vcluster.clone(),
            spec: standard(),
            kafka_cluster_id: "c2l4dGVlbi1yYW5kb20tYg".to_owned(),
            at_s: 1_700_000_000,
            beside: None,
        },
        Command::SettleNames {
            vcluster: vcluster.clone(),
            held: [held("pub-a", Holder::Own), held("pub-b", Holder::LetIn)].into(),
            released: [held("pub-a", Holder::LetIn)].into(),
        },
        Command::RepointAlias {
            vcluster,
            name: "bought".parse().unwrap(),
            alias: AliasTopic {
                physical_cluster: "clusterA".parse().unwrap(),
                physical_name: "sold".parse().unwrap(),
            },
        },
    ]
}

/// With something in every place.
fn beside() -> Beside {
    let selectors = |form, text: &str| SelectorGroup {
        form,
        selectors: vec![text.parse().unwrap()],
        conflict: Some(Conflict::Ignore),
    };
    Beside {
        notes: Notes {
            description: "for partners".to_owned(),
            labels: [("env".to_owned(), "test".to_owned())].into(),
            topics: vec![selectors(SelectorForm::Glob, "pub-*")],
            groups: vec![selectors(SelectorForm::ExactList, "ops")],
            aliases: vec![WrittenAlias {
                name: "bills".parse().unwrap(),
                conflict: Conflict::Warn,
            }],
            oauth: Some(WrittenOauth {
                endpoint: "https://idp/keys".to_owned(),
                timeout: "10s".to_owned(),
                cache_expiration: "1h".to_owned(),
                issuer: Some("https://idp".to_owned()),
            }),
        },
        aliases: [(
            "bills".parse().unwrap(),
            AliasTopic {
                physical_cluster: "main".parse().unwrap(),
                physical_name: "p-bills".parse().unwrap(),
            },
        )]
        .into(),
        repointed: ["bills".parse().unwrap()].into(),
    }
}

fn scram_user() -> ScramUser {
    ScramUser {
        account: "alice".parse().unwrap(),
        hash: ScramHash::Sha512,
    }
}

fn scram_credential() -> ScramCredential {
    ScramCredential {
        salt: vec![1; 4],
        iterations: 8192,
        stored_key: vec![2; 4],
        server_key: vec![3; 4],
    }
}

/// A virtual cluster of the other kind, with every method of authentication.
pub(crate) fn standard() -> VirtualCluster {
    let users = [(
        "carol".parse().unwrap(),
        PasswordHash {
            salt: vec![4; 4],
            iterations: 5000,
            hash: vec![5; 4],
        },
    )];
    let oauth = OauthBearer {
        mediation: Mediation::ValidateForward,
        provider: "idp".parse().unwrap(),
        audiences: vec!["kafka".to_owned()],
        required_scopes: vec!["use".to_owned()],
        principal_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
        rules: vec![ClaimRule {
            expression: "true".to_owned(),
            message: "never".to_owned(),
        }],
    };
    VirtualCluster {
        acl_enabled: false,
        acl_mode: Some(AclMode::RestApi(BTreeSet::from([acl()]).into())),
        super_users: [].into(),
        dns_label: Some("dev".parse().unwrap()),
        limits: Limits([(Limit::Acls, 7)].into()),
        authentication: Authentication(vec![
            Method::Anonymous,
            Method::SaslPlain {
                mediation: Mediation::Terminate,
                users: users.into(),
            },
            Method::SaslScram {
                hash: ScramHash::Sha256,
                mediation: Mediation::Passthrough,
            },
            Method::OauthBearer(oauth),
            Method::ClientCertificate {
                demand: Demand::Optional,
                principal_mapping_rules: "DEFAULT".to_owned(),
            },
        ]),
        ..VirtualCluster::new(VclusterKind::Standard(Standard {
            backend: "main".parse().unwrap(),
            namespace: Namespace::HidePrefix("dev-".parse().unwrap()),
            topics: ["pub-*".parse().unwrap()].into(),
            groups: ["ops".parse().unwrap()].into(),
        }))
    }
}

fn on_the_nodes() -> Vec<Command> {
    // A newer one would begin the cluster at its own level.
    let record = NodeRecord {
        ability: Ability {
            highest: Level::FIRST,
            ..Ability::default()
        },
        ..NodeRecord::with_ports("gateway1", 6969, 256)
    };
    vec![
        Command::PutNode {
            id: NodeId(1),
            record,
        },
        Command::SetLiveness {
            id: NodeId(1),
            liveness: Liveness::Draining,
        },
        Command::PinCluster {
            cluster: "main".parse().unwrap(),
            kafka_cluster_id: "kafka-id".to_owned(),
        },
        Command::InitSigningKey {
            key: SigningKey(vec![1, 2, 3]),
            decoy: SigningKey(vec![4, 5, 6]),
        },
    ]
}

fn on_a_cluster() -> Vec<Command> {
    let slots = [PortSlot(0), PortSlot(7)].into();
    vec![
        Command::AcceptCluster {
            cluster: "main".parse().unwrap(),
            from: "kafka-id".to_owned(),
            to: "kafka-id-of-the-new-one".to_owned(),
        },
        Command::SetUnopened {
            id: NodeId(1),
            unopened: [(ListenerName::short_form(), slots)].into(),
        },
    ]
}

/// The state has two keys then.
fn on_signing_keys() -> Vec<Command> {
    let rotated = |from: &[u8], to: &[u8], old| Command::RotateSigningKey {
        replaced: SigningKey(from.to_vec()).id(),
        key: SigningKey(to.to_vec()),
        old,
    };
    vec![
        rotated(&[1, 2, 3], &[7, 8, 9], OldKeys::Retired),
        rotated(&[7, 8, 9], &[10, 11], OldKeys::Kept { at_s: 5 }),
        Command::RetireSigningKey { key: KeyId([9; 8]) },
        Command::RaiseLevel { to: Level::FIRST },
    ]
}

/// On a virtual cluster that does not exist.
fn on_nothing() -> Vec<Command> {
    let other: VclusterName = "other".parse().unwrap();
    vec![
        Command::DeleteAcls {
            vcluster: other.clone(),
            acls: vec![acl()],
        },
        Command::DeleteAlias {
            vcluster: other.clone(),
            name: "orders".parse().unwrap(),
        },
        Command::DeleteAccount {
            vcluster: other.clone(),
            name: "alice".parse().unwrap(),
        },
        Command::DeleteVcluster { name: other },
    ]
}

pub(crate) fn entry((index, command): (usize, Command)) -> LogEntry {
    let sequence = index as u64;
    let id = ProposalId {
        boot: 0x0123_4567_89ab_cdef,
        sequence,
    };
    let proposal = Proposal {
        node: NodeId(1),
        id,
        settled: sequence,
        author: Author::example(),
        judged_at: Revision(1),
        command,
    };
    LogEntry {
        log_id: self::id(sequence + 1),
        payload: EntryPayload::Normal(proposal),
    }
}

fn apply(state: &mut State, commands: Vec<Command>) {
    for entry in commands.into_iter().enumerate().map(entry) {
        if let EntryPayload::Normal(mut proposal) = entry.payload {
            let revision = Revision(state.revision.0 + 1);
            proposal.id.sequence = state.revision.0;
            proposal.settled = state.revision.0;
            machine::apply(state, proposal, revision);
        }
    }
}

/// Of a state of level 1.
pub(crate) fn snapshot() -> SnapshotV1 {
    let mut state = State::default();
    apply(&mut state, of_level_1());
    snapshot_of(state)
}

/// Of a state with policies.
pub(crate) fn snapshot_of_level_2() -> SnapshotV1 {
    let mut state = State::clone(&snapshot().state);
    state.level = Level::POLICIES;
    apply(&mut state, level_2::commands());
    snapshot_of(state)
}

fn snapshot_of(state: State) -> SnapshotV1 {
    let meta = SnapshotMeta {
        last_log_id: Some(id(14)),
        last_membership: StoredMembership::new(Some(id(0)), membership()),
    };
    SnapshotV1::new(&meta, Arc::new(state))
}
