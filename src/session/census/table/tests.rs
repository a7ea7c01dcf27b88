//! Crowds at the table.

use std::net::Ipv4Addr;

use super::*;

fn block(address: u32) -> AddressBlock {
    AddressBlock::of(Ipv4Addr::from_bits(address).into())
}

fn client(vcluster: &str, principal: &str, address: u32) -> Client {
    Client {
        vcluster: vcluster.parse().unwrap(),
        principal: Principal::user(principal),
        from: block(address),
    }
}

/// Somebody comes and logs in.
fn enter(table: &mut Table, who: &Client, at_ms: u64) -> Result<(Arc<Chair>, Option<Lost>), Full> {
    let (chair, _) = table.admit(who.from);
    let from = SeatHolder::Stranger(who.from);
    match table.log_in(&chair, &from, (who, at_ms)) {
        Ok(lost) => Ok((chair, lost)),
        Err(full) => {
            table.remove(&from, &chair);
            Err(full)
        }
    }
}

/// That many sessions, one in a millisecond.
fn fill(table: &mut Table, who: &Client, count: u64) -> Vec<Arc<Chair>> {
    let enter = |at| enter(table, who, at).unwrap().0;
    (0..count).map(enter).collect()
}

#[test]
fn who_connects_most_loses_the_oldest_of_those_that_have_not_logged_in() {
    let mut table = Table::new(100, 9);
    let good: Vec<_> = (0..5).map(|index| table.admit(block(1_000 + index)).0).collect();
    let greedy: Vec<_> = (0..95).map(|_| table.admit(block(1)).0).collect();
    for chair in &greedy {
        let lost = table.admit(block(1)).1.unwrap();
        assert!(Arc::ptr_eq(&lost.chair, chair), "the oldest");
    }
    for _ in 0..400 {
        let lost = table.admit(block(1)).1.unwrap();
        assert_eq!(lost.reason, Reason::NoLogin);
        assert!(good.iter().all(|chair| !Arc::ptr_eq(chair, &lost.chair)));
    }
    let newcomer = table.admit(block(2)).1.unwrap();
    assert!(good.iter().all(|chair| !Arc::ptr_eq(chair, &newcomer.chair)));
    assert_eq!(table.counts(), (100, 0));
}

/// A stranger behind the same address as a greedy one has as much time as it takes to fill all seats again.
#[test]
fn a_newcomer_at_the_greediest_address_is_the_last_of_it_to_go() {
    let mut table = Table::new(100, 9);
    (0..100).for_each(|_| drop(table.admit(block(1))));
    let (good, _) = table.admit(block(1));
    let lost = (0..99).map(|_| table.admit(block(1)).1.unwrap());
    assert!(lost.into_iter().all(|lost| !Arc::ptr_eq(&lost.chair, &good)));
    assert!(Arc::ptr_eq(&table.admit(block(1)).1.unwrap().chair, &good));
}

#[test]
fn strangers_take_no_seat_of_those_who_have_logged_in() {
    let mut table = Table::new(10, 50);
    let who = client("tenant", "p", 1);
    let sessions = fill(&mut table, &who, 50);
    for address in 0..1_000 {
        let (_, lost) = table.admit(block(address));
        assert!(lost.is_none_or(|lost| lost.reason == Reason::NoLogin));
    }
    assert_eq!(table.counts(), (10, 50));
    assert!(sessions.iter().all(|chair| !chair.is_lost()));
}

#[test]
fn the_idle_of_the_greediest_virtual_cluster_then_principal_then_address_go() {
    let mut table = Table::new(10, 100);
    let others = fill(&mut table, &client("small", "s", 1), 20);
    let few = fill(&mut table, &client("big", "few", 2), 10);
    let spread = fill(&mut table, &client("big", "most", 3), 20);
    let most = fill(&mut table, &client("big", "most", 4), 50);
    assert_eq!(table.counts(), (0, 100));
    most.iter().for_each(|chair| chair.asked(40_000));
    most[7].asked(3_000);
    most[9].asked(20_000);
    let (_, lost) = enter(&mut table, &client("small", "s", 1), 40_000).unwrap();
    let lost = lost.unwrap();
    assert!(Arc::ptr_eq(&lost.chair, &most[7]));
    assert_eq!(lost.reason, Reason::Idle);
    let (_, lost) = enter(&mut table, &client("new", "n", 3), 40_000).unwrap();
    let lost = lost.unwrap();
    assert!(
        Arc::ptr_eq(&lost.chair, &most[9]),
        "not idle, but asked least lately"
    );
    assert_eq!(lost.reason, Reason::Busy);
    // Within the virtual cluster, whoever has few is let in at the cost of who has most.
    let (_, lost) = enter(&mut table, &client("big", "few", 2), 40_000).unwrap();
    let lost = lost.unwrap().chair;
    assert!(most.iter().any(|chair| Arc::ptr_eq(chair, &lost)));
    for chair in others.iter().chain(&few).chain(&spread) {
        assert!(!chair.is_lost());
    }
}

#[test]
fn the_greediest_pushes_nobody_out_but_its_own_idle_sessions() {
    let mut table = Table::new(10, 100);
    let good = fill(&mut table, &client("small", "s", 1), 10);
    let greedy = client("big", "g", 2);
    let own = fill(&mut table, &greedy, 90);
    for at in 100..1_000 {
        assert_eq!(enter(&mut table, &greedy, at).unwrap_err(), Full, "all are busy");
    }
    assert_eq!(table.counts(), (0, 100));
    own.iter().skip(1).for_each(|chair| chair.asked(50_000));
    let (_, lost) = enter(&mut table, &greedy, 50_000).unwrap();
    assert!(Arc::ptr_eq(&lost.unwrap().chair, &own[0]), "its own idle one");
    assert_eq!(enter(&mut table, &greedy, 50_000).unwrap_err(), Full);
    assert!(good.iter().all(|chair| !chair.is_lost()));
}

/// Ten tenants ask for as many seats as they can get, one of them with many names: all get the same.
#[test]
fn tenants_that_all_want_more_have_the_same_in_the_end() {
    let mut table = Table::new(10, 100);
    fill(&mut table, &client("tenant-1", "p", 1), 100);
    for round in 0..1_000 {
        for tenant in 0..10 {
            let many_names = client("tenant-0", &format!("p{round}"), round);
            let one_name = client(&format!("tenant-{tenant}"), "p", tenant);
            let who = if tenant == 0 { many_names } else { one_name };
            // Nobody is idle, so that it may be sent away.
            drop(enter(&mut table, &who, u64::from(round)));
        }
    }
    for (vcluster, principals) in table.clients.holdings() {
        assert_eq!(principals.count(), 10, "{vcluster}");
    }
}

#[test]
fn who_ends_gives_the_seat_back() {
    let mut table = Table::new(2, 2);
    let (who, from) = (client("t", "p", 1), SeatHolder::Stranger(block(1)));
    let (chair, _) = table.admit(who.from);
    let behind = SeatHolder::Stranger(block(7));
    table.moves(&chair, &from, &behind);
    assert_eq!(
        (
            table.strangers.held_by(&block(1)),
            table.strangers.held_by(&block(7))
        ),
        (0, 1)
    );
    table.log_in(&chair, &behind, (&who, 5)).unwrap();
    assert_eq!(table.counts(), (0, 1));
    chair.asked(70);
    table.remove(&SeatHolder::Client(who.clone()), &chair);
    table.remove(&SeatHolder::Client(who), &chair);
    assert_eq!(table.counts(), (0, 0));
}
