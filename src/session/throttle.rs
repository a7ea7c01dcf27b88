//! Quotas of clients, and limits of virtual clusters: what a session uses is counted, and a client that has used more than it may
//! is not read for a while. Its answers say for how long (KIP-219). Without either, a request costs one look at its view.

mod meters;

use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_raft::model::{Limit, LimitedRate, QuotaKey, QuotaKind};

use super::Session;
use super::end::End;
use super::pipeline::RequestHead;
use crate::metrics::ThrottledBy;
use crate::policy::RatePolicies;
use crate::quota::{CountedFor, Found, Meter, Quotas};
use crate::vcluster::api::{self, QuotaUse};
use crate::vcluster::view::View;
use crate::wire::{RequestHeader, Segments};
pub use meters::Meters;

/// A connection that would wait longer than this for its turn is not counted. One that has not logged in waits so long, and then
/// its time to do so is over; one that has is closed.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// More of a client id is not looked at: a meter is kept for each. No name of a quota is longer.
const MAX_CLIENT_ID_BYTES: usize = 1024;

/// For the time that it has used a client waits for at most so long at once, as at a broker: its heartbeats count, too.
const LONGEST_FOR_TIME: Duration = Duration::from_secs(1);

/// Whoever sends or gets more than this at once, and does not produce or consume, waits for it too. Heartbeats and commits are
/// less: they count, and are not late.
const SMALL_BYTES: usize = 4096;

/// The quotas, limits and policies that meters are found by.
#[derive(Debug, Default)]
struct FoundBy {
    quotas: Option<Arc<Quotas>>,
    rates: Option<Arc<RatePolicies>>,
}

/// The meters of a session's client, as the quotas are that they were found by.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    by: FoundBy,
    client_id: String,
    produced: Option<Arc<Meter>>,
    consumed: Option<Arc<Meter>>,
    time: Option<Arc<Meter>>,
    mutations: Option<Arc<Meter>>,
    /// Meters of what all clients of the virtual cluster use together.
    all: OfEverybody,
    /// Meters of what those use together whom policies concern.
    by_policies: ByPolicies,
}

/// The meters of policies that limit rates.
#[derive(Debug, Default)]
struct ByPolicies {
    produced: Vec<Arc<Meter>>,
    consumed: Vec<Arc<Meter>>,
}

/// The meters of all clients of a virtual cluster together.
#[derive(Debug, Default)]
struct OfEverybody {
    bytes_in: Option<Arc<Meter>>,
    bytes_out: Option<Arc<Meter>>,
    requests: Option<Arc<Meter>>,
}

impl FoundBy {
    fn is_nothing(&self) -> bool {
        self.quotas.is_none() && self.rates.is_none()
    }

    /// Whether a view has these.
    fn is_of(&self, view: &View) -> bool {
        are_one(self.quotas.as_ref(), view.quotas.as_ref())
            && are_one(self.rates.as_ref(), view.rates.as_ref())
    }
}

fn are_one<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl Throttle {
    /// Whether the meters are those of a view and this client id.
    fn is_by(&self, view: &View, client_id: &str) -> bool {
        self.by.is_of(view) && self.client_id == client_id
    }

    fn find(view: &View, (user, client_id): (&str, &str), (meters, now): (&Meters, Instant)) -> Self {
        let (vcluster, quotas) = (&view.name, view.quotas.as_deref());
        let meter = |key| {
            let found = quotas?.of_client(key, user, client_id)?;
            Some(meters.of_client((vcluster, QuotaKind::Client(key)), found, now))
        };
        let of_all = |limit| of_vcluster(view, limit, (meters, now));
        let by_policies = |of| of_policies(view, (of, user), (meters, now)).collect();
        Self {
            by: FoundBy {
                quotas: view.quotas.clone(),
                rates: view.rates.clone(),
            },
            client_id: client_id.to_owned(),
            by_policies: ByPolicies {
                produced: by_policies(LimitedRate::ProducedBytes),
                consumed: by_policies(LimitedRate::ConsumedBytes),
            },
            produced: meter(QuotaKey::ProducerByteRate),
            consumed: meter(QuotaKey::ConsumerByteRate),
            time: meter(QuotaKey::RequestPercentage),
            mutations: meter(QuotaKey::ControllerMutationRate),
            all: OfEverybody {
                bytes_in: of_all(Limit::BytesIn),
                bytes_out: of_all(Limit::BytesOut),
                requests: of_all(Limit::Requests),
            },
        }
    }
}

/// The meter of a limit of a virtual cluster, if it has that.
fn of_vcluster(view: &View, limit: Limit, (meters, now): (&Meters, Instant)) -> Option<Arc<Meter>> {
    let found = view.quotas.as_deref()?.of_vcluster(limit)?;
    Some(meters.of_client((&view.name, QuotaKind::Vcluster(limit)), found, now))
}

/// The meters of the policies that limit a rate for a client.
fn of_policies<'a>(
    view: &'a View,
    (of, user): (LimitedRate, &'a str),
    (meters, now): (&'a Meters, Instant),
) -> impl Iterator<Item = Arc<Meter>> + 'a {
    let policies = view.rates.as_deref().into_iter();
    let policies = policies.flat_map(move |rates| rates.of_client(of, user));
    policies.map(move |policy| {
        let found = Found {
            rate: policy.per_second as f64,
            nodes: view.serving,
            counted_for: CountedFor {
                user: None,
                client: None,
            },
        };
        let kind = QuotaKind::Policy(policy.id.clone());
        meters.of_client((&view.name, kind), found, now)
    })
}

/// Uses so much of all, and says how long to wait.
fn charge_all(all: &[Arc<Meter>], amount: f64, now: Duration) -> Duration {
    let waits = all.iter().map(|meter| meter.charge(amount, now));
    waits.max().unwrap_or_default()
}

/// For how long somebody waits for bytes, by how many there are at once.
fn wait_for(wait: Duration, bytes: usize, moves_records: bool) -> Duration {
    match (moves_records, bytes > SMALL_BYTES) {
        (true, _) => wait,
        (false, true) => wait.min(LONGEST_FOR_TIME),
        (false, false) => Duration::ZERO,
    }
}

impl Session {
    /// Counts a connection.
    pub(super) fn count_connection(&mut self) {
        let view = self.setup.door.view.load();
        let address = self.setup.peer.ip();
        let limit = view
            .quotas
            .as_ref()
            .and_then(|quotas| Some((quotas.of_address(address)?, quotas.nodes())));
        let Some((rate, nodes)) = limit else {
            return;
        };
        let meters = &self.setup.shared.meters;
        let meter = meters.of_address(&view.name, (address, rate, nodes), self.now);
        let wait = meter.charge_within(1.0, meters.clock(self.now), LONGEST_QUEUE);
        self.throttle(wait.unwrap_or(LONGEST_QUEUE), ThrottledBy::Connections);
    }

    /// Counts a connection that has logged in for the first time.
    ///
    /// # Errors
    /// The virtual cluster has as many as it may have, or so many that log in that it would have to wait for too long.
    pub(super) fn connected(&mut self) -> Result<(), End> {
        if self.connection.is_some() {
            return Ok(());
        }
        let view = self.setup.door.view.load();
        let quotas = view.quotas.as_deref();
        let most = quotas.and_then(|quotas| Some((quotas.limit(Limit::Connections)?, quotas.nodes())));
        let connection = self.setup.door.connections.enter(most).ok_or(End::OverLimit)?;
        self.connection = Some(connection);
        self.uses(|figures| figures.connections += 1);
        let meters = Arc::clone(&self.setup.shared.meters);
        let clock = meters.clock(self.now);
        if let Some(meter) = of_vcluster(&view, Limit::NewConnections, (&meters, self.now)) {
            let wait = meter.charge_within(1.0, clock, LONGEST_QUEUE);
            self.throttle(wait.ok_or(End::OverLimit)?, ThrottledBy::NewConnections);
        }
        let Some(caller) = self.caller.as_ref().filter(|_| view.rates.is_some()) else {
            return Ok(());
        };
        let who = (LimitedRate::NewConnections, caller.principal.name());
        let limits: Vec<_> = of_policies(&view, who, (&meters, self.now)).collect();
        for meter in limits {
            let wait = meter.charge_within(1.0, clock, LONGEST_QUEUE);
            self.throttle(wait.ok_or(End::OverLimit)?, ThrottledBy::Policy);
        }
        Ok(())
    }

    /// Counts a request, once.
    pub(super) fn count_use(&mut self, view: &View, frame: &[u8], head: &mut RequestHead) {
        let is_counted = std::mem::replace(&mut head.is_counted, true);
        if view.quotas.is_none() && view.rates.is_none() {
            if !self.meters.by.is_nothing() {
                self.meters = Throttle::default();
                self.allow_mutations(true);
            }
            return;
        }
        if is_counted {
            return;
        }
        let header = RequestHeader::parse(frame).ok();
        let client_id = header
            .and_then(|header| header.client_id(frame))
            .unwrap_or_default();
        let client_id = &client_id[..client_id.floor_char_boundary(MAX_CLIENT_ID_BYTES)];
        let shared = &self.setup.shared;
        if let Some(caller) = &self.caller
            && !self.meters.is_by(view, client_id)
        {
            let who = (caller.principal.name(), client_id);
            self.meters = Throttle::find(view, who, (&shared.meters, self.now));
        }
        if let Some(meter) = &self.meters.produced
            && api::uses(head.api_key) == QuotaUse::ProducedBytes
        {
            let wait = meter.charge(frame.len() as f64, shared.meters.clock(self.now));
            self.throttle(wait, ThrottledBy::ProducedBytes);
        }
        self.count_for_all((frame.len(), api::uses(head.api_key) == QuotaUse::ProducedBytes));
        self.count_mutations(view, (frame, head.api_key));
    }

    /// Counts a request for the virtual cluster.
    fn count_for_all(&mut self, (bytes, moves_records): (usize, bool)) {
        let now = self.setup.shared.meters.clock(self.now);
        if let Some(meter) = &self.meters.all.requests {
            let wait = meter.charge(1.0, now);
            self.throttle(wait, ThrottledBy::Requests);
        }
        if moves_records {
            let wait = charge_all(&self.meters.by_policies.produced, bytes as f64, now);
            self.throttle(wait, ThrottledBy::Policy);
        }
        if let Some(meter) = &self.meters.all.bytes_in {
            let wait = meter.charge(bytes as f64, now);
            self.throttle(wait_for(wait, bytes, moves_records), ThrottledBy::BytesIn);
        }
    }

    /// Counts the mutations of a request. Who has made more than it may makes none for a while, where it understands that.
    fn count_mutations(&mut self, view: &View, (frame, api_key): (&[u8], i16)) {
        let QuotaUse::Mutations { .. } = api::uses(api_key) else {
            return;
        };
        self.allow_mutations(true);
        let (Some(meter), Some(asked)) = (&self.meters.mutations, api::mutations(view, frame)) else {
            return;
        };
        let now = self.setup.shared.meters.clock(self.now);
        let owed = meter.owed(now);
        let is_refused = asked.is_refusable && !owed.is_zero();
        let wait = match is_refused {
            true => owed,
            false => meter.charge(asked.partitions as f64, now),
        };
        self.allow_mutations(!is_refused);
        self.throttle(wait, ThrottledBy::Mutations);
    }

    fn allow_mutations(&mut self, may: bool) {
        if let Some(caller) = &mut self.caller {
            caller.is_over_quota = !may;
        }
    }

    /// When work for the client begins, if its time counts.
    pub(super) fn work_begins(&self) -> Option<Instant> {
        self.meters.time.is_some().then(Instant::now)
    }

    /// Counts the time of work for the client.
    pub(super) fn work_ended(&mut self, begun: Option<Instant>) {
        if let (Some(begun), Some(meter)) = (begun, &self.meters.time) {
            let nanos = begun.elapsed().as_nanos() as f64;
            let wait = meter.charge(nanos, self.setup.shared.meters.clock(self.now));
            self.throttle(wait.min(LONGEST_FOR_TIME), ThrottledBy::RequestTime);
        }
    }

    /// Counts the bytes of an answer of a broker.
    pub(super) fn count_answer(&mut self, bytes: usize, consumes: bool) {
        if let Some(meter) = &self.meters.consumed
            && consumes
        {
            let wait = meter.charge(bytes as f64, self.setup.shared.meters.clock(self.now));
            self.throttle(wait, ThrottledBy::ConsumedBytes);
        }
        if consumes && !self.meters.by_policies.consumed.is_empty() {
            let now = self.setup.shared.meters.clock(self.now);
            let wait = charge_all(&self.meters.by_policies.consumed, bytes as f64, now);
            self.throttle(wait, ThrottledBy::Policy);
        }
        if let Some(meter) = &self.meters.all.bytes_out {
            let wait = meter.charge(bytes as f64, self.setup.shared.meters.clock(self.now));
            self.throttle(wait_for(wait, bytes, consumes), ThrottledBy::BytesOut);
        }
    }

    /// Counts the bytes of an answer of the gateway's own.
    pub(super) fn count_own_answer(&mut self, answer: &Segments) {
        if self.meters.all.bytes_out.is_some() {
            self.count_answer(answer.len(), false);
        }
    }

    /// Counts for how long a broker does not read the connection that this session has to it.
    pub(super) fn throttled_by_broker(&mut self, ms: u32) {
        let wait = Duration::from_millis(ms.into());
        if !wait.is_zero() {
            self.upstream.rests_until(self.now + wait);
        }
        self.throttle(wait, ThrottledBy::Broker);
    }

    /// Does not read the client for so long.
    fn throttle(&mut self, wait: Duration, by: ThrottledBy) {
        if wait.is_zero() {
            return;
        }
        self.is_throttled_for(wait);
        self.deadlines.throttle(self.now + wait);
        self.setup.door.metrics.throttled(by).observe(wait.as_secs_f64());
    }

    /// For how long the client is not read from now on, in milliseconds.
    pub(super) fn throttle_ms(&self) -> u32 {
        let wait = self.deadlines.throttled_for(self.now).unwrap_or_default();
        // A part of a millisecond is one: nobody is told to come back too early.
        u32::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)
    }

    /// An answer of the gateway's own that says for how long the client is not read, if it is not.
    pub(super) fn throttled(&self, answer: Segments, head: RequestHead) -> Segments {
        match self.throttle_ms() {
            0 => answer,
            ms => api::throttled(answer, head.api(), ms),
        }
    }
}
