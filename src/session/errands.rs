//! Calls to brokers that the client's connection is not to, over lanes of the pools: what a request needs of several
//! physical clusters, or of any broker.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;
use klamm_raft::model::ClusterId;

use super::Session;
use super::complaints::Complaints;
use super::end::End;
use crate::backend::{Channel, ChannelError, Lane, Lease, LeaseError, LoginAs, Pools, Return};
use crate::chain::Chain;
use crate::vcluster::plan::{Call, CallResult, To, Unanswered};

/// The version of FindCoordinator that all brokers know, with one key.
const FIND_COORDINATOR_VERSION: i16 = 3;
const NO_ERROR: i16 = 0;
/// The first group of a physical cluster waits for its topic of offsets.
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no such physical cluster is configured")]
    NotConfigured,
    #[error("the pool does not respond")]
    Pool,
    #[error("there is no connection")]
    Lease(#[from] LeaseError),
    #[error("the broker did not answer")]
    Channel(#[from] ChannelError),
    #[error("no coordinator could be found: error {0}")]
    NoCoordinator(i16),
}

impl Session {
    /// Sends all calls at the same time, as this session's requests are sent. What comes of them is there in time.
    pub(super) fn errands(
        &self,
        calls: Vec<Call>,
    ) -> Result<impl Future<Output = Vec<CallResult>> + 'static, End> {
        let passing = self.setup.door.passage.enter().ok_or(End::Switching)?;
        let answers = run(
            calls,
            (self.setup.pools.clone(), self.upstream.login()),
            Arc::clone(&self.setup.shared.complaints),
            self.setup.shared.limits.need_timeout,
        );
        Ok(async move {
            let answers = answers.await;
            drop(passing);
            answers
        })
    }
}

/// Sends all calls at the same time. What came of them, in their order, after `limit` at the latest.
async fn run(
    calls: Vec<Call>,
    (pools, login): (Pools, LoginAs),
    complaints: Arc<Complaints>,
    limit: Duration,
) -> Vec<CallResult> {
    let errand = Arc::new(Errand { pools, login });
    join_all(calls.into_iter().map(|call| {
        let (errand, complaints) = (Arc::clone(&errand), Arc::clone(&complaints));
        async move {
            let cluster = call.to.cluster().clone();
            let failure = match tokio::time::timeout(limit, errand.call(call)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => Chain(&failure).to_string(),
                Err(_) => "it took too long".to_owned(),
            };
            complaints.of_upstream(cluster, "a request, or part of one, was not answered", failure);
            Err(Unanswered)
        }
    }))
    .await
}

struct Errand {
    pools: Pools,
    login: LoginAs,
}

impl Errand {
    async fn call(&self, call: Call) -> Result<Bytes, Failure> {
        let Call { to, request } = call;
        let (cluster, broker) = match to {
            To::Broker(cluster, broker) => (cluster, Some(broker)),
            To::AnyBroker(cluster) => (cluster, None),
            To::Coordinator(cluster, group) => {
                let broker = self.coordinator(&cluster, &group).await?;
                (cluster, Some(broker))
            }
        };
        let mut channel = Channel::new(self.lease(&cluster, broker).await?);
        let answer = channel.exchange(&request.into_frame().joined()).await?;
        self.give_back(&cluster, channel);
        Ok(answer)
    }

    async fn coordinator(&self, cluster: &ClusterId, group: &str) -> Result<i32, Failure> {
        let request = FindCoordinatorRequest::default().with_key(StrBytes::from_string(group.to_owned()));
        let mut channel = Channel::new(self.lease(cluster, None).await?);
        loop {
            let found = channel.call(FIND_COORDINATOR_VERSION, &request).await?;
            match found.error_code {
                NO_ERROR => {
                    self.give_back(cluster, channel);
                    return Ok(found.node_id.0);
                }
                // The caller limits the time.
                COORDINATOR_NOT_AVAILABLE => tokio::time::sleep(LOOK_AGAIN).await,
                error => return Err(Failure::NoCoordinator(error)),
            }
        }
    }

    async fn lease(&self, cluster: &ClusterId, broker: Option<i32>) -> Result<Lane, Failure> {
        let pool = self.pools.get(cluster).ok_or(Failure::NotConfigured)?;
        let login = self.login.clone();
        let leased = pool.send(Lease { broker, login }).await;
        Ok(leased.map_err(|_| Failure::Pool)??)
    }

    fn give_back(&self, cluster: &ClusterId, channel: Channel<Lane>) {
        if let Some(pool) = self.pools.get(cluster) {
            let lane = channel.into_stream();
            // A full mailbox drops the lane, which closes it.
            drop(pool.try_send(Return { lane }));
        }
    }
}
