//! Which Kafka cluster a physical cluster has to be, and which one answers instead of it. Kafka makes the id of a cluster
//! when its disks are formatted: one that was built anew is another, with other offsets, topic ids and producer ids.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// Another Kafka cluster answers than the one that was seen first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "another Kafka cluster answers: {found} instead of {pinned}; if it was rebuilt on purpose, accept it with: klamm cluster accept-kafka-cluster"
)]
pub struct OtherCluster {
    pub found: String,
    pub pinned: String,
}

/// The Kafka cluster that is expected behind one physical cluster. Shared by its watcher, its dials and its pools.
#[derive(Debug, Default)]
pub struct Expected {
    /// The cluster id of the Kafka cluster that all gateway nodes agree on; none before they have agreed.
    pinned: ArcSwapOption<String>,
    stranger: ArcSwapOption<OtherCluster>,
}

impl Expected {
    /// Says which Kafka cluster it has to be; the answer is whether that is news.
    pub fn expect(&self, pinned: Option<&str>) -> bool {
        let is_same = self.pinned.load().as_ref().map(|known| known.as_str()) == pinned;
        if !is_same {
            self.pinned
                .store(pinned.map(|pinned| Arc::new(pinned.to_owned())));
            let stranger = self.stranger();
            self.stranger.store(
                stranger
                    .and_then(|known| self.check(&known.found).err())
                    .map(Arc::new),
            );
        }
        !is_same
    }

    /// Whether this is the one.
    pub(crate) fn check(&self, found: &str) -> Result<(), OtherCluster> {
        match self.pinned.load().as_ref() {
            Some(pinned) if pinned.as_str() != found => Err(OtherCluster {
                found: found.to_owned(),
                pinned: pinned.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether any other than one is an error.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned.load().is_some()
    }

    /// Compares the cluster that answers where this one is looked for.
    pub(crate) fn saw(&self, found: &str) -> Result<(), OtherCluster> {
        let checked = self.check(found);
        self.stranger.store(checked.clone().err().map(Arc::new));
        checked
    }

    /// The Kafka cluster that answers instead of the expected one, as far as that is known.
    pub fn stranger(&self) -> Option<OtherCluster> {
        self.stranger.load().as_deref().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_expected_until_another_one_is_accepted() {
        let expected = Expected::default();
        assert!(expected.saw("a").is_ok() && !expected.is_pinned());
        assert!(expected.expect(Some("a")) && !expected.expect(Some("a")));
        assert!(expected.saw("a").is_ok());
        let other = OtherCluster {
            found: "b".to_owned(),
            pinned: "a".to_owned(),
        };
        assert_eq!(expected.saw("b"), Err(other.clone()));
        assert_eq!(expected.stranger(), Some(other));
        assert!(expected.expect(Some("b")));
        assert_eq!(expected.stranger(), None);
        assert!(expected.check("a").is_err() && expected.stranger().is_none());
    }
}
