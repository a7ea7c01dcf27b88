//! Changes of the replicated state that clients ask for: proposed, judged again if rights were taken away meanwhile, answered.

use klamm_raft::command::{Author, AuthorKind, Change, Command};
use klamm_raft::model::Revision;
use klamm_raft::outcome::{Outcome, Refusal};

use super::Session;
use super::end::End;
use super::pause::Pause;
use super::pipeline::RequestHead;
use super::serve::{Unplanned, api_label};
use crate::vcluster::api::{self, LocalErrors};
use crate::vcluster::pending::PendingChange;
use crate::vcluster::plan::{Attempt, ChangeResult, ChangeUnavailable};

impl Session {
    /// Proposes a change that was judged by the view of a revision. The request is answered once it is known what came of it.
    pub(super) fn propose(
        &self,
        (command, judged_at, pending): (Box<Command>, Revision, PendingChange),
        request: Unplanned,
    ) -> Result<Pause, End> {
        let (limit, head) = (self.setup.shared.limits.need_timeout, request.head);
        let change = (self.setup.shared.replicated.propose)(Change {
            author: self.author(head).ok_or(End::NotLoggedIn)?,
            judged_at,
            command: *command,
        });
        Ok(Pause::within(
            limit,
            change,
            Err(ChangeUnavailable),
            move |session, result| {
                let is_outdated = matches!(result, Ok(Outcome::Refused(Refusal::Outdated)));
                if is_outdated && head.at.elapsed() < limit {
                    return session.serve(request, Attempt::First);
                }
                session.changed(pending, result, head);
                Ok(())
            },
        ))
    }

    /// Who sends a request; nobody before the login.
    fn author(&self, head: RequestHead) -> Option<Author> {
        let caller = self.caller.as_ref()?;
        Some(Author {
            kind: AuthorKind::Client,
            name: caller.principal.as_str().to_owned(),
            address: Some(self.setup.peer.ip()),
            request: format!("{} {}", api_label(head.api_key), head.correlation_id),
        })
    }

    /// A change is made, refused or unknown.
    fn changed(&mut self, pending: PendingChange, result: ChangeResult, head: RequestHead) {
        let answer = api::changed(pending, result);
        self.count(&LocalErrors::of_answer(&answer, head.api()), head);
        self.reply(answer, head);
    }
}
