//! Where clients play: virtual clusters of several kinds, and brokers without a gateway. It names things and asks nobody.

use klamm::quickstart::admin;
use serde_json::{Value, json};

use crate::scene::CLUSTER;

/// A cluster as clients see one. What ends in `Too` is a second one of its kind, with the same names on the same physical
/// cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Aliases: the physical topics have other names.
    Partner,
    PartnerToo,
    /// Aliases of topics of two physical clusters: the orders are not at home.
    OverTwo,
    /// The built-in one: the same names.
    Passthrough,
    /// A namespace: physical topics, groups and transactional ids begin with a prefix that nobody sees.
    Standard,
    StandardToo,
    /// A Standard virtual cluster on the physical cluster of the built-in one.
    StandardBeside,
    /// A Kafka cluster of its own, without a gateway.
    Broker,
    BrokerToo,
}

impl Place {
    /// The kinds that every client is tried in.
    pub(crate) const ALL: [Self; 4] = [Self::Partner, Self::OverTwo, Self::Passthrough, Self::Standard];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::PartnerToo => "partner-too",
            Self::OverTwo => "over-two",
            Self::Passthrough => "passthrough",
            Self::Standard => "standard",
            Self::StandardToo => "standard-too",
            Self::StandardBeside => "standard-beside",
            Self::Broker => "broker",
            Self::BrokerToo => "broker-too",
        }
    }

    /// The name of its kind in the list of holes.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::PartnerToo => Self::Partner.name(),
            Self::StandardToo | Self::StandardBeside => Self::Standard.name(),
            Self::BrokerToo => Self::Broker.name(),
            Self::Partner | Self::OverTwo | Self::Passthrough | Self::Standard | Self::Broker => self.name(),
        }
    }

    /// The virtual cluster, if it is one.
    pub(super) fn vcluster(self) -> Option<&'static str> {
        match self {
            Self::Partner => Some("clients"),
            Self::PartnerToo => Some("clients-too"),
            Self::OverTwo => Some("clients-over-two"),
            Self::Passthrough => Some("passthrough"),
            Self::Standard => Some("clients-standard"),
            Self::StandardToo => Some("clients-standard-too"),
            Self::StandardBeside => Some("clients-beside"),
            Self::Broker | Self::BrokerToo => None,
        }
    }

    /// The virtual cluster as it is applied; the built-in one is there.
    pub(super) fn resource(self) -> Option<Value> {
        let name = self.vcluster()?;
        match self {
            Self::Partner | Self::PartnerToo | Self::OverTwo => {
                Some(admin::vcluster(name, self.super_user()))
            }
            Self::Standard | Self::StandardToo | Self::StandardBeside => Some(json!({
                "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name},
                "spec": {
                    "type": "Standard", "backend": self.cluster(""), "aclEnabled": true,
                    "superUsers": [self.super_user()],
                    "namespace": {"mode": "hide_prefix", "prefix": self.prefix()},
                },
            })),
            Self::Passthrough | Self::Broker | Self::BrokerToo => None,
        }
    }

    /// Whether topics are there by aliases.
    pub(super) fn has_aliases(self) -> bool {
        matches!(self, Self::Partner | Self::PartnerToo | Self::OverTwo)
    }

    /// The physical cluster that a topic is on.
    pub(super) fn cluster(self, topic: &str) -> &'static str {
        match self {
            Self::OverTwo if topic == "orders" => "main",
            Self::Partner | Self::PartnerToo | Self::OverTwo | Self::Standard | Self::StandardToo => CLUSTER,
            Self::Passthrough | Self::StandardBeside => "main",
            Self::Broker | Self::BrokerToo => self.name(),
        }
    }

    pub(super) fn brokers(self) -> usize {
        if self == Self::OverTwo { 2 } else { 1 }
    }

    pub(super) fn super_user(self) -> &'static str {
        if self == Self::Passthrough {
            "operator"
        } else {
            "super-user"
        }
    }

    pub(super) fn physical(self, topic: &str) -> String {
        format!("{}{topic}", self.prefix())
    }

    /// The prefix of physical names.
    fn prefix(self) -> &'static str {
        match self {
            Self::Partner => "physical-",
            Self::PartnerToo => "physical2-",
            Self::OverTwo => "two-",
            Self::Standard => "hidden-",
            Self::StandardToo => "hidden2-",
            Self::StandardBeside => "beside-",
            Self::Passthrough | Self::Broker | Self::BrokerToo => "",
        }
    }
}
