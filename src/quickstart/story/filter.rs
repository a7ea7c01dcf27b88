//! A policy: the partner reads a topic, but not all of its records.

use serde_json::{Value, json};

use super::{PARTNER_FILE, RECORDS, Story, TOPICS, VCLUSTER, expect};
use crate::quickstart::error::QuickstartError;

/// The beginning of the partner's records.
const OWN: &str = "order 1 ";

/// The policy that withholds all others.
fn policy() -> Value {
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": {"name": "only-order-1", "vCluster": VCLUSTER},
        "spec": {
            "phase": "consume",
            "topics": [{"patternType": "LITERAL", "name": "topic2"}],
            "condition": format!("!record.value.startsWith('{OWN}')"),
            "action": {"type": "skip_record"},
        },
    })
}

impl Story {
    /// The partner reads what it has read before, and gets its own records only.
    pub(super) fn filter(&mut self) -> Result<(), QuickstartError> {
        self.screen
            .step("Only the records of order 1 are the partner's: a policy withholds all others");
        self.put(2, "policy", &policy())?;
        let (own, others): (Vec<&str>, Vec<&str>) =
            RECORDS.into_iter().partition(|record| record.starts_with(OWN));
        let arguments = format!(
            "--topic topic2 --partition 0 --offset earliest --timeout-ms 10000 --max-messages {}",
            own.len()
        );
        let read = self.client("kafka-console-consumer", PARTNER_FILE, &arguments, "")?;
        // A topic that was there before has whatever it has.
        let expected = match self.made.contains(&TOPICS[1].1) {
            true => own,
            false => Vec::new(),
        };
        expect("a policy withholds records", &read, |output| {
            expected.iter().all(|record| output.stdout.contains(*record))
                && !others.iter().any(|record| output.stdout.contains(*record))
        })?;
        self.screen.says(&read.stdout);
        self.screen
            .proof("the records of other orders are not shown, and the consumer moves past them");
        Ok(())
    }
}
