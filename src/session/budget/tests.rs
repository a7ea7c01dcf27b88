//! Tests that memory which is taken is given back, and that nobody takes what others need.

use std::task::Waker;

use klamm_raft::model::VclusterName;

use super::*;
use crate::authz::Principal;
use crate::metrics::Metrics;

const KIB: usize = UNIT_BYTES;

fn poll(wait: &mut Wait) -> Poll<Share> {
    wait.poll(&mut Context::from_waker(Waker::noop()))
}

fn vcluster(name: &str) -> VclusterName {
    name.parse().unwrap()
}

#[test]
fn what_is_over_the_budget_waits_for_what_is_given_back() {
    let gauge = IntGauge::new("in_use", "in use").unwrap();
    let waits = IntCounter::new("waits", "waits").unwrap();
    let budget = Budget::new(10 * KIB, gauge.clone(), waits.clone());
    let first = budget.take(6 * KIB).unwrap();
    let second = budget.take(3 * KIB + 1).unwrap();
    assert_eq!(gauge.get(), 9 * 1024 + 1);
    assert_eq!(waits.get(), 0);

    let mut wait = budget.take(5 * KIB).unwrap_err();
    assert_eq!(waits.get(), 1);
    assert!(poll(&mut wait).is_pending());
    drop(second);
    assert!(poll(&mut wait).is_pending());
    drop(first);
    let Poll::Ready(third) = poll(&mut wait) else {
        panic!("the budget was given back");
    };
    assert_eq!(gauge.get(), 5 * 1024);
    drop(third);
    assert_eq!(gauge.get(), 0);
    let whole = budget.take(11 * KIB).unwrap();
    assert!(
        budget.take(1).is_err(),
        "one larger than the budget takes all of it"
    );
    drop(whole);
    assert!(budget.take(1).is_ok());
}

#[test]
fn nobody_takes_more_than_his_part() {
    let metrics = Metrics::new().unwrap();
    let purses = Purses::new(40 * KIB, 40 * KIB, Arc::clone(&metrics.node));
    let (one, other) = (vcluster("one"), vcluster("other"));
    let purse = |vcluster, name| purses.of(vcluster, &Principal::user(name));
    let (greedy, modest, third) = (purse(&one, "greedy"), purse(&one, "modest"), purse(&one, "third"));
    let stranger = purse(&other, "greedy");

    let first = greedy.requests.take(9 * KIB).unwrap();
    let mut wait = greedy.requests.take(9 * KIB).unwrap_err();
    assert!(poll(&mut wait).is_pending(), "a principal has a quarter");
    let second = modest.requests.take(9 * KIB).unwrap();
    assert!(
        third.requests.take(9 * KIB).is_err(),
        "a virtual cluster has half"
    );
    drop(stranger.requests.take(10 * KIB).unwrap());
    assert!(
        greedy.responses.take(10 * KIB).is_ok(),
        "answers are another budget"
    );

    drop(first);
    assert!(poll(&mut wait).is_ready());
    drop(second);
}

/// A frame that waits for a wide share holds the narrow ones meanwhile: its own principal waits, nobody else does.
#[test]
fn waiting_holds_up_nobody_else() {
    let metrics = Metrics::new().unwrap();
    let purses = Purses::new(40 * KIB, 40 * KIB, Arc::clone(&metrics.node));
    let purse = |name| purses.of(&vcluster("one"), &Principal::user(name));
    let (a, b, c) = (purse("a"), purse("b"), purse("c"));
    let held = (
        a.requests.take(10 * KIB).unwrap(),
        b.requests.take(8 * KIB).unwrap(),
    );
    let mut large = c.requests.take(9 * KIB).unwrap_err();
    assert!(poll(&mut large).is_pending());
    let mut small = c.requests.take(2 * KIB).unwrap_err();
    assert!(poll(&mut small).is_pending());
    drop(held.0);
    assert!(poll(&mut large).is_ready(), "half of the node is free enough");
    assert!(poll(&mut small).is_ready());
    drop(held.1);
}

#[test]
fn a_frame_larger_than_every_part_is_served_alone() {
    let metrics = Metrics::new().unwrap();
    let purses = Purses::new(40 * KIB, 40 * KIB, Arc::clone(&metrics.node));
    let purse = purses.of(&vcluster("one"), &Principal::user("a"));
    let whole = purse.requests.take(100 * KIB).unwrap();
    assert!(purse.requests.try_take(1).is_none());
    drop(whole);
    assert!(purse.requests.try_take(1).is_some());
}

#[test]
fn sessions_of_one_principal_share_and_those_that_left_are_forgotten() {
    let metrics = Metrics::new().unwrap();
    let purses = Purses::new(40 * KIB, 40 * KIB, Arc::clone(&metrics.node));
    let (one, alice) = (vcluster("one"), Principal::user("alice"));
    let (first, second) = (purses.of(&one, &alice), purses.of(&one, &alice));
    assert!(Arc::ptr_eq(&first, &second));
    let taken = first.requests.take(10 * KIB).unwrap();
    assert!(second.requests.try_take(KIB).is_none());
    drop((first, second, taken));
    for number in 0..1000 {
        let purse = purses.of(&one, &Principal::user(&number.to_string()));
        assert!(purse.requests.try_take(10 * KIB).is_some(), "number {number}");
    }
    assert!(purses.known() < 200, "{} are remembered", purses.known());
}
