//! What one small request and its answer cost in the gateway's own code: looked at, authorized, renamed. No sockets.
//!
//! `cargo bench --bench request`. For instructions: `valgrind --tool=callgrind target/release/deps/request-… COUNT`.
#![allow(
    clippy::print_stdout,
    reason = "a table on the screen is what this command is for"
)]

#[path = "request/world.rs"]
mod world;

use std::hint::black_box;
use std::time::Instant;

use allocation_counter::measure;

use crate::world::World;

const COUNT: u32 = 200_000;
const ROUNDS: usize = 7;

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let world = World::new();
    println!("{:22} {:>12} {:>12}", "request and answer", "ns", "allocations");
    for exchange in world.exchanges() {
        let one = || black_box(world.carry(exchange.request.clone(), exchange.answer.clone()));
        let mut rounds = Vec::new();
        let mut allocations = 0;
        for _ in 0..if count.is_some() { 1 } else { ROUNDS } {
            let count = count.unwrap_or(COUNT);
            drop(one());
            let started = Instant::now();
            let info = measure(|| (0..count).for_each(|_| drop(one())));
            rounds.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(count));
            allocations = info.count_total / u64::from(count);
        }
        rounds.sort_by(f64::total_cmp);
        println!(
            "{:22} {:>12.0} {:>12}",
            exchange.name,
            rounds[rounds.len() / 2],
            allocations
        );
    }
}
