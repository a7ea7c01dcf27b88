//! Metrics of what a node consists of.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// Kinds of what a node consists of.
    pub enum ComponentKind {
        Manager = "manager": "what follows the replicated state",
        AdminApi = "admin_api": "the admin API",
        Listener = "listener": "all that accepts connections of Kafka clients",
        Port = "port": "what accepts the connections of one port",
        VirtualCluster = "virtual_cluster": "a virtual cluster",
        Watcher = "watcher": "what looks at a physical cluster",
        Pool = "pool": "the connections of one thread to a physical cluster",
        Pin = "pin": "what sees to it that a physical cluster stays the same Kafka cluster",
        KeyReader = "key_reader": "what reads the keys of an OAuth provider",
        RecordKey = "record_key": "what follows a key that records are encrypted with",
        Registry = "registry": "what looks after a schema registry",
        Certificates = "certificates": "what follows certificate files",
        Backups = "backups": "what makes backups by itself",
        Announcer = "announcer": "what tells the other nodes which addresses this one cannot open",
        Reporter = "reporter": "what tells the other nodes how this one reaches physical clusters",
        QuotaKeeper = "quota_keeper": "what shares quotas with the other nodes",
        RouteKeeper = "route_keeper": "what follows switches to another physical cluster",
        Accountant = "accountant": "what writes usage down",
        SecretReader = "secret_reader": "what follows the files that physical clusters refer to",
    }
}

const BY_KIND: &[Label] = &[Label::closed("component", ComponentKind::values)];

/// The families, by kind of component.
#[derive(Debug, Clone)]
pub struct ComponentMetrics {
    panics: IntCounterVec,
    down: IntGaugeVec,
}

impl ComponentMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Components);
        Ok(Self {
            panics: book.counters(
                Family::new(
                    "klamm_component_panics_total",
                    "Components of this node that panicked, by kind",
                )
                .by(BY_KIND)
                .on_page(
                    "Components of this node that panicked; each is [restarted](ARCHITECTURE.md#when-something-panics), or the node ends. The log says where each panic happened",
                ),
            )?,
            down: book.gauges(
                Family::new(
                    "klamm_components_down",
                    "Components of this node that panicked and are waiting to be restarted, by kind",
                )
                .by(BY_KIND)
                .on_page("Components that panicked and are waiting to be restarted"),
            )?,
        })
    }

    /// There are components of this kind.
    pub fn knows(&self, kind: ComponentKind) {
        self.panics.with_label_values(&[kind.name()]);
        self.down.with_label_values(&[kind.name()]);
    }

    /// One has panicked.
    pub fn panicked(&self, kind: ComponentKind) {
        self.panics.with_label_values(&[kind.name()]).inc();
    }

    /// So many more are down.
    pub fn down(&self, kind: ComponentKind, more: i64) {
        self.down.with_label_values(&[kind.name()]).add(more);
    }
}
