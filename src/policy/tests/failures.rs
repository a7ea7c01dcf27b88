//! Records that a policy cannot judge.

use super::*;

const MODES: [FailureMode; 4] = [
    FailureMode::Refuse,
    FailureMode::Skip,
    FailureMode::Mark,
    FailureMode::Passthrough,
];

const SECRET: &str = "secret";

/// A condition that has no answer for a record without the header.
const UNGUARDED: &str = "record.headers['customer'] == 'a'";

fn with(mut policy: Policy, mode: FailureMode) -> Policies {
    policy.failure_mode = Some(mode);
    compiled(&[("p", policy)])
}

#[test]
fn each_mode_of_a_filter() {
    for mode in MODES {
        let policies = with(skip(UNGUARDED), mode);
        let mut chain = consume_chain(&policies);
        let consumed = consume(&mut chain, &[record(SECRET, &[("x", "y")])]);
        let outcome = outcomes(&chain)[0];
        assert_eq!(outcome.failed, 1);
        match mode {
            FailureMode::Refuse => {
                let (offset, words) = consumed.unwrap_err();
                assert_eq!(offset, 100);
                assert_eq!(
                    words,
                    "the policy p could not judge the record: its condition has no answer: something that the \
                     expression names does not exist"
                );
                assert_eq!(outcome.refused, 1);
            }
            FailureMode::Skip => {
                assert_eq!(values(consumed), Vec::<String>::new());
                assert_eq!(outcome.skipped, 1);
            }
            FailureMode::Mark => {
                let headers = &consumed.unwrap()[0].1;
                assert_eq!(headers[0], ("x".to_owned(), "y".to_owned()));
                assert_eq!(headers[1].0, "klamm/policy-failure-p");
                assert!(headers[1].1.starts_with("its condition has no answer"));
                assert!(headers[1].1.len() <= 512 && !headers[1].1.contains(SECRET));
                assert_eq!(outcome.marked, 1);
            }
            FailureMode::Passthrough => {
                assert_eq!(consumed.unwrap()[0].1, pairs(&[("x", "y")]));
                assert_eq!(outcome.passed, 1);
            }
        }
    }
}

#[test]
fn the_mode_that_is_not_said_lets_nothing_through() {
    let unanswered = [record(SECRET, &[])];
    let filter = compiled(&[("p", skip(UNGUARDED))]);
    assert_eq!(
        values(consume(&mut consume_chain(&filter), &unanswered)),
        Vec::<String>::new()
    );
    let changes = [set("a", "b")];
    let change = compiled(&[("p", modify(PolicyPhase::Consume, &changes, Some(UNGUARDED)))]);
    assert_eq!(
        consume(&mut consume_chain(&change), &unanswered).unwrap_err().0,
        100
    );
    let change = compiled(&[("p", modify(PolicyPhase::Produce, &changes, Some(UNGUARDED)))]);
    assert_eq!(produce(&change, &unanswered).unwrap_err()[0].0, 0);
    let required = compiled(&[("p", require(UNGUARDED))]);
    let (index, words) = produce(&required, &unanswered).unwrap_err().remove(0);
    assert_eq!(index, 0);
    assert!(words.starts_with("the policy p could not judge the record") && !words.contains(SECRET));
}

#[test]
fn each_mode_of_what_is_produced() {
    let unanswered = [record(SECRET, &[])];
    for policy in [
        require(UNGUARDED),
        modify(PolicyPhase::Produce, &[set("a", "b")], Some(UNGUARDED)),
    ] {
        assert!(produce(&with(policy.clone(), FailureMode::Refuse), &unanswered).is_err());
        let marked = produce(&with(policy.clone(), FailureMode::Mark), &unanswered).unwrap();
        assert_eq!(marked[0].len(), 1);
        assert_eq!(marked[0][0].0, "klamm/policy-failure-p");
        assert_eq!(
            produce(&with(policy, FailureMode::Passthrough), &unanswered).unwrap(),
            [pairs(&[])]
        );
    }
}

#[test]
fn a_mark_of_the_client_does_not_stay_beside_ours() {
    let forged = record("x", &[("klamm/policy-failure-p", "forged")]);
    let marked = produce(&with(require(UNGUARDED), FailureMode::Mark), &[forged]).unwrap();
    assert_eq!(marked[0].len(), 1);
    assert_ne!(marked[0][0].1, "forged");
}

#[test]
fn headers_are_changed_all_or_not_at_all() {
    let actions = [set("a", "b"), set("c", "${record.headers.none}")];
    for mode in [FailureMode::Passthrough, FailureMode::Mark] {
        let policies = with(modify(PolicyPhase::Consume, &actions, None), mode);
        let consumed = consume(&mut consume_chain(&policies), &[record("x", &[])]).unwrap();
        assert!(!consumed[0].1.iter().any(|(name, _)| name == "a"), "{mode:?}");
    }
}

#[test]
fn a_condition_of_the_request_without_an_answer_fails_for_each_record() {
    let nameless = Arc::new(PolicyContext {
        client_id: None,
        ..(*client("alice")).clone()
    });
    let policies = compiled(&[("p", skip("context.client.id == 'x'"))]);
    let mut chain = policies.chain(PolicyPhase::Consume, &nameless, "orders").unwrap();
    assert_eq!(
        values(consume(&mut chain, &[record("1", &[]), record("2", &[])])),
        Vec::<String>::new()
    );
    assert_eq!(outcomes(&chain)[0].failed, 2);
    let guarded = compiled(&[("p", skip("has(context.client.id) && context.client.id == 'x'"))]);
    assert!(guarded.chain(PolicyPhase::Consume, &nameless, "orders").is_none());
}

#[test]
fn what_this_version_cannot_compile_keeps_everything_back() {
    for mode in MODES.into_iter().map(Some).chain([None]) {
        let mut unknown = skip("record.value.sometime.later()");
        unknown.failure_mode = mode;
        let policies = compiled(&[("p", unknown)]);
        let (_, words) = consume(&mut consume_chain(&policies), &[record("1", &[])]).unwrap_err();
        assert!(words.contains("this node cannot carry it out"), "{words}");
        let mut unknown = require("record.value.sometime.later()");
        unknown.failure_mode = mode;
        assert!(produce(&compiled(&[("p", unknown)]), &[record("1", &[])]).is_err());
    }
}
