//! That nothing on a physical cluster has two names in a virtual cluster, or belongs to the namespaces of two.

use crate::model::{
    AliasTopic, ClusterId, NamePrefix, Standard, State, TopicName, VclusterKind, VclusterName,
};
use crate::outcome::Refusal;

/// Checks what `name` is to show against itself, its aliases and the other virtual clusters.
pub(super) fn check(state: &State, name: &VclusterName, kind: &VclusterKind) -> Result<(), Refusal> {
    let others = state.vclusters.iter().filter(|(other, _)| *other != name);
    let prefix = prefix_of(kind);
    for (other, their) in others {
        let meeting = match (prefix, prefix_of(&their.spec.kind)) {
            (Some(prefix), Some(theirs)) => (prefix.meets(theirs)
                && backend_of(kind) == backend_of(&their.spec.kind))
            .then(|| (prefix, theirs.to_string()))
            .or_else(|| {
                // What it has of another cluster than its home is marked with its name.
                let is_there =
                    backend_of(kind).is_some_and(|backend| their.foreign_clusters().contains(backend));
                (is_there && meets_ids(prefix, other, &their.spec.kind)).then(|| (prefix, ids_of(other)))
            }),
            (Some(prefix), None) => {
                meets_ids(prefix, other, &their.spec.kind).then(|| (prefix, ids_of(other)))
            }
            (None, Some(theirs)) => meets_ids(theirs, name, kind).then(|| (theirs, ids_of(name))),
            (None, None) => None,
        };
        if let Some((prefix, theirs)) = meeting {
            return Err(Refusal::NamespaceTaken {
                prefix: prefix.clone(),
                other: other.clone(),
                theirs,
            });
        }
    }
    let VclusterKind::Standard(standard) = kind else {
        return Ok(());
    };
    if let Some(topic) = standard.named_of_kafka() {
        return Err(Refusal::KafkasOwn(topic));
    }
    if let Some((selector, prefix)) = standard.overlap() {
        return Err(Refusal::SelectorInNamespace {
            selector: selector.clone(),
            prefix: prefix.clone(),
        });
    }
    let aliases = state.vclusters.get(name).map(|own| &own.aliases);
    for (alias_name, alias) in aliases.into_iter().flatten() {
        check_alias(name, standard, alias_name, alias)?;
    }
    Ok(())
}

/// Checks an alias against the namespace beside it.
pub(super) fn check_alias(
    vcluster: &VclusterName,
    standard: &Standard,
    name: &TopicName,
    alias: &AliasTopic,
) -> Result<(), Refusal> {
    let is_beside = alias.physical_cluster == standard.backend;
    let shown = is_beside.then(|| standard.shown_beside(name, &alias.physical_name));
    if let Some(taken_by) = shown.flatten() {
        return Err(Refusal::PhysicalTopicTaken {
            physical: alias.physical_name.clone(),
            taken_by,
        });
    }
    let is_let_in = standard
        .topics
        .iter()
        .any(|selector| selector.is_exact() && selector.matches(name.as_str()));
    if is_let_in && !(is_beside && *name == alias.physical_name) {
        return Err(Refusal::NameTaken {
            vcluster: vcluster.clone(),
            name: name.clone(),
        });
    }
    Ok(())
}

/// Checks what begins the ids of `name` on a physical cluster that is not its home against the namespaces there.
pub(super) fn check_ids(state: &State, name: &VclusterName, cluster: &ClusterId) -> Result<(), Refusal> {
    let others = state.vclusters.iter().filter(|(other, _)| *other != name);
    for (other, their) in others {
        let prefix = prefix_of(&their.spec.kind).filter(|_| backend_of(&their.spec.kind) == Some(cluster));
        if let Some(prefix) = prefix.filter(|prefix| name.as_str().starts_with(prefix.as_str())) {
            return Err(Refusal::NamespaceTaken {
                prefix: prefix.clone(),
                other: other.clone(),
                theirs: ids_of(name),
            });
        }
    }
    Ok(())
}

fn prefix_of(kind: &VclusterKind) -> Option<&NamePrefix> {
    match kind {
        VclusterKind::Standard(standard) => standard.namespace.prefix(),
        VclusterKind::Partner | VclusterKind::Passthrough => None,
    }
}

fn backend_of(kind: &VclusterKind) -> Option<&ClusterId> {
    match kind {
        VclusterKind::Standard(standard) => Some(&standard.backend),
        VclusterKind::Partner | VclusterKind::Passthrough => None,
    }
}

/// Whether ids of a virtual cluster that has no prefix begin with `prefix` on the physical cluster.
fn meets_ids(prefix: &NamePrefix, name: &VclusterName, kind: &VclusterKind) -> bool {
    *kind != VclusterKind::Passthrough && name.as_str().starts_with(prefix.as_str())
}

/// What begins the ids of a virtual cluster that has no prefix.
fn ids_of(name: &VclusterName) -> String {
    format!("{name}:")
}
