//! The figures that are counted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure by its name.
pub type Measure = (&'static str, fn(&Figures) -> u64);

macro_rules! figures {
    ($($field:ident = $name:literal: $meaning:literal;)*) => {
        /// The figures of whatever was used.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        #[schemars(inline)]
        pub struct Figures {
            $(
                #[doc = $meaning]
                #[serde(rename = $name, skip_serializing_if = "is_zero")]
                pub $field: u64,
            )*
        }

        /// All figures, in the order of columns.
        pub const MEASURES: &[Measure] = &[$(($name, |figures| figures.$field)),*];

        impl Figures {
            /// Adds others.
            pub fn add(&mut self, others: &Self) {
                $(self.$field = self.$field.saturating_add(others.$field);)*
            }
        }
    };
}

figures! {
    bytes_in = "bytesIn": "Bytes that clients sent.";
    bytes_out = "bytesOut": "Bytes that were sent to clients.";
    requests = "requests": "Requests of clients.";
    connections = "connections": "Connections that logged in.";
    throttled_ms = "throttledMs": "Milliseconds for which clients were not read, because of quotas and limits.";
    denied_requests = "deniedRequests": "Requests of which something was denied by ACLs.";
    produced_bytes = "producedBytes": "Bytes of batches that brokers took, as clients sent them.";
    produced_records = "producedRecords": "Records of those batches, by their headers.";
    consumed_bytes = "consumedBytes": "Bytes of batches that were sent to consumers.";
    consumed_records = "consumedRecords": "Records of those batches, by their headers.";
}

impl Figures {
    /// Whether nothing was used.
    pub fn are_zero(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(figure: &u64) -> bool {
    *figure == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up_and_only_those_are_written_that_are_not_zero() {
        let mut sum = Figures {
            requests: 2,
            ..Figures::default()
        };
        sum.add(&Figures {
            requests: 3,
            consumed_records: u64::MAX,
            ..Figures::default()
        });
        sum.add(&Figures {
            consumed_records: 1,
            ..Figures::default()
        });
        let text = serde_json::to_string(&sum).unwrap();
        assert_eq!(text, r#"{"requests":5,"consumedRecords":18446744073709551615}"#);
        assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), sum);
        let columns: u128 = MEASURES.iter().map(|(_, of)| u128::from(of(&sum))).sum();
        assert_eq!(columns, 5 + u128::from(u64::MAX));
    }
}
