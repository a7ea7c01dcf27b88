//! That nothing on a physical cluster has two names in a virtual cluster, or belongs to the namespaces of two.

use crate::model::{
    AliasTopic, ClusterId, NamePrefix, Standard, State, TopicName, VclusterKind, VclusterName, VclusterState,
};
use crate::outcome::Refusal;

/// Checks what `name` is to show against itself, its aliases and the other virtual clusters.
pub(super) fn check(state: &State, name: &VclusterName, kind: &VclusterKind) -> Result<(), Refusal> {
    let before = state.vclusters.get(name).map(|own| &own.spec.kind);
    for (other, their) in state.vclusters.iter().filter(|(other, _)| *other != name) {
        check_ids_and_prefixes((name, kind), (other, their))?;
        let their = &their.spec.kind;
        check_topics(kind, before, (other, their))?;
        check_groups((name, kind), before, (other, their))?;
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

/// That no name of a group or transaction belongs to both.
fn check_ids_and_prefixes(
    (name, kind): (&VclusterName, &VclusterKind),
    (other, their): (&VclusterName, &VclusterState),
) -> Result<(), Refusal> {
    let meeting = match (kind.border(), their.spec.kind.border()) {
        (Some((backend, prefix)), Some((their_backend, theirs))) => (prefix.meets(theirs)
            && backend == their_backend)
            .then(|| (prefix, theirs.to_string()))
            .or_else(|| {
                // What it has of another cluster than its home is marked with its name.
                let is_there = their.foreign_clusters().contains(backend);
                (is_there && meets_ids(prefix, other, &their.spec.kind)).then(|| (prefix, ids_of(other)))
            }),
        (Some((_, prefix)), None) => {
            meets_ids(prefix, other, &their.spec.kind).then(|| (prefix, ids_of(other)))
        }
        (None, Some((_, theirs))) => meets_ids(theirs, name, kind).then(|| (theirs, ids_of(name))),
        (None, None) => None,
    };
    let taken = meeting.map(|(prefix, theirs)| Refusal::NamespaceTaken {
        prefix: prefix.clone(),
        other: other.clone(),
        theirs,
    });
    taken.map_or(Ok(()), Err)
}

/// That brokers do not refuse the topics of one because of those of the other. A prefix that was taken once stays.
fn check_topics(
    kind: &VclusterKind,
    before: Option<&VclusterKind>,
    (other, their): (&VclusterName, &VclusterKind),
) -> Result<(), Refusal> {
    let (Some((backend, prefix)), Some((their_backend, theirs))) = (kind.border(), their.border()) else {
        return Ok(());
    };
    let is_new = before.and_then(VclusterKind::border) != kind.border();
    match is_new && backend == their_backend && prefix.collides(theirs) {
        true => Err(Refusal::NamespaceCollides {
            prefix: prefix.clone(),
            other: other.clone(),
            theirs: theirs.clone(),
        }),
        false => Ok(()),
    }
}

/// That neither names groups that belong to the other: patterns pass over those, and a selector within the namespace of
/// another would select nothing. What was taken once stays, and does that.
fn check_groups(
    (name, kind): (&VclusterName, &VclusterKind),
    before: Option<&VclusterKind>,
    (other, their): (&VclusterName, &VclusterKind),
) -> Result<(), Refusal> {
    let within = |standard: &Standard, border: Option<(&ClusterId, &NamePrefix)>| {
        let (_, prefix) = border.filter(|(backend, _)| **backend == standard.backend)?;
        Some((standard.group_selector_within(prefix)?.clone(), prefix.clone()))
    };
    if let VclusterKind::Standard(standard) = kind {
        let was_there =
            matches!(before, Some(VclusterKind::Standard(before)) if before.groups == standard.groups);
        if let Some((selector, prefix)) = within(standard, their.border()).filter(|_| !was_there) {
            return Err(Refusal::GroupsTaken {
                selector,
                lets_in: name.clone(),
                prefix,
                owner: other.clone(),
            });
        }
    }
    if let VclusterKind::Standard(theirs) = their {
        let was_there = before.and_then(VclusterKind::border) == kind.border();
        if let Some((selector, prefix)) = within(theirs, kind.border()).filter(|_| !was_there) {
            return Err(Refusal::GroupsTaken {
                selector,
                lets_in: other.clone(),
                prefix,
                owner: name.clone(),
            });
        }
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
        let border = their
            .spec
            .kind
            .border()
            .filter(|(backend, _)| *backend == cluster);
        if let Some((_, prefix)) = border.filter(|(_, prefix)| name.as_str().starts_with(prefix.as_str())) {
            return Err(Refusal::NamespaceTaken {
                prefix: prefix.clone(),
                other: other.clone(),
                theirs: ids_of(name),
            });
        }
    }
    Ok(())
}

/// Whether ids of a virtual cluster that has no prefix begin with `prefix` on the physical cluster.
fn meets_ids(prefix: &NamePrefix, name: &VclusterName, kind: &VclusterKind) -> bool {
    *kind != VclusterKind::Passthrough && name.as_str().starts_with(prefix.as_str())
}

/// The beginning of the ids of a virtual cluster that has no prefix.
fn ids_of(name: &VclusterName) -> String {
    format!("{name}:")
}
