//! Requests that any broker may answer, and the gateway itself if none does: who asks what the brokers are goes on to what
//! the gateway answers without them.

use super::Session;
use super::end::End;
use super::pause::Pause;
use super::pipeline::RequestHead;
use crate::backend::LoginAs;
use crate::vcluster::pending::Pending;
use crate::vcluster::plan::{Answer, Call, CallResult, Forward, To};
use crate::vcluster::record_work::RecordResults;
use crate::wire::Segments;
use klamm_raft::model::ClusterId;

impl Session {
    /// Sends a request to any broker, if the gateway has an answer for when there is none. Gives back what is to go over
    /// the session's own lane; who logged in at the broker has no other.
    pub(super) fn ask_any_broker(
        &mut self,
        cluster: &ClusterId,
        forward: Forward,
        head: RequestHead,
    ) -> Result<Option<Forward>, End> {
        let (otherwise, pending, request) = match forward {
            Forward {
                request,
                answer: Answer::Expected(pending),
                otherwise: Some(otherwise),
            } if self.upstream.login() != LoginAs::Client => (otherwise, pending, request),
            forward => return Ok(Some(forward)),
        };
        let to = To::AnyBroker(cluster.clone());
        let answers = self.errands(vec![Call { to, request }])?;
        self.pauses.requests = Some(Pause::until(answers, move |session, mut answers| {
            session.any_broker_answered(answers.pop(), (pending, *otherwise), head)
        }));
        Ok(None)
    }

    fn any_broker_answered(
        &mut self,
        answer: Option<CallResult>,
        (pending, otherwise): (Pending, Segments),
        head: RequestHead,
    ) -> Result<(), End> {
        let answer = match answer {
            Some(Ok(frame)) => self.converted(pending, head, &RecordResults::NONE, frame)?,
            Some(Err(_)) | None => otherwise,
        };
        self.reply(answer, head);
        Ok(())
    }
}
