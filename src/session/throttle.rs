//! Quotas of clients: what a session uses is counted, and a client that has used more than it may is not read for a while. Its
//! answers say for how long (KIP-219). Without quotas, a request costs one look at its view.

mod meters;

use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_raft::model::{QuotaKey, VclusterName};

use super::Session;
use super::pipeline::RequestHead;
use crate::metrics::ThrottledBy;
use crate::quota::{Meter, Quotas};
use crate::vcluster::api::{self, QuotaUse};
use crate::vcluster::view::View;
use crate::wire::{RequestHeader, Segments};
pub use meters::Meters;

/// A connection that would wait longer than this for its turn is not counted: it waits so long, and then its time to log in
/// is over.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// More of a client id is not looked at: a meter is kept for each. No name of a quota is longer.
const MAX_CLIENT_ID_BYTES: usize = 1024;

/// For the time that it has used a client waits for at most so long at once, as at a broker: its heartbeats count, too.
const LONGEST_FOR_TIME: Duration = Duration::from_secs(1);

/// The meters of a session's client, as the quotas are that they were found by.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    by: Option<Arc<Quotas>>,
    client_id: String,
    produced: Option<Arc<Meter>>,
    consumed: Option<Arc<Meter>>,
    time: Option<Arc<Meter>>,
    mutations: Option<Arc<Meter>>,
}

impl Throttle {
    /// Whether the meters are those of these quotas and this client id.
    fn is_by(&self, quotas: &Arc<Quotas>, client_id: &str) -> bool {
        let by = self.by.as_ref();
        by.is_some_and(|by| Arc::ptr_eq(by, quotas)) && self.client_id == client_id
    }

    fn find(
        (quotas, client_id): (&Arc<Quotas>, &str),
        (vcluster, user): (&VclusterName, &str),
        (meters, now): (&Meters, Instant),
    ) -> Self {
        let meter = |key| {
            let found = quotas.of_client(key, user, client_id)?;
            Some(meters.of_client((vcluster, key), found, now))
        };
        Self {
            by: Some(Arc::clone(quotas)),
            client_id: client_id.to_owned(),
            produced: meter(QuotaKey::ProducerByteRate),
            consumed: meter(QuotaKey::ConsumerByteRate),
            time: meter(QuotaKey::RequestPercentage),
            mutations: meter(QuotaKey::ControllerMutationRate),
        }
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

    /// Counts a request, once.
    pub(super) fn count_use(&mut self, view: &View, frame: &[u8], head: &mut RequestHead) {
        let is_counted = std::mem::replace(&mut head.is_counted, true);
        let Some(quotas) = &view.quotas else {
            if self.meters.by.is_some() {
                self.meters = Throttle::default();
                self.allow_mutations(true);
            }
            return;
        };
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
            && !self.meters.is_by(quotas, client_id)
        {
            let who = (&view.name, caller.principal.name());
            self.meters = Throttle::find((quotas, client_id), who, (&shared.meters, self.now));
        }
        if let Some(meter) = &self.meters.produced
            && api::uses(head.api_key) == QuotaUse::ProducedBytes
        {
            let wait = meter.charge(frame.len() as f64, shared.meters.clock(self.now));
            self.throttle(wait, ThrottledBy::ProducedBytes);
        }
        self.count_mutations(view, (frame, head.api_key));
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

    /// Counts the bytes of an answer that the client consumes.
    pub(super) fn count_consumed(&mut self, bytes: usize) {
        if let Some(meter) = &self.meters.consumed {
            let wait = meter.charge(bytes as f64, self.setup.shared.meters.clock(self.now));
            self.throttle(wait, ThrottledBy::ConsumedBytes);
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
