//! The result of a request, as tests expect it.

use super::*;

/// The result of a request.
pub(in super::super) struct Asked<'a, Q: Request> {
    pub(in super::super) planned: Planned,
    pub(super) world: &'a World,
    pub(super) version: i16,
    pub(super) request: std::marker::PhantomData<Q>,
}

impl<Q: Request> Asked<'_, Q> {
    /// Expects that the request goes upstream, lets `broker` answer, and gives what the client sees.
    pub(in super::super) fn forwarded(self, broker: impl FnOnce(Q) -> Q::Response) -> Q::Response {
        let (world, version) = (self.world, self.version);
        world.answers::<Q>(version, self.waiting(), broker)
    }

    /// Expects that the request goes upstream: what it leaves behind, and what the broker gets.
    pub(in super::super) fn waiting(self) -> (Pending, Segments) {
        let Plan::Forward(forward) = self.planned.plan else {
            panic!("{:?}", self.planned.plan)
        };
        let Answer::Expected(pending) = forward.answer else {
            panic!("{:?}", forward.answer)
        };
        (pending, forward.request.into_frame())
    }

    /// Expects that the request goes upstream, lets `broker` answer, and gives what must be known before that is told.
    pub(in super::super) fn awaits(self, broker: impl FnOnce(Q) -> Q::Response) -> Freshness {
        let Plan::Forward(forward) = self.planned.plan else {
            panic!("{:?}", self.planned.plan)
        };
        let Answer::Expected(pending) = forward.answer else {
            panic!("{:?}", forward.answer)
        };
        let upstream = decode_request(self.version, &forward.request.into_frame());
        let frame = encode_response::<Q>(self.version, &broker(upstream));
        let freshness = api::freshness(&self.world.view, &pending, &frame);
        assert!(pending.may_run_ahead() || freshness == Freshness::Enough);
        freshness
    }

    /// Kafka's names of the errors that the gateway itself answers with.
    pub(in super::super) fn errors(&self) -> Vec<&'static str> {
        let errors = LocalErrors::of_plan(&self.planned.plan, (Q::KEY, self.version));
        errors.labels().collect()
    }

    /// Expects that the request is answered by the gateway.
    pub(in super::super) fn replied(self) -> Q::Response {
        let Plan::Reply(reply) = self.planned.plan else {
            panic!("{:?}", self.planned.plan)
        };
        decode_response::<Q>(self.version, &reply)
    }

    /// Expects that the request goes upstream: the answer of the gateway itself, if it has one for when no broker answers.
    pub(in super::super) fn otherwise(self) -> Option<Q::Response> {
        let Plan::Forward(forward) = self.planned.plan else {
            panic!("{:?}", self.planned.plan)
        };
        let answer = forward.otherwise?;
        assert_no_secret(&answer);
        Some(decode_response::<Q>(self.version, &answer))
    }

    /// Expects that the connection is closed.
    pub(in super::super) fn closed(self) -> CloseReason {
        let Plan::Close(reason) = self.planned.plan else {
            panic!("{:?}", self.planned.plan)
        };
        reason
    }

    /// Expects that the view must be known to be the newest first.
    pub(in super::super) fn needs_confirmation(self) {
        assert!(matches!(self.planned.plan, Plan::Need(Need::Confirmation { .. })));
    }

    /// Expects that the view must be refreshed first.
    pub(in super::super) fn needs_fresh_topics(self) {
        assert!(matches!(self.planned.plan, Plan::Need(Need::FreshTopics { .. })));
    }

    /// Expects that several clusters are asked, lets them answer, and gives what the client sees.
    pub(in super::super) fn gathered(self, broker: impl FnMut(&To, &Segments) -> CallResult) -> Q::Response {
        self.gathered_and_counted(broker).0
    }

    /// Gathers, and gives Kafka's names of the errors that are counted as the gateway's own.
    pub(in super::super) fn gathered_and_counted(
        self,
        mut broker: impl FnMut(&To, &Segments) -> CallResult,
    ) -> (Q::Response, Vec<&'static str>) {
        let mut counted = self.errors();
        let mut plan = self.planned.plan;
        loop {
            match plan {
                Plan::Need(Need::Answers { calls, gathering }) => {
                    let answers = calls
                        .into_iter()
                        .map(|call| broker(&call.to, &call.request.into_frame()))
                        .collect();
                    let gathered =
                        api::gathered(&self.world.view, &self.world.caller, *gathering, answers).unwrap();
                    counted.extend(gathered.errors.labels());
                    plan = gathered.plan;
                }
                Plan::Reply(reply) => {
                    assert_no_secret(&reply);
                    return (decode_response::<Q>(self.version, &reply), counted);
                }
                plan => panic!("{plan:?}"),
            }
        }
    }

    /// Expects that a change is proposed, and gives what is answered when it is made.
    pub(in super::super) fn changed(self) -> (Command, Q::Response) {
        let Plan::Need(Need::Change { command, pending, .. }) = self.planned.plan else {
            panic!("{:?}", self.planned.plan)
        };
        let answer = api::changed(pending, Ok(Outcome::Updated));
        (*command, decode_response::<Q>(self.version, &answer))
    }

    /// The denials, as `Operation Type name`.
    pub(in super::super) fn denied(&self) -> Vec<String> {
        let listed = self.planned.denied.listed.iter();
        listed
            .map(|d| format!("{:?} {:?} {}", d.operation, d.resource_type, d.resource))
            .collect()
    }
}
