//! `klamm acl` at the admin API.

use super::*;
use crate::cli::acl::{AclAction, add, list, remove};

/// Runs a command; gives what it prints.
fn run(operator: &Operator, line: &str) -> Result<String, Failure> {
    let client = |connection: &Connection| connection.client(&Variables::new()).expect("a client");
    let Command::Acl { action } = operator.command(&format!("acl {line}")) else {
        panic!("{line}");
    };
    match action {
        AclAction::List(args) => list(&args, &client(&args.connection)),
        AclAction::Add(args) => Ok(add(&args, &client(&args.connection))?.text()),
        AclAction::Remove(args) => Ok(remove(&args, &client(&args.connection))?.text()),
    }
}

fn ok(operator: &Operator, line: &str) -> Vec<String> {
    let printed = run(operator, line).unwrap_or_else(|failure| panic!("{line}: {}", failure.for_people()));
    printed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn operator() -> Operator {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    operator
}

#[test]
fn who_knows_kafka_acls_adds_lists_and_removes() {
    let operator = operator();
    let add = "add --v-cluster mypartner --allow-principal User:ann --operation Read --operation describe-configs \
               --topic orders --resource-pattern-type PREFIXED";
    let lines = |result: &str| {
        ["READ", "DESCRIBE_CONFIGS"]
            .map(|operation| format!("User:ann ALLOW {operation} on PREFIXED TOPIC orders: {result}"))
    };
    assert_eq!(
        ok(&operator, &format!("{add} --dry-run")),
        lines("CREATED (dry run)")
    );
    assert_eq!(ok(&operator, "list").len(), 1, "only the head");
    assert_eq!(ok(&operator, add), lines("CREATED"));
    assert_eq!(ok(&operator, add), lines("NOT_CHANGED"));
    let head = "V-CLUSTER PRINCIPAL PERMISSION OPERATION RESOURCE NAME PATTERN HOST POLICY";
    let row = |operation| format!("mypartner User:ann ALLOW {operation} TOPIC orders PREFIXED *");
    let found = ok(&operator, "list --v-cluster mypartner --principal User:ann");
    assert_eq!(found, [head.to_owned(), row("READ"), row("DESCRIBE_CONFIGS")]);
    let covering = "list --topic orders-2024 --resource-pattern-type match --operation read";
    assert_eq!(ok(&operator, covering), [head.to_owned(), row("READ")]);
    assert_eq!(
        ok(&operator, "list --topic orders"),
        [head],
        "there is none of this name alone"
    );
    let json = run(&operator, "list -o json").expect("JSON");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[0]["resourcePattern"]["patternType"], "PREFIXED");
    let remove = add.replacen("add", "remove", 1);
    assert_eq!(
        ok(&operator, &format!("{remove} --dry-run")),
        lines("DELETED (dry run)")
    );
    assert_eq!(ok(&operator, &remove), lines("DELETED"));
    let again = ok(&operator, &remove);
    assert!(
        again.iter().all(|line| line.contains(": FAILED: no ACL")),
        "{again:?}"
    );
    assert_eq!(
        ok(&operator, &format!("{remove} --ignore-not-found")),
        lines("NOT_FOUND")
    );
}

#[test]
fn producers_and_consumers_get_what_they_need() {
    let operator = operator();
    let who = "--v-cluster mypartner --allow-principal User:app --allow-host 10.0.0.1";
    let added = ok(
        &operator,
        &format!("add {who} --producer --idempotent --consumer --topic t --group g --transactional-id x"),
    );
    let acl = |operation: &str, resource: &str| {
        format!("User:app ALLOW {operation} on LITERAL {resource} from 10.0.0.1: CREATED")
    };
    let expected = [
        acl("WRITE", "TOPIC t"),
        acl("DESCRIBE", "TOPIC t"),
        acl("CREATE", "TOPIC t"),
        acl("READ", "TOPIC t"),
        acl("READ", "GROUP g"),
        acl("WRITE", "TRANSACTIONAL_ID x"),
        acl("DESCRIBE", "TRANSACTIONAL_ID x"),
        acl("IDEMPOTENT_WRITE", "CLUSTER kafka-cluster"),
    ];
    assert_eq!(added, expected);
    let removed = ok(&operator, "remove --v-cluster mypartner --principal User:app");
    assert_eq!(removed.len(), expected.len(), "{removed:?}");
    assert_eq!(ok(&operator, "list").len(), 1);
}

#[test]
fn denials_are_acls_too_and_a_resource_is_cleared_at_once() {
    let operator = operator();
    let added = ok(
        &operator,
        "add --v-cluster mypartner --allow-principal User:* --deny-principal User:eve --cluster --topic t --host 10.0.0.1",
    );
    assert_eq!(added.len(), 4, "{added:?}");
    assert!(added[0].starts_with("User:eve DENY ALL"), "{added:?}");
    let removed = ok(&operator, "remove --v-cluster mypartner --topic t");
    assert_eq!(removed.len(), 2, "{removed:?}");
    let denied = ok(&operator, "list --permission deny");
    assert!(denied[1].contains("CLUSTER kafka-cluster"), "{denied:?}");
}

#[test]
fn what_cannot_be_meant_says_what_is_missing() {
    let operator = operator();
    let at = "--v-cluster mypartner";
    for (line, words) in [
        (
            format!("add {at} --topic t"),
            "--allow-principal or --deny-principal, as User:name",
        ),
        (format!("add {at} --allow-principal User:a"), "--topic, --group"),
        (
            format!("add {at} --allow-principal User:a --topic t --resource-pattern-type match"),
            "literal or prefixed",
        ),
        (
            format!("add {at} --allow-principal User:a --topic t --operation any"),
            "of the operation All",
        ),
        (format!("remove {at}"), "--principal for all ACLs of somebody"),
        (
            format!("remove {at} --topic t --operation Read"),
            "name them by --allow-principal",
        ),
    ] {
        let failure = run(&operator, &line).expect_err(&line);
        assert_eq!(failure.exit_code(), ExitCode::from(2), "{line}");
        assert!(
            failure.for_people().contains(words),
            "{line}: {}",
            failure.for_people()
        );
    }
    let refused = ok(&operator, &format!("add {at} --allow-principal ann --topic t"));
    assert!(refused[0].contains("write User:ann"), "{refused:?}");
    for (line, words) in [
        ("klamm acl add --allow-principal User:a --topic t", "--v-cluster"),
        (
            "klamm acl add --v-cluster a --allow-principal User:a --topic t --operation Reed",
            "use one of All, Read",
        ),
        (
            "klamm acl add --v-cluster a --allow-principal User:a --consumer --topic t",
            "--group",
        ),
        (
            "klamm acl add --v-cluster a --allow-host 10.0.0.1 --topic t",
            "--allow-principal",
        ),
        (
            "klamm acl remove --v-cluster a --principal User:a --operation Read",
            "cannot be used with",
        ),
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.contains(words), "{line}: {error}");
    }
}
