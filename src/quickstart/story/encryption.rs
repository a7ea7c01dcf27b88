//! Two policies and a key: what the partner writes is encrypted before it reaches a broker.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CLUSTER, PARTNER_FILE, RECORDS, Story, TOOL_LIMIT, TOPICS, VCLUSTER, expect};
use crate::quickstart::error::QuickstartError;

const KEY_FILE: &str = "partner.keys";

/// The name of the key, and the bytes of one.
const KEY: &str = "partner";
const KEY_BYTES: usize = 32;

const RECORD: &str = "a secret of the partner";

fn policy(name: &str, phase: &str, action: &Value) -> Value {
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": {"name": name, "vCluster": VCLUSTER},
        "spec": {
            "phase": phase, "topics": [{"patternType": "LITERAL", "name": "topic1"}], "action": action,
        },
    })
}

impl Story {
    /// A key is made; gives what the nodes are told of it.
    pub(super) fn key_of_records(&mut self) -> Result<(String, String), QuickstartError> {
        let mut key = [0; KEY_BYTES];
        let chance = |_| QuickstartError::io("make a key")(std::io::ErrorKind::Other.into());
        rand::fill(&mut key).map_err(chance)?;
        self.write(KEY_FILE, &format!("1 {}\n", STANDARD.encode(key)))?;
        let path = self.stage.directory().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(QuickstartError::io("close the key file"))?;
        let keys = json!({ KEY: {"kind": "file", "file": path} });
        Ok(("KLAMM_KEYS".to_owned(), keys.to_string()))
    }

    /// The partner writes and reads as before; the broker has cipher text.
    pub(super) fn encryption(&mut self) -> Result<(), QuickstartError> {
        self.screen.step(
            "The partner writes secrets to topic1: two policies encrypt them for the way through Kafka",
        );
        let (encrypt, decrypt) = (
            json!({"type": "encrypt", "key": KEY}),
            json!({"type": "decrypt", "keys": [KEY]}),
        );
        self.put(1, "policy", &policy("seal-topic1", "produce", &encrypt))?;
        self.put(2, "policy", &policy("open-topic1", "consume", &decrypt))?;
        self.client("kafka-console-producer", PARTNER_FILE, "--topic topic1", RECORD)?;
        self.screen.says(&format!("> {RECORD}"));
        let connection = self.physical_connection();
        let stored = self.stage.kafka().records(&connection, TOPICS[0].1, TOOL_LIMIT)?;
        if stored.iter().any(|line| line.contains(RECORD)) {
            return Err(QuickstartError::Unproven {
                claim: "the broker has cipher text",
                seen: stored.join("\n"),
            });
        }
        self.screen.proof(&format!(
            "a console consumer at {CLUSTER} reads nothing of it in {}",
            TOPICS[0].1
        ));
        // What was there, and what the partner has written; a topic that was there before has whatever it has.
        let most = match self.made.contains(&TOPICS[0].1) {
            true => RECORDS.len() + 2,
            false => i32::MAX as usize,
        };
        let arguments = format!(
            "--topic topic1 --partition 0 --offset earliest --timeout-ms 10000 --max-messages {most}"
        );
        let read = self.client("kafka-console-consumer", PARTNER_FILE, &arguments, "")?;
        expect("the partner reads what it wrote", &read, |output| {
            output.stdout.contains(RECORD)
        })?;
        self.screen.says(RECORD);
        self.screen.proof("the partner reads it");
        Ok(())
    }
}
