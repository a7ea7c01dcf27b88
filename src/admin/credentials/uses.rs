//! When access tokens are used: told to the other nodes seldom, and never while somebody waits for an answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use klamm_raft::command::{Change, Command};
use klamm_raft::model::{AccessTokenId, State};

use super::AdminCaller;
use crate::admin::services::Services;

/// A use that was told, or could not be told, is not told again for so long. What is written holds for longer.
const AGAIN_AFTER_S: u64 = 60;

/// When this node last told of a use, by token.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<BTreeMap<AccessTokenId, u64>>);

impl Uses {
    /// Tells the other nodes of a use if that is news to them.
    pub(super) fn tell(
        &self,
        services: &Services,
        state: &State,
        (id, caller): (AccessTokenId, &AdminCaller),
        now_s: u64,
    ) {
        let is_news = state
            .access_tokens
            .get(&id)
            .is_some_and(|token| token.is_news(now_s));
        if !is_news || !self.is_due(state, id, now_s) {
            return;
        }
        let told = (services.propose)(Change {
            author: caller.author(),
            judged_at: state.revision,
            command: Command::UseAccessToken { id, at_s: now_s },
        });
        actix_web::rt::spawn(async move {
            if let Err(error) = told.await {
                tracing::debug!(%error, "the use of an access token could not be recorded");
            }
        });
    }

    fn is_due(&self, state: &State, id: AccessTokenId, now_s: u64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|id, _| state.access_tokens.contains_key(id));
        let before = told.get(&id).copied();
        if before.is_some_and(|before| now_s < before.saturating_add(AGAIN_AFTER_S)) {
            return false;
        }
        told.insert(id, now_s);
        true
    }
}
