//! The end of a run: all nodes know the same rights and accounts, and decide by them.

use std::time::Duration;

use super::client::{Client, Decision};
use super::clients::{SUPER_USER, Scene, USER};
use crate::world::{NODES, World};

/// A node that serves answers within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Differences between nodes, after the right was given and taken away once more at each.
pub(super) fn violations(world: &World, scene: &Scene) -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for by in 0..NODES {
        for is_given in [true, false] {
            let mut client = super_user(scene, by)?;
            match is_given {
                true => client.grant(USER)?,
                false => client.revoke(USER)?,
            }
            for node in 0..NODES {
                let address = scene.addresses[node];
                let decision = Client::log_in(address, USER, &scene.tokens.user, PATIENCE)?.decide()?;
                if (decision == Decision::Allowed) != is_given {
                    violations.push(format!(
                        "the right was {} at node {}, and node {} says {decision:?}",
                        if is_given { "given" } else { "taken away" },
                        by + 1,
                        node + 1
                    ));
                }
            }
        }
    }
    let mut rights = Vec::new();
    for node in 0..NODES {
        rights.push(super_user(scene, node)?.rights()?);
    }
    let accounts = world.accounts_everywhere()?;
    for node in 1..NODES {
        if rights[node] != rights[0] || accounts[node] != accounts[0] {
            violations.push(format!("nodes 1 and {} know other rights or accounts", node + 1));
        }
    }
    Ok(violations)
}

fn super_user(scene: &Scene, node: usize) -> anyhow::Result<Client> {
    Client::log_in(
        scene.addresses[node],
        SUPER_USER,
        &scene.tokens.super_user,
        PATIENCE,
    )
}
