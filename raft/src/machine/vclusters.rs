//! Virtual clusters: created with a bootstrap slot, deleted when nothing refers to them.

use std::sync::Arc;

use crate::model::{
    AclBinding, AclMode, Beside, ClusterId, DnsLabel, Limit, MAIN_CLUSTER, PASSTHROUGH, State, Times,
    TopicName, VclusterKind, VclusterName, VclusterState, VirtualCluster, WrittenAlias,
};
use crate::outcome::{Outcome, Refusal};

use super::{aliases, holders, marks, namespaces, relay, routes, slots, vcluster, vcluster_mut};

/// How many referrers a refusal names.
pub(super) const REFERRERS_NAMED: usize = 5;

/// A virtual cluster as it is put.
pub(super) struct Put {
    name: VclusterName,
    spec: VirtualCluster,
    kafka_cluster_id: String,
    /// Seconds since the Unix epoch.
    at_s: u64,
}

impl Put {
    pub(super) fn new(name: VclusterName, spec: VirtualCluster, kafka_cluster_id: String, at_s: u64) -> Self {
        Self {
            name,
            spec,
            kafka_cluster_id,
            at_s,
        }
    }
}

/// Puts a virtual cluster, and what is written with it: all or nothing.
pub(super) fn put(state: &mut State, put: Put, beside: Option<Box<Beside>>) -> Result<Outcome, Refusal> {
    let Some(beside) = beside else {
        return put_alone(state, put);
    };
    let Beside {
        notes,
        aliases: written,
        repointed,
    } = *beside;
    let mut then = state.clone();
    let (name, at_s) = (put.name.clone(), put.at_s);
    let before = state.vclusters.get(&name);
    let gone = before.iter().flat_map(|before| &before.notes.aliases);
    for WrittenAlias { name: alias, .. } in gone.filter(|alias| !written.contains_key(&alias.name)) {
        if before.is_some_and(|before| before.aliases.contains_key(alias)) {
            aliases::delete(&mut then, &name, alias)?;
        }
    }
    let outcome = put_alone(&mut then, put)?;
    for (alias, physical) in written {
        match repointed.contains(&alias) {
            true => aliases::repoint(&mut then, &name, alias, physical)?,
            false => aliases::put(&mut then, &name, alias, physical)?,
        };
    }
    let vcluster = vcluster_mut(&mut then, &name)?;
    if *vcluster.notes != notes {
        vcluster.notes = notes.into();
        let size = vcluster.used(Limit::SpecBytes);
        vcluster.spec.limits.check(&name, Limit::SpecBytes, size)?;
    }
    let is_as_before = before.is_some_and(|before| **before == *vcluster);
    let outcome = match outcome {
        Outcome::Unchanged if !is_as_before => {
            vcluster.times.updated_s = at_s;
            Outcome::Updated
        }
        other => other,
    };
    if !is_as_before {
        *state = then;
    }
    Ok(outcome)
}

fn put_alone(state: &mut State, put: Put) -> Result<Outcome, Refusal> {
    let Put {
        name,
        spec,
        kafka_cluster_id,
        at_s,
    } = put;
    let home: Option<ClusterId> = match &spec.kind {
        VclusterKind::Passthrough => MAIN_CLUSTER.parse().ok(),
        VclusterKind::Standard(standard) => Some(standard.backend.clone()),
        VclusterKind::Partner => None,
    };
    if (spec.kind == VclusterKind::Passthrough) != (name.as_str() == PASSTHROUGH) {
        return Err(Refusal::BuiltIn(name));
    }
    let current = state.vclusters.get(&name);
    if current.is_some_and(|current| *current.spec == spec) {
        return Ok(Outcome::Unchanged);
    }
    if current.is_some_and(|current| !is_of_the_same_kind(&current.spec.kind, &spec.kind)) {
        return Err(Refusal::Fixed(name));
    }
    check_acls(&name, current.map(|current| &*current.spec), &spec)?;
    let limits = &spec.limits;
    limits.check(&name, Limit::SpecBytes, spec.bytes_without_acls())?;
    if let Some(label) = spec.label(&name)
        && let Some(holder) = holder(state, &label, &name)
    {
        return Err(Refusal::LabelTaken { label, holder });
    }
    namespaces::check(state, &name, &spec.kind)?;
    if let Some(current) = state.vclusters.get(&name) {
        relay::check(&name, &spec.authentication, current.reached())?;
    }
    if state.vclusters.contains_key(&name) {
        let vcluster = vcluster_mut(state, &name)?;
        holders::follow(vcluster, &spec.kind);
        vcluster.spec = spec.into();
        vcluster.times.updated_s = at_s;
        return Ok(Outcome::Updated);
    }
    state.check(Limit::Vclusters, 1)?;
    let mark = match (&spec.kind, &home) {
        // There ids are as `main` gave them out.
        (VclusterKind::Passthrough, _) | (_, None) => None,
        (_, Some(home)) => Some(marks::of_home(state, None, home)?),
    };
    let bootstrap = slots::take(state)?;
    let created = VclusterState {
        home,
        mark: mark.map(|mark| marks::give(state, mark)),
        times: Times {
            created_s: at_s,
            updated_s: at_s,
        },
        ..VclusterState::new(spec, kafka_cluster_id, bootstrap)
    };
    state.vclusters.insert(name, Arc::new(created));
    Ok(Outcome::Created)
}

/// Creates the virtual cluster, unless it is there already.
pub(super) fn create(
    state: &mut State,
    wanted: Put,
    beside: Option<Box<Beside>>,
) -> Result<Outcome, Refusal> {
    match state.vclusters.contains_key(&wanted.name) {
        true => Err(Refusal::VclusterExists(wanted.name)),
        false => put(state, wanted, beside),
    }
}

/// That ACLs are declared where they were declared before, and are not too many.
fn check_acls(
    name: &VclusterName,
    current: Option<&VirtualCluster>,
    spec: &VirtualCluster,
) -> Result<(), Refusal> {
    let declared = spec.declared_acls();
    if let Some(current) = current
        && current.declared_acls().is_some() != declared.is_some()
    {
        let mode = current.acl_mode.as_ref().unwrap_or(&AclMode::KafkaApi);
        return Err(Refusal::AclModeFixed {
            vcluster: name.clone(),
            mode: mode.name().to_owned(),
        });
    }
    let Some(declared) = declared else {
        return Ok(());
    };
    declared.iter().try_for_each(AclBinding::check_lengths)?;
    let limits = &spec.limits;
    limits.check(name, Limit::Acls, declared.len() as u64)?;
    Ok(limits.check(name, Limit::AclBytes, declared.bytes())?)
}

/// Whether what cannot be changed is the same.
fn is_of_the_same_kind(a: &VclusterKind, b: &VclusterKind) -> bool {
    match (a, b) {
        (VclusterKind::Standard(a), VclusterKind::Standard(b)) => a.backend == b.backend,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// The virtual cluster other than `name` that is called `label` in host names.
fn holder(state: &State, label: &DnsLabel, name: &VclusterName) -> Option<VclusterName> {
    let mut others = state.vclusters.iter().filter(|(other, _)| *other != name);
    let holder = others.find(|(other, own)| own.spec.label(other).as_ref() == Some(label));
    holder.map(|(other, _)| other.clone())
}

pub(super) fn delete(state: &mut State, name: &VclusterName) -> Result<Outcome, Refusal> {
    let current = vcluster(state, name)?;
    if current.spec.kind == VclusterKind::Passthrough {
        return Err(Refusal::BuiltIn(name.clone()));
    }
    // What was written as a part of it goes with it.
    let is_part = |alias: &TopicName| current.notes.aliases.iter().any(|part| part.name == *alias);
    let others = current.aliases.keys().filter(|alias| !is_part(alias));
    let aliases = others.map(|alias| format!("AliasTopic/{alias}"));
    let accounts = current
        .accounts
        .keys()
        .map(|account| format!("GatewayServiceAccount/{account}"));
    let by: Vec<String> = aliases.chain(accounts).take(REFERRERS_NAMED).collect();
    if !by.is_empty() {
        return Err(Refusal::StillReferenced {
            vcluster: name.clone(),
            by,
        });
    }
    if let Some(gone) = state.vclusters.remove(name) {
        slots::release_all(state, &gone);
        routes::forget(state, name);
    }
    Ok(Outcome::Deleted)
}
