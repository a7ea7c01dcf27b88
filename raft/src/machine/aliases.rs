//! Alias topics, and with them a virtual cluster's home: the physical cluster of its first alias. Further aliases may be on
//! other clusters.

use crate::model::{AliasTopic, Limit, State, TopicName, VclusterKind, VclusterName};
use crate::outcome::{Outcome, Refusal};

use super::slots::release_unreached;
use super::{marks, namespaces, relay, vcluster, vcluster_mut};

/// Creates one. One that is there stays what it is.
pub(super) fn put(
    state: &mut State,
    vcluster_name: &VclusterName,
    name: TopicName,
    alias: AliasTopic,
) -> Result<Outcome, Refusal> {
    let known = vcluster(state, vcluster_name)?.aliases.get(&name);
    if let Some(known) = known.filter(|known| **known != alias) {
        return Err(Refusal::WouldRepoint {
            vcluster: vcluster_name.clone(),
            name,
            cluster: known.physical_cluster.clone(),
            physical: known.physical_name.clone(),
        });
    }
    repoint(state, vcluster_name, name, alias)
}

/// Creates one, or lets it stand for another physical topic.
pub(super) fn repoint(
    state: &mut State,
    vcluster_name: &VclusterName,
    name: TopicName,
    alias: AliasTopic,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, vcluster_name)?;
    if current.spec.kind == VclusterKind::Passthrough {
        return Err(Refusal::BuiltIn(vcluster_name.clone()));
    }
    if alias.is_of_kafka() {
        return Err(Refusal::KafkasOwn(alias.physical_name));
    }
    let taken = current
        .aliases
        .iter()
        .find(|(other, known)| **other != name && **known == alias);
    if let Some((taken_by, _)) = taken {
        return Err(Refusal::PhysicalTopicTaken {
            physical: alias.physical_name,
            taken_by: taken_by.to_string(),
        });
    }
    relay::check(
        vcluster_name,
        &current.spec.authentication,
        current.reached().into_iter().chain([&alias.physical_cluster]),
    )?;
    if let VclusterKind::Standard(standard) = &current.spec.kind {
        namespaces::check_alias(vcluster_name, standard, &name, &alias)?;
    }
    if !current.reaches(&alias.physical_cluster) {
        namespaces::check_ids(state, vcluster_name, &alias.physical_cluster)?;
    }
    let outcome = match current.aliases.get(&name) {
        Some(known) if *known == alias => return Ok(Outcome::Unchanged),
        Some(_) => Outcome::Updated,
        None => {
            current.check(vcluster_name, Limit::AliasTopics, 1)?;
            Outcome::Created
        }
    };
    let mark = match &current.home {
        Some(_) => None,
        None => {
            let mark = marks::of_home(state, current.mark.as_ref(), &alias.physical_cluster)?;
            Some(marks::give(state, mark))
        }
    };
    let vcluster = vcluster_mut(state, vcluster_name)?;
    if let Some(mark) = mark {
        vcluster.home = Some(mark.of.clone());
        vcluster.mark = Some(mark);
    }
    vcluster.aliases.insert(name, alias);
    release_unreached(state, vcluster_name)?;
    Ok(outcome)
}

pub(super) fn delete(
    state: &mut State,
    vcluster_name: &VclusterName,
    name: &TopicName,
) -> Result<Outcome, Refusal> {
    if !vcluster(state, vcluster_name)?.aliases.contains_key(name) {
        return Err(Refusal::NoSuchAlias {
            vcluster: vcluster_name.clone(),
            name: name.clone(),
        });
    }
    let vcluster = vcluster_mut(state, vcluster_name)?;
    vcluster.aliases.remove(name);
    if vcluster.notes.aliases.iter().any(|part| part.name == *name) {
        vcluster.notes.aliases.retain(|part| part.name != *name);
    }
    if vcluster.aliases.is_empty() && vcluster.spec.kind == VclusterKind::Partner {
        vcluster.home = None;
    }
    release_unreached(state, vcluster_name)?;
    Ok(Outcome::Deleted)
}
