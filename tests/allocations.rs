//! How often memory is asked for while small requests flow: not at all. A number that grows here is paid for each request.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "allocations/gateway.rs"]
mod gateway;
#[path = "allocations/policies.rs"]
mod policies;
#[path = "allocations/records.rs"]
mod records;
#[path = "bench/request/world.rs"]
mod world;

use allocation_counter::measure;

use crate::gateway::Gateway;
use crate::world::World;

/// Exchanges before counting begins: buffers get their sizes.
const WARM_UP: usize = 200;

const COUNTED: usize = 1_000;

/// A block of memory that many small frames share is replaced now and then, while one of them is in use.
const ALLOWED: u64 = COUNTED as u64 / 10;

/// To look at a request, to authorize and to rename it, and the same with its answer.
#[test]
fn planning_a_small_request_allocates_nothing() {
    let world = World::new();
    for exchange in world.exchanges() {
        let carry = |count| {
            for _ in 0..count {
                drop(world.carry(exchange.request.clone(), exchange.answer.clone()));
            }
        };
        carry(WARM_UP);
        let allocations = measure(|| carry(COUNTED)).count_total;
        assert!(
            allocations <= ALLOWED,
            "{}: {allocations} in {COUNTED}",
            exchange.name
        );
    }
}

/// The whole way of a request and its answer through a session, sockets and timers included.
#[test]
fn carrying_a_small_request_allocates_nothing() {
    for exchange in World::new().exchanges() {
        let name = exchange.name;
        let gateway = Gateway::start(exchange);
        gateway.carry(WARM_UP);
        let allocations = measure(|| gateway.carry(COUNTED)).count_total;
        assert!(allocations <= ALLOWED, "{name}: {allocations} in {COUNTED}");
    }
}
