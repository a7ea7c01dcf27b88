//! Many changes in a short time.

use std::thread;

use crate::history::Wish;
use crate::world::{NODES, World};

/// Clients at once.
const CLIENTS: usize = 24;

/// Makes about so many changes, through the nodes that run.
pub(super) fn grow(world: &World, changes: usize) {
    let admins: Vec<_> = (0..NODES)
        .zip(world.admins())
        .filter(|(node, _)| world.is_running(*node))
        .map(|(_, admin)| admin)
        .collect();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let admin = &admins[client % admins.len()];
            scope.spawn(move || {
                for turn in 0..changes / CLIENTS {
                    let wish = if turn % 2 == 0 { Wish::Create } else { Wish::Delete };
                    // Some may fail: what matters is that there are many.
                    admin.change(&format!("grown-{client}"), wish);
                }
            });
        }
    });
}
