//! The kinds of resources, as people and the admin API call them.

use std::fmt;
use std::str::FromStr;

/// A kind, in the order in which resources depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    VirtualCluster,
    AliasTopic,
    ServiceAccount,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::VirtualCluster, Self::AliasTopic, Self::ServiceAccount];

    /// As `kind` of a resource.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::VirtualCluster => "VirtualCluster",
            Self::AliasTopic => "AliasTopic",
            Self::ServiceAccount => "GatewayServiceAccount",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::VirtualCluster => "/gateway/v2/virtual-cluster",
            Self::AliasTopic => "/gateway/v2/alias-topic",
            Self::ServiceAccount => "/gateway/v2/service-account",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::VirtualCluster => &["virtualcluster", "virtualclusters", "vcluster", "vclusters", "vc"],
            Self::AliasTopic => &["aliastopic", "aliastopics", "alias", "aliases"],
            Self::ServiceAccount => &[
                "gatewayserviceaccount",
                "gatewayserviceaccounts",
                "serviceaccount",
                "serviceaccounts",
                "sa",
            ],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// Without case, with or without dashes, singular or plural.
    fn from_str(text: &str) -> Result<Self, String> {
        let folded = text.replace('-', "").to_ascii_lowercase();
        let known = Self::ALL
            .into_iter()
            .find(|kind| kind.names().contains(&folded.as_str()));
        known.ok_or_else(|| format!("there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_several_names() {
        for text in ["VirtualCluster", "virtual-clusters", "VC"] {
            assert_eq!(text.parse(), Ok(Kind::VirtualCluster));
        }
        for text in ["GatewayServiceAccount", "service-account", "sa"] {
            assert_eq!(text.parse(), Ok(Kind::ServiceAccount));
        }
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!(
            "Topic"
                .parse::<Kind>()
                .expect_err("no kind")
                .contains("AliasTopic")
        );
    }
}
