//! The cost of one request and its answer in the gateway's own code: looked at, authorized, renamed. No sockets.
//!
//! `cargo bench --bench request`. For instructions: `valgrind --tool=callgrind target/release/deps/request-… COUNT`.
#![allow(
    clippy::print_stdout,
    reason = "a table on the screen is what this command is for"
)]

#[path = "request/many.rs"]
mod many;
#[path = "request/world.rs"]
mod world;

use std::hint::black_box;
use std::time::Instant;

use allocation_counter::measure;

use crate::world::{Exchange, World};

/// How often small messages are carried in a round, and how often those with many items.
const COUNT: u32 = 200_000;
const MANY_COUNT: u32 = 50;
const ROUNDS: usize = 7;

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok());
    println!("{:36} {:>12} {:>12}", "request and answer", "ns", "allocations");
    let world = World::new();
    for exchange in world.exchanges() {
        report(&world, &exchange, (count, COUNT));
    }
    let (state, topology) = many::with_many(world::state(), world::topology("broker.internal", 9092));
    let world = World::of(&state, &topology);
    for exchange in many::exchanges() {
        report(&world, &exchange, (count, MANY_COUNT));
    }
}

fn report(world: &World, exchange: &Exchange, (wanted, usual): (Option<u32>, u32)) {
    let one = || black_box(world.carry(exchange.request.clone(), exchange.answer.clone()));
    let mut rounds = Vec::new();
    let mut allocations = 0;
    let count = wanted.unwrap_or(usual);
    for _ in 0..if wanted.is_some() { 1 } else { ROUNDS } {
        drop(one());
        let started = Instant::now();
        let info = measure(|| (0..count).for_each(|_| drop(one())));
        rounds.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(count));
        allocations = info.count_total / u64::from(count);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds[rounds.len() / 2];
    println!("{:36} {median:>12.0} {allocations:>12}", exchange.name);
}
