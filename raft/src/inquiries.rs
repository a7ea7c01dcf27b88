//! Questions of the application on one node to that on another, over the connections of peers. What they are about, this crate
//! does not know; they are in no log.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use crate::network::CallError;

/// Answers a question of another node. It is called on the thread of the node, which it must not hold up.
pub type AnswerInquiry = dyn Fn(Vec<u8>) -> Pin<Box<dyn Future<Output = Vec<u8>> + Send>> + Send + Sync;

/// Why another node gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InquiryError {
    #[error("the feature level of the cluster has no such questions yet")]
    Level,
    #[error("this node has too much to ask")]
    Busy,
    #[error("this node has stopped")]
    Stopped,
    #[error("{0}")]
    Peer(String),
}

impl InquiryError {
    pub(crate) fn of(error: CallError) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        Self::Peer(words)
    }
}

/// Who answers the questions of other nodes, once somebody does.
#[derive(Clone, Default)]
pub(crate) struct Inquiries(Arc<OnceLock<Arc<AnswerInquiry>>>);

impl Inquiries {
    pub(crate) fn answer_with(&self, answerer: Arc<AnswerInquiry>) {
        // The first one stays.
        drop(self.0.set(answerer));
    }

    pub(crate) fn get(&self) -> Option<Arc<AnswerInquiry>> {
        self.0.get().cloned()
    }
}

impl fmt::Debug for Inquiries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inquiries({})", self.0.get().is_some())
    }
}
