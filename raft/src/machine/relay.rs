//! Logins that physical clusters judge: an exchange can be shown to one of them only, so there must be only one.

use crate::model::{Authentication, ClusterId, VclusterName};
use crate::outcome::Refusal;

/// Refuses methods that relay logins when `clusters` are not all the same.
pub(super) fn check<'a>(
    vcluster: &VclusterName,
    authentication: &Authentication,
    clusters: impl IntoIterator<Item = &'a ClusterId>,
) -> Result<(), Refusal> {
    let mut clusters = clusters.into_iter();
    let first = clusters.next();
    let other = clusters.find(|other| first.is_some_and(|first| first != *other));
    match (first, other) {
        (Some(first), Some(other)) if authentication.relays() => Err(Refusal::Relayed {
            vcluster: vcluster.clone(),
            first: first.clone(),
            other: other.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Mediation, Method, ScramHash};

    use super::*;

    #[test]
    fn only_terminated_logins_reach_several_clusters() {
        let passes = |mediation, clusters: &[&str]| {
            let clusters: Vec<ClusterId> = clusters.iter().map(|id| id.parse().unwrap()).collect();
            let method = Method::SaslScram {
                hash: ScramHash::Sha256,
                mediation,
            };
            check(&"one".parse().unwrap(), &Authentication(vec![method]), &clusters).is_ok()
        };
        assert!(passes(Mediation::Terminate, &["a", "b"]));
        assert!(passes(Mediation::Passthrough, &["a", "A", "a"]));
        assert!(passes(Mediation::Passthrough, &[]));
        assert!(!passes(Mediation::Passthrough, &["a", "a", "b"]));
        assert!(!passes(Mediation::ValidateForward, &["a", "b"]));
    }
}
