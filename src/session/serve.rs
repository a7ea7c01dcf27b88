//! Requests and answers: has `vcluster` plan each request and carries the plan out.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use klamm_raft::model::{Entry, PolicyName};
use tracing::info;

use super::Session;
use super::budget::Share;
use super::complaints::Complaint;
use super::end::End;
use super::inbound::Frame;
use super::pause::{Flow, Pause};
use super::pipeline::RequestHead;
use super::stage::Handling;
use super::upstream::Destination;
use crate::auth::Conversation;
use crate::authz::{AuditLine, Decision, DenyRule, Resource};
use crate::vcluster::api::{self, BadAnswer, Gathered, Gathering, LocalErrors};
use crate::vcluster::pending::Pending;
use crate::vcluster::plan::{
    Answer, Attempt, CallResult, Caller, Denials, Forward, Need, NotConfirmed, Place, Plan,
};
use crate::vcluster::record_work::{RecordResults, RecordWork};
use crate::vcluster::view::View;
use crate::wire::{self, Segments};

/// A request that is not planned yet, or must be planned again.
#[derive(Debug)]
pub(super) struct Unplanned {
    pub(super) frame: Bytes,
    pub(super) share: Option<Rc<Share>>,
    pub(super) head: RequestHead,
}

impl Session {
    /// A frame that is a request.
    pub(super) fn on_request(&mut self, frame: Frame) -> Result<(), End> {
        let Some(head) = RequestHead::of(&frame.bytes, self.now) else {
            self.drain(End::BadRequest);
            return Ok(());
        };
        self.count_request(head);
        let mut route = self.stage.route(head.api_key, Conversation::is_sasl);
        if route == Handling::LogIn {
            if self.entry() != Entry::BySasl {
                self.on_accept();
            }
            route = match self.pauses.requests {
                // The connection is closed after a while, unanswered.
                Some(_) => return Ok(()),
                None => self.stage.route(head.api_key, Conversation::is_sasl),
            };
        }
        match route {
            Handling::LogIn => self.drain(End::NotLoggedIn),
            Handling::Refuse(end) => self.drain(end),
            Handling::OutOfTurn => {
                if let Some(answer) = api::out_of_turn(&self.setup.door.view.load(), &frame.bytes) {
                    self.reply(answer, head);
                }
                self.drain(End::NotLoggedIn);
            }
            Handling::Sasl => self.on_sasl(&frame, head)?,
            Handling::ApiVersions if self.is_expired() => return Err(End::SessionExpired),
            Handling::ApiVersions => match api::api_versions(&self.setup.door.view.load(), &frame.bytes) {
                Ok(answer) => self.reply(answer, head),
                Err(_) => self.drain(End::BadRequest),
            },
            Handling::Serve => {
                let request = Unplanned {
                    frame: frame.bytes,
                    share: frame.share,
                    head,
                };
                self.serve(request, Attempt::First)?;
                self.has_directed(head);
            }
        }
        Ok(())
    }

    /// Plans a request and carries the plan out; again, once what had to be found out first is known.
    pub(super) fn serve(&mut self, request: Unplanned, attempt: Attempt) -> Result<(), End> {
        self.serve_judged(request, attempt, &RecordResults::NONE)
    }

    /// Has the records of a request judged, and plans it with what came of them.
    fn judge_request(&mut self, work: RecordWork, request: Unplanned, attempt: Attempt) -> Result<(), End> {
        let head = request.head;
        self.judge((work, head), Flow::Requests, move |session, (results, memory)| {
            session.serve_judged(request, attempt, &results)?;
            // Where the request waits for something else, it is judged once more.
            if let Some(memory) = memory.filter(|_| session.pauses.requests.is_none()) {
                session.upstream.hold(Rc::new(memory));
            }
            Ok(())
        })
    }

    /// Plans a request of whose records this is known.
    fn serve_judged(
        &mut self,
        request: Unplanned,
        attempt: Attempt,
        results: &RecordResults,
    ) -> Result<(), End> {
        let view = self.setup.door.view.load();
        #[cfg(feature = "planted")]
        let view = self.early_view.take().map_or(view, arc_swap::Guard::from_inner);
        self.check_login(&view.directory)?;
        if self.is_expired() {
            return Err(End::SessionExpired);
        }
        if view.route.is_fenced {
            self.wait_for_route(request, attempt);
            return Ok(());
        }
        self.setup.seat.asked(self.now);
        let Unplanned {
            frame,
            share,
            mut head,
        } = request;
        self.count_use(&view, &frame, &mut head);
        let begun = self.work_begins();
        let Some(caller) = &self.caller else {
            return Err(End::NotLoggedIn);
        };
        let planned = api::request(&view, caller, &mut self.subscriptions, (frame, results), attempt);
        self.audit(&view, caller, head.api_key, &planned.denied);
        let is_denied = planned.denied.count > 0 && !planned.plan.is_to_be_made_again();
        self.tell_of_rules(caller, &planned.ruled, head);
        self.tell_of_right(&view, caller, &planned.plan, head);
        self.count(&LocalErrors::of_plan(&planned.plan, head.api()), head);
        if is_denied {
            self.uses(|figures| figures.denied_requests += 1);
        }
        let carried_out = self.carry_out(&view, planned.plan, share, head);
        self.work_ended(begun);
        carried_out
    }

    fn carry_out(
        &mut self,
        view: &View,
        plan: Plan,
        share: Option<Rc<Share>>,
        head: RequestHead,
    ) -> Result<(), End> {
        match plan {
            Plan::Reply(answer) => self.reply(answer, head),
            Plan::Forward(forward) => self.forward(view, forward, share, head)?,
            Plan::Drop => {}
            Plan::Need(need) => self.find_out(need, share, head)?,
            Plan::Close(reason) => self.drain(reason.into()),
        }
        Ok(())
    }

    /// Whether the login holds no longer.
    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= self.now)
    }

    /// Several physical clusters have answered, or not.
    fn gathered(
        &mut self,
        gathering: Gathering,
        answers: Vec<CallResult>,
        head: RequestHead,
    ) -> Result<(), End> {
        let view = self.setup.door.view.load();
        let Some(caller) = &self.caller else {
            return Err(End::NotLoggedIn);
        };
        let Gathered { plan, errors } = api::gathered(&view, caller, gathering, answers)
            .map_err(|error| self.bad_answer(&view, head, &error))?;
        self.count(&errors, head);
        self.carry_out(&view, plan, None, head)
    }

    fn forward(
        &mut self,
        view: &View,
        forward: Forward,
        share: Option<Rc<Share>>,
        head: RequestHead,
    ) -> Result<(), End> {
        let Some(destination) = destination(view, self.setup.door.place) else {
            return Err(End::UpstreamUnavailable);
        };
        let Some(forward) = self.ask_any_broker(&destination.cluster, forward, head)? else {
            self.setup.door.metrics.allowed.inc();
            return Ok(());
        };
        let is_moved = !self.upstream.fits(&destination);
        if is_moved && !self.is_quiet() {
            // What is in flight is for another broker than this request: the client must connect again.
            return Err(End::AddressGone);
        }
        if is_moved || self.upstream.is_retired(self.now) {
            self.upstream.release();
        }
        let Forward { request, answer, .. } = forward;
        self.upstream.send(destination, request, share)?;
        self.setup.door.metrics.allowed.inc();
        match answer {
            Answer::Expected(pending) => {
                if pending.binds_connection() {
                    self.upstream.keep_from_others();
                }
                self.pipeline.expect(pending, head);
            }
            Answer::None(carried) => {
                self.produced(&carried);
                self.upstream.keep_from_others();
            }
            Answer::NoneThenClose(carried) => {
                self.produced(&carried);
                self.upstream.keep_from_others();
                self.drain(End::UnansweredRefusal);
            }
        }
        Ok(())
    }

    fn find_out(&mut self, need: Need, share: Option<Rc<Share>>, head: RequestHead) -> Result<(), End> {
        let limit = self.setup.shared.limits.need_timeout;
        self.pauses.requests = Some(match need {
            Need::Records { work, frame, attempt } => {
                return self.judge_request(*work, Unplanned { frame, share, head }, attempt);
            }
            Need::FreshTopics { frame } => {
                let refresh = (self.setup.door.refresh)();
                let request = Unplanned { frame, share, head };
                // Late or not, the request is planned with what is known then.
                Pause::within(limit, refresh, (), |session, ()| {
                    session.serve(request, Attempt::AfterRefresh)
                })
            }
            Need::Confirmation { frame } => {
                let confirm = (self.setup.shared.replicated.confirm)();
                let request = Unplanned { frame, share, head };
                Pause::within(limit, confirm, Err(NotConfirmed), |session, confirmation| {
                    session.serve(
                        request,
                        match confirmation {
                            Ok(()) => Attempt::Confirmed,
                            Err(NotConfirmed) => Attempt::Unconfirmed,
                        },
                    )
                })
            }
            Need::Pattern { text, frame, attempt } => {
                let Some(caller) = &self.caller else {
                    return Err(End::NotLoggedIn);
                };
                let vcluster = self.setup.door.view.load().name.clone();
                let owner = (vcluster, caller.principal.clone());
                let patterns = Arc::clone(&self.setup.shared.patterns);
                let request = Unplanned { frame, share, head };
                Pause::until(
                    patterns.compile(owner, text.clone(), limit),
                    move |session, compiled| {
                        session.subscriptions.compiled(text, compiled);
                        session.serve(request, attempt)
                    },
                )
            }
            Need::Answers { calls, gathering } => {
                Pause::until(self.errands(calls)?, move |session, answers| {
                    session.gathered(*gathering, answers, head)
                })
            }
            Need::Change {
                frame,
                command,
                judged_at,
                pending,
            } => {
                let change = (command, judged_at, pending);
                self.propose(change, Unplanned { frame, share, head })?
            }
        });
        Ok(())
    }

    pub(super) fn bad_answer(&self, view: &View, head: RequestHead, error: &BadAnswer) -> End {
        let api = api_label(head.api_key);
        self.setup.shared.complaints.of_upstream(
            &view.name,
            "an answer cannot be parsed",
            format_args!("{api}: {error}"),
        );
        End::BadUpstream
    }

    /// Gives the client an answer of the broker, of whose records this is known.
    pub(super) fn tell(&mut self, frame: Frame, results: &RecordResults) -> Result<(), End> {
        let Some(mut awaited) = self.pipeline.answered() else {
            return Err(End::BadUpstream);
        };
        self.count_answer(frame.bytes.len(), awaited.pending.consumes());
        awaited.pending.throttled_for(self.throttle_ms());
        let begun = self.work_begins();
        let answer = self.converted(awaited.pending, awaited.head, results, frame.bytes)?;
        self.outbound.push(answer, frame.share);
        self.answered(awaited.head, self.now);
        self.work_ended(begun);
        for (answer, head) in awaited.followers {
            self.outbound.push(answer, None);
            self.answered(head, self.now);
        }
        Ok(())
    }

    /// A broker's answer as the client gets it.
    pub(super) fn converted(
        &mut self,
        pending: Pending,
        head: RequestHead,
        results: &RecordResults,
        frame: Bytes,
    ) -> Result<Segments, End> {
        let Some(caller) = &self.caller else {
            return Err(End::NotLoggedIn);
        };
        let view = self.setup.door.view.load();
        let consumes = pending.consumes();
        let answer = api::response(&view, caller, pending, results, frame)
            .map_err(|error| self.bad_answer(&view, head, &error))?;
        match consumes {
            true => self.consumed(&answer.carried),
            false => self.produced(&answer.carried),
        }
        if let Some(error_code) = answer.gateway_refused {
            self.setup.door.metrics.gateway_refused.inc();
            let api = api_label(head.api_key);
            self.setup.shared.complaints.of_upstream(
                &view.name,
                "the physical cluster refuses the gateway's own account",
                format_args!("{api}: error {error_code}"),
            );
        }
        self.count(&answer.errors, head);
        self.throttled_by_broker(answer.throttle_ms);
        Ok(answer.frame)
    }

    /// Answers a request in its turn.
    pub(super) fn reply(&mut self, answer: Segments, head: RequestHead) {
        self.count_own_answer(&answer);
        let answer = self.throttled(answer, head);
        if let Some((answer, head)) = self.pipeline.reply(answer, head) {
            self.outbound.push(answer, None);
            self.answered(head, Instant::now());
        }
    }

    /// Counts a request.
    pub(super) fn count_request(&mut self, head: RequestHead) {
        self.uses(|figures| figures.requests += 1);
        self.setup
            .door
            .metrics
            .api(head.api_key, api_label)
            .requests
            .inc();
    }

    /// Counts the errors that the gateway itself answers a request with.
    pub(super) fn count(&self, errors: &LocalErrors, head: RequestHead) {
        for error in errors.labels() {
            let metrics = &self.setup.door.metrics;
            metrics.local_error(api_label(head.api_key), error);
        }
    }

    /// Takes the time of a request whose answer is on its way.
    fn answered(&self, head: RequestHead, now: Instant) {
        let metrics = self.setup.door.metrics.api(head.api_key, api_label);
        let took = now.saturating_duration_since(head.at);
        metrics.latency.observe(took.as_secs_f64());
    }

    fn audit(&self, view: &View, caller: &Caller, api_key: i16, denied: &Denials) {
        if denied.count == 0 {
            return;
        }
        let metrics = &self.setup.door.metrics;
        metrics.denied.inc_by(denied.count as u64);
        let (peer, vcluster) = (self.setup.peer, &view.name);
        for denial in &denied.listed {
            let kind = Complaint::Denied {
                vcluster: vcluster.clone(),
                principal: caller.principal.clone(),
                operation: denial.operation,
                resource_type: denial.resource_type,
            };
            let complaints = &self.setup.shared.complaints;
            if !complaints.may_write(self.now, &kind, &denial.resource) {
                continue;
            }
            let line = AuditLine {
                index: &view.acls.index,
                decision: Decision::Denied(denial.rule),
                principal: &caller.principal,
                host: &caller.host,
                operation: denial.operation,
                resource: Resource {
                    resource_type: denial.resource_type,
                    name: &denial.resource,
                },
                request: api_label(api_key),
                references: 1,
            };
            let policy = match denial.rule {
                DenyRule::Acl(acl) => view.acls.brought_by(acl).map(PolicyName::as_str),
                DenyRule::Default => None,
            };
            info!(target: "klamm::audit", event = "denied", %vcluster, %peer, policy, "{line}");
        }
    }
}

/// The physical broker behind an address of a virtual cluster.
pub(super) fn destination(view: &View, place: Place) -> Option<Destination> {
    Some(match place {
        Place::Bootstrap => Destination {
            cluster: view.cluster.clone()?,
            broker: None,
        },
        Place::Broker(id) => {
            let broker = view.brokers.by_virtual_id(id)?;
            Destination {
                cluster: broker.cluster.clone(),
                broker: Some(broker.physical_id),
            }
        }
    })
}

pub(super) fn api_label(key: i16) -> &'static str {
    wire::api_name(key).unwrap_or("unknown")
}
