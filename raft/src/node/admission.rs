//! How a node joins a cluster that there is: it asks at the addresses that it was given, and is told its number. From then on
//! the leader sends it the log, and it serves clients like every other node, but does not vote.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::StartError;
use super::core::Core;
use super::start::random;
use crate::boots::{BootMemories, KnownBoots};
use crate::command::{Command, MemberChange};
use crate::config::{OwnId, RaftConfig};
use crate::founding::FoundingId;
use crate::model::{NewNode, NodeId};
use crate::network::{AdmissionAnswer, Identity, KnownMembers, NOBODY, Request, Response, ask_at};
use crate::outcome::{Outcome, Refusal};
use crate::standing::StandingKeeper;
use crate::store::{Standing, Store};

/// One question: the leader has to be found, and the change made.
const ASK: Duration = Duration::from_secs(5);
/// Who is there answers this fast whether it knows a cluster.
const LOOK: Duration = Duration::from_secs(1);
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(300);
/// Nodes that are to found a cluster do not wait longer for one that there may be.
const FOUNDS_AFTER: Duration = Duration::from_secs(3);
/// After this long whoever supervises the process may start it again.
const PATIENCE: Duration = Duration::from_secs(120);

/// The number of this node. A new one is taken in by the cluster first, which takes as long as that needs.
pub(super) fn own_id(config: &RaftConfig, store: &Store) -> Result<NodeId, StartError> {
    let standing = *store.standing.borrow();
    let is_settled = !matches!(standing, Standing::New | Standing::Joining { .. });
    let given = store.owner.or_else(|| config.id.number());
    match given {
        Some(id) if is_settled || config.seeds.is_empty() => Ok(id),
        None if config.seeds.is_empty() => Err(StartError::NoNumber),
        _ => join(&Joining::new(config, store)),
    }
}

/// On a thread of its own: whoever starts a node may have a runtime.
fn join(joining: &Joining<'_>) -> Result<NodeId, StartError> {
    let run = || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(StartError::Thread)?.block_on(joining.run())
    };
    let joined = thread::scope(|scope| scope.spawn(run).join());
    joined.unwrap_or_else(|_panic| {
        Err(StartError::Raft(
            "the thread that joins a cluster panicked".to_owned(),
        ))
    })
}

/// A node that belongs to no cluster yet, and has been told where one may be.
struct Joining<'a> {
    config: &'a RaftConfig,
    standing: StandingKeeper,
    identity: Identity,
}

/// The end of a round.
enum JoinRound {
    Is(NodeId),
    /// Nobody knows a cluster.
    Nobody,
    NotNow(String),
}

impl<'a> Joining<'a> {
    fn new(config: &'a RaftConfig, store: &Store) -> Self {
        let identity = Identity::new(
            (NOBODY, config.address.clone()),
            &config.peers,
            (config.secret.clone(), config.tls.clone()),
            (
                store.standing.subscribe(),
                KnownBoots::new(None, BootMemories::default()),
            ),
            (
                config.record.ability.highest,
                watch::Sender::new(Arc::default()).subscribe(),
            ),
        );
        Self {
            config,
            standing: StandingKeeper::new(store),
            identity,
        }
    }

    async fn run(&self) -> Result<NodeId, StartError> {
        let began = Instant::now();
        let founder = self
            .config
            .id
            .number()
            .filter(|id| self.config.peers.contains_key(id));
        let is_joining = matches!(self.standing.now(), Standing::Joining { .. });
        let mut reason = String::new();
        loop {
            match self.round(founder).await? {
                JoinRound::Is(id) => return Ok(id),
                JoinRound::Nobody => {
                    let is_due = began.elapsed() >= FOUNDS_AFTER && !is_joining;
                    if let Some(id) = founder.filter(|_| is_due) {
                        return self.founds(id).await;
                    }
                    "no node that belongs to a cluster answers".clone_into(&mut reason);
                }
                JoinRound::NotNow(why) => reason = why,
            }
            if began.elapsed() >= PATIENCE {
                return Err(StartError::NotAdmitted {
                    seeds: self.config.seeds.clone(),
                    reason,
                });
            }
            tracing::info!(%reason, "this node has not joined a cluster yet");
            sleep(PAUSE).await;
        }
    }

    /// This node is one of those that found the cluster, or have founded it.
    async fn founds(&self, id: NodeId) -> Result<NodeId, StartError> {
        self.standing.claims(id).await.map_err(StartError::Write)?;
        Ok(id)
    }

    /// Looks for a cluster, and asks to be taken in.
    async fn round(&self, founder: Option<NodeId>) -> Result<JoinRound, StartError> {
        let places = self.places().await;
        let looks = places.iter().map(|place| async move {
            let answer = ask_at(place, &self.identity, &Request::Members, LOOK).await;
            match answer {
                Ok(Response::Members(known)) if known.cluster.is_some() => Some((place, known)),
                Ok(_) => None,
                Err(error) => {
                    tracing::debug!(%place, %error, "no answer from what may be a node of the cluster");
                    None
                }
            }
        });
        let known: Vec<(&String, KnownMembers)> = futures::future::join_all(looks)
            .await
            .into_iter()
            .flatten()
            .collect();
        // A node that is still starting knows of nobody: it cannot say that this one is none of them.
        let (known, starting): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|(_, known)| !known.members.is_empty());
        if known.is_empty() {
            return Ok(match starting.first() {
                Some((place, _)) => {
                    JoinRound::NotNow(format!("{place}: the node that was asked is still starting"))
                }
                None => JoinRound::Nobody,
            });
        }
        let knows = |id| known.iter().any(|(_, known)| known.members.contains(&id));
        if let Some(id) = founder.filter(|id| knows(*id)) {
            return self.founds(id).await.map(JoinRound::Is);
        }
        let mut last = String::new();
        for (place, _) in known {
            match self.ask_at(place).await? {
                Ok(id) => return Ok(JoinRound::Is(id)),
                Err(why) => last = format!("{place}: {why}"),
            }
        }
        Ok(JoinRound::NotNow(last))
    }

    async fn ask_at(&self, place: &str) -> Result<Result<NodeId, String>, StartError> {
        let admission = self.standing.asks_admission(random()?).await;
        let new = NewNode {
            admission: admission.map_err(StartError::Write)?,
            wants: match self.config.id {
                OwnId::Fixed(id) => Some(id),
                OwnId::Given { .. } => None,
            },
            above: NOBODY,
            address: self.config.address.clone().unwrap_or_default(),
            record: self.config.record.clone(),
        };
        match ask_at(place, &self.identity, &Request::Admit(Box::new(new)), ASK).await {
            Ok(Response::Admission(AdmissionAnswer::Admitted { id, cluster })) => {
                let admitted = self.standing.admitted(id, cluster).await;
                admitted.map_err(StartError::Write)?;
                tracing::info!(%cluster, node = %id, "this node has joined a cluster");
                Ok(Ok(id))
            }
            Ok(Response::Admission(AdmissionAnswer::Refused(refusal))) => Err(StartError::Refused(refusal)),
            Ok(Response::Admission(AdmissionAnswer::NotNow(why))) => Ok(Err(why)),
            Ok(_) => Ok(Err("the node that was asked cannot say".to_owned())),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// Where to ask: the addresses of all seeds, and those of the nodes that found the cluster. A name may have several.
    async fn places(&self) -> Vec<String> {
        let mut places = BTreeSet::new();
        for seed in &self.config.seeds {
            // With certificates, the host by which a node is called counts.
            if self.config.tls.is_some() {
                places.insert(seed.clone());
                continue;
            }
            match lookup_host(seed).await {
                Ok(found) => places.extend(found.map(|address| address.to_string())),
                Err(error) => tracing::debug!(%seed, %error, "the address of a seed is not known"),
            }
        }
        places.extend(self.config.peers.values().cloned());
        if let Some(own) = &self.config.address {
            places.remove(own);
        }
        places.into_iter().collect()
    }
}

impl Core {
    /// Takes a node in, whichever node leads.
    pub(crate) async fn admit(&self, new: NewNode, cluster: FoundingId) -> AdmissionAnswer {
        let admission = new.admission;
        let above = self.members.borrow().all().last().copied().unwrap_or(NOBODY);
        let new = NewNode { above, ..new };
        let deadline = Instant::now() + ASK;
        let change = self.own(Command::ChangeMembers(MemberChange::Admit(Box::new(new))));
        match self.commit(change, deadline).await {
            Ok(applied) => match applied.outcome {
                Outcome::Refused(Refusal::Duplicate) => {
                    AdmissionAnswer::NotNow("it was asked twice at once".to_owned())
                }
                Outcome::Refused(refusal) => AdmissionAnswer::Refused(refusal),
                _ => self.admitted(admission, cluster, deadline).await,
            },
            Err(error) => AdmissionAnswer::NotNow(error.to_string()),
        }
    }

    async fn admitted(&self, admission: u64, cluster: FoundingId, deadline: Instant) -> AdmissionAnswer {
        let mut states = self.states.clone();
        let known = states.wait_for(|state| state.roster.admitted(admission).is_some());
        let id = match tokio::time::timeout_at(deadline, known).await {
            Ok(Ok(state)) => state.roster.admitted(admission),
            Ok(Err(_)) | Err(_) => None,
        };
        match id {
            Some(id) => AdmissionAnswer::Admitted { id, cluster },
            None => AdmissionAnswer::NotNow("the node that was asked is behind".to_owned()),
        }
    }
}
