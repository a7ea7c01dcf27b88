//! The command line as it is typed, up to the gateway.

use clap::CommandFactory;

use super::*;

mod acl;

fn parse(line: &str) -> Result<Cli, String> {
    Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn commands_of_the_walkthrough_are_understood() {
    for line in [
        "klamm serve",
        "klamm serve --config klamm.yaml",
        "klamm check-config --config klamm.yaml",
        "klamm apply -f mypartner.yaml",
        "klamm apply -f - -f dir --dry-run -o json --admin-url http://gw:8888",
        "klamm get VirtualCluster",
        "klamm get virtual-cluster mypartner -o yaml",
        "klamm get AliasTopic topic1 --v-cluster mypartner -o json",
        "klamm delete AliasTopic topic1 --v-cluster mypartner",
        "klamm delete -f mypartner.yaml --ignore-not-found",
        "klamm run generateServiceAccountToken --username super-user --v-cluster mypartner --life-time-seconds 100000000",
        "klamm get tokens",
        "klamm get tokens partner-user --v-cluster mypartner -o json",
        "klamm run revokeServiceAccountTokens --username partner-user --v-cluster mypartner",
        "klamm run revokeServiceAccountTokens --id 0b2c8e7e-1111-4222-8333-444455556666",
        "klamm get scram-credentials alice --v-cluster mypartner",
        "klamm run setScramCredential --username alice --v-cluster mypartner --mechanism SCRAM-SHA-256 --iterations 8192",
        "klamm run deleteScramCredentials --username alice --v-cluster mypartner",
        "klamm get signing-keys",
        "klamm run rotateSigningKey --retire-old --dry-run",
        "klamm run retireSigningKey --id 3f9a51c07b2e8d64 -o json",
        "klamm cluster status -o json",
        "klamm quickstart --backend localhost:9092 --nodes 1 --exit",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (line, part) in [
        (
            "klamm get Subject",
            "use one of PhysicalCluster, VirtualCluster, AliasTopic, GatewayServiceAccount",
        ),
        ("klamm apply", "--file"),
        ("klamm run revokeServiceAccountTokens", "--username"),
        (
            "klamm run revokeServiceAccountTokens --username a --id b",
            "cannot be used with",
        ),
        ("klamm delete", "KIND"),
        ("klamm delete AliasTopic", "NAME"),
        ("klamm delete AliasTopic a -f b", "cannot be used with"),
        (
            "klamm delete policy a --username b --group c",
            "cannot be used with",
        ),
        (
            "klamm run generateServiceAccountToken --username a --v-cluster b --life-time-seconds 0",
            "0 is not in",
        ),
        (
            "klamm get AliasTopic -o xml",
            "possible values: table, yaml, json",
        ),
        ("klamm quickstart --nodes 9", "9 is not in"),
        ("klamm quickstart --backend-properties x", "--backend"),
        ("klamm sevre", "serve"),
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.contains(part), "{line}: {error}");
    }
}

#[test]
fn check_config_says_what_is_good_and_what_is_wrong() {
    let mut variables = Variables::from([("KAFKA_MAIN_BOOTSTRAP_SERVERS".to_owned(), "k:9092".to_owned())]);
    assert_eq!(
        serve::check(None, &variables).expect("a good configuration"),
        "the configuration is valid: node 1, admin API on 127.0.0.1:8888, Kafka (PLAINTEXT or SASL_PLAINTEXT) on the ports 6969 to 7224 of 127.0.0.1, physical clusters main\n"
    );
    variables.insert("KLAMM_CONFIG".to_owned(), "/nowhere/klamm.yaml".to_owned());
    let failure = serve::check(None, &variables).expect_err("no such file");
    assert!(
        failure
            .for_people()
            .contains("/nowhere/klamm.yaml cannot be read"),
        "{}",
        failure.for_people()
    );
    assert_eq!(failure.exit_code(), ExitCode::from(78));
}

#[test]
fn a_gateway_that_is_not_there_is_unreachable() {
    let line = "klamm get VirtualCluster --admin-url http://127.0.0.1:1";
    let failure =
        execute(parse(line).expect("a command"), &Variables::new(), |_| Ok(())).expect_err("nobody listens");
    assert_eq!(failure.exit_code(), ExitCode::from(3));
    assert!(
        failure
            .for_people()
            .contains("http://127.0.0.1:1 cannot be reached"),
        "{}",
        failure.for_people()
    );
}

/// Whether there is the virtual cluster that is built in.
#[derive(Debug, Clone, Copy)]
enum BuiltIn {
    Shown,
    Absent,
}

/// The admin API on a port of its own, over a gateway in memory.
fn serve_admin_api(built_in: BuiltIn) -> String {
    let ports = quickstart::ports::PortBlock::take().expect("a port");
    let port = ports.port(0);
    let config = crate::config::HttpConfig {
        bind: format!("127.0.0.1:{port}").parse().expect("an address"),
        hosts: Default::default(),
        metrics: crate::config::Audience::Everybody,
        description: crate::config::Audience::Everybody,
        variables: Vec::new(),
        users: vec![crate::config::AdminUser {
            username: "admin".to_owned(),
            password: crate::secret::Secret::new("conduktor"),
            role: crate::config::Role::Admin,
        }],
        tls: None,
    };
    let (started, starting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix::System::new().block_on(async {
            let gateway = crate::admin::tests::Gateway::new();
            let gateway = match built_in {
                BuiltIn::Shown => gateway.with_passthrough(),
                BuiltIn::Absent => gateway,
            };
            let metrics = crate::metrics::Metrics::new().expect("metrics register");
            let server = crate::admin::server(&config, gateway.services(), None, &metrics.node.guards)
                .expect("a free port");
            started.send(()).expect("the test waits");
            let ended = server.await;
            drop(ports);
            ended
        })
    });
    starting.recv().expect("a server");
    format!("http://127.0.0.1:{port}")
}

const RESOURCES: &str = "\
---
kind: GatewayServiceAccount
apiVersion: gateway/v2
metadata: {name: super-user, vCluster: mypartner}
spec: {type: LOCAL}
---
kind: AliasTopic
apiVersion: gateway/v2
metadata: {name: topic1, vCluster: mypartner}
spec: {physicalName: internal-topic-name1, physicalCluster: clusterA}
---
kind: VirtualCluster
apiVersion: gateway/v2
metadata: {name: mypartner}
spec: {aclEnabled: true, superUsers: [super-user], type: Partner}
";

/// Somebody who types commands for the gateway at `url`.
struct Operator {
    url: String,
    directory: tempfile::TempDir,
}

impl Operator {
    fn new() -> Self {
        Self::of(BuiltIn::Absent)
    }

    fn of(built_in: BuiltIn) -> Self {
        Self {
            url: serve_admin_api(built_in),
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    fn command(&self, line: &str) -> Command {
        parse(&format!("klamm {line} --admin-url {}", self.url))
            .expect("a command")
            .command
    }

    /// Runs `apply` or `delete`; gives the report.
    fn change(&self, line: &str) -> String {
        let client = |connection: &Connection| connection.client(&Variables::new()).expect("a client");
        let report = match self.command(line) {
            Command::Apply(args) => apply::apply(&args, &client(&args.connection)),
            Command::Delete(args) => delete::delete(&args, &client(&args.connection)),
            other => panic!("{other:?}"),
        };
        report.expect("a report").text()
    }

    /// Runs `get` or `run`; gives what it prints.
    fn read(&self, line: &str) -> Result<String, Failure> {
        self.read_with(line, "")
    }

    /// Runs it with something on standard input.
    fn read_with(&self, line: &str, input: &str) -> Result<String, Failure> {
        let client = |connection: &Connection| connection.client(&Variables::new()).expect("a client");
        match self.command(line) {
            Command::Get(args) => get::get(&args, &client(&args.connection)),
            Command::Run { action } => run_action(&action, input.as_bytes(), &Variables::new()),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_refused(&self, line: &str) {
        assert_eq!(self.read(line).expect_err(line).exit_code(), ExitCode::from(1));
    }
}

#[test]
fn resources_are_applied_in_order_and_deleted_in_the_other() {
    let operator = Operator::new();
    let file = operator.file("all.yaml", RESOURCES);
    let all = |result: &str| {
        let titles = [
            "VirtualCluster/mypartner",
            "AliasTopic/topic1",
            "GatewayServiceAccount/super-user",
        ];
        titles.map(|title| format!("{title}: {result}\n")).concat()
    };
    let dry = operator.change(&format!("apply -f {file} --dry-run"));
    let would_appear = "CREATED (dry run); topics that would appear: topic1\n";
    assert_eq!(
        dry.replace(would_appear, "CREATED (dry run)\n"),
        all("CREATED (dry run)"),
        "each sees what those before it would make"
    );
    assert_eq!(operator.change(&format!("apply -f {file}")), all("CREATED"));
    assert_eq!(operator.change(&format!("apply -f {file}")), all("NOT_CHANGED"));
    assert!(operator.change("delete vc mypartner").contains("FAILED"));
    let deleted = operator.change(&format!("delete -f {file}"));
    assert!(
        deleted.lines().all(|line| line.ends_with(": DELETED")),
        "{deleted}"
    );
    let again = operator.change(&format!("delete -f {file} --ignore-not-found"));
    assert!(again.lines().all(|line| line.ends_with(": NOT_FOUND")), "{again}");
}

#[test]
fn resources_are_shown_and_what_is_shown_can_be_applied() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let table = operator.read("get vc").expect("a table");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[1],
        ["mypartner", "Partner", "super-user", "localhost:6969,gw2:7100"]
    );
    let shown = operator.file(
        "shown.yaml",
        &operator.read("get vc mypartner -o yaml").expect("YAML"),
    );
    assert_eq!(
        operator.change(&format!("apply -f {shown}")),
        "VirtualCluster/mypartner: NOT_CHANGED\n"
    );
    let one = operator
        .read("get alias topic1 --v-cluster mypartner -o json")
        .expect("JSON");
    let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one["spec"]["physicalName"], "internal-topic-name1");
    for line in [
        "get vc other",
        "get sa nobody --v-cluster mypartner",
        "get vc --admin-user nobody",
    ] {
        operator.is_refused(line);
    }
}

#[test]
fn everything_that_is_shown_can_be_applied_in_both_forms() {
    let operator = Operator::of(BuiltIn::Shown);
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    for form in ["yaml", "json"] {
        for kind in ["VirtualCluster", "AliasTopic", "GatewayServiceAccount"] {
            let shown = operator
                .read(&format!("get {kind} -o {form}"))
                .expect("it is shown");
            let file = operator.file(&format!("shown.{form}"), &shown);
            let applied = operator.change(&format!("apply -f {file}"));
            assert!(
                !applied.is_empty() && applied.lines().all(|line| line.ends_with(": NOT_CHANGED")),
                "{kind} {form}: {applied}"
            );
        }
    }
    let shown = operator
        .read("get VirtualCluster passthrough -o yaml")
        .expect("YAML");
    let file = operator.file(
        "changed.yaml",
        &shown.replace("aclEnabled: false", "aclEnabled: true"),
    );
    let refused = operator.change(&format!("apply -f {file}"));
    assert!(refused.contains("GATEWAY_ACL_ENABLED"), "{refused}");
}

/// Three of one name, each in a scope of its own.
const POLICIES: &str = "\
kind: Policy
apiVersion: gateway/v2
metadata: {name: mine}
spec: {phase: consume, condition: 'false', action: {type: skip_record}}
---
kind: Policy
apiVersion: gateway/v2
metadata: {name: mine, vCluster: mypartner}
spec: {phase: consume, condition: 'false', action: {type: skip_record}}
---
kind: Policy
apiVersion: gateway/v2
metadata: {name: mine, vCluster: mypartner, username: super-user}
spec: {phase: produce, priority: -1, action: {type: modify_headers, actions: [{op: remove, key: secret}]}}
";

#[test]
fn policies_are_applied_shown_and_deleted_by_their_scope() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let file = operator.file("policies.yaml", POLICIES);
    let all = |result: &str| format!("Policy/mine: {result}\n").repeat(3);
    assert_eq!(operator.change(&format!("apply -f {file}")), all("CREATED"));
    let shown = operator.read("get policies -o yaml").expect("YAML");
    let shown = operator.file("shown.yaml", &shown);
    assert_eq!(operator.change(&format!("apply -f {shown}")), all("NOT_CHANGED"));
    let table = operator
        .read("get policies --v-cluster mypartner")
        .expect("a table");
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(
        rows.len() == 2 && rows[0].contains("super-user") && rows[0].contains("produce"),
        "that of the virtual cluster holds in the place of that of all: {table}"
    );
    let dry = operator.change(&format!("delete -f {file} --dry-run"));
    assert_eq!(dry, all("DELETED (dry run)"));
    let of_account = "delete policy mine --v-cluster mypartner --username super-user";
    assert_eq!(operator.change(of_account), "Policy/mine: DELETED\n");
    assert!(
        operator
            .change(of_account)
            .contains("for super-user of virtual cluster mypartner does not exist")
    );
    assert_eq!(operator.change("delete policy mine"), "Policy/mine: DELETED\n");
    let rest = operator.read("get policies -o json").expect("JSON");
    let rest: serde_json::Value = serde_json::from_str(&rest).expect("JSON");
    let expected = serde_json::json!({ "name": "mine", "vCluster": "mypartner" });
    assert_eq!(rest.as_array().map(Vec::len), Some(1), "{rest}");
    assert_eq!(rest[0]["metadata"], expected);
    operator.change(&format!("apply -f {file}"));
    assert_eq!(operator.change(&format!("delete -f {file}")), all("DELETED"));
}

/// A group, and a policy for its members.
const GROUPS: &str = "\
kind: Policy
apiVersion: gateway/v2
metadata: {name: mine, vCluster: mypartner, group: billing}
spec: {phase: consume, condition: 'false', action: {type: skip_record}}
---
kind: GatewayGroup
apiVersion: gateway/v2
metadata: {name: billing}
spec: {members: [{name: super-user, vCluster: mypartner}]}
";

#[test]
fn groups_and_policies_for_them_are_applied_shown_and_deleted() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let file = operator.file("groups.yaml", GROUPS);
    let all = |result: &str| format!("GatewayGroup/billing: {result}\nPolicy/mine: {result}\n");
    assert_eq!(
        operator.change(&format!("apply -f {file} --dry-run")),
        all("CREATED (dry run)")
    );
    assert_eq!(operator.change(&format!("apply -f {file}")), all("CREATED"));
    for (kind, title) in [("groups", "GatewayGroup/billing"), ("policies", "Policy/mine")] {
        let shown = operator.read(&format!("get {kind} -o yaml")).expect("YAML");
        let shown = operator.file("shown.yaml", &shown);
        let again = operator.change(&format!("apply -f {shown}"));
        assert_eq!(again, format!("{title}: NOT_CHANGED\n"));
    }
    let table = operator.read("get group billing").expect("a table");
    assert!(table.contains("super-user"), "{table}");
    let refused = operator.change("delete group billing");
    assert!(
        refused.contains("is still the scope of policy mine for the group billing"),
        "{refused}"
    );
    let of_group = "delete policy mine --v-cluster mypartner --group billing";
    assert_eq!(operator.change(of_group), "Policy/mine: DELETED\n");
    operator.change(&format!("apply -f {file}"));
    let deleted = "Policy/mine: DELETED\nGatewayGroup/billing: DELETED\n";
    assert_eq!(operator.change(&format!("delete -f {file}")), deleted);
}

/// Two of one name, each in a scope of its own, and a policy.
const INTERCEPTORS: &str = "\
kind: Interceptor
apiVersion: gateway/v2
metadata: {name: hide}
spec:
  pluginClass: io.conduktor.gateway.interceptor.safeguard.MessageHeaderRemovalPlugin
  priority: 1
  config: {topic: 'a|b', headerKeyRegex: x-.*}
---
kind: Interceptor
apiVersion: gateway/v2
metadata: {name: hide, scope: {vCluster: mypartner, username: super-user}}
spec:
  pluginClass: klamm.Policy
  priority: 1
  config: {phase: consume, condition: 'false', action: {type: skip_record}}
";

#[test]
fn interceptors_are_applied_shown_and_deleted_by_their_scope() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let file = operator.file("interceptors.yaml", INTERCEPTORS);
    let all = |result: &str| format!("Interceptor/hide: {result}\n").repeat(2);
    assert_eq!(operator.change(&format!("apply -f {file}")), all("CREATED"));
    let shown = operator.read("get interceptors -o yaml").expect("YAML");
    assert!(shown.contains("headerKeyRegex: x-.*"), "{shown}");
    let shown = operator.file("shown.yaml", &shown);
    assert_eq!(operator.change(&format!("apply -f {shown}")), all("NOT_CHANGED"));
    let policies = operator.read("get policies -o yaml").expect("YAML");
    let policies = operator.file("policies.yaml", &policies);
    let same = operator.change(&format!("apply -f {policies}"));
    assert_eq!(same, "Policy/hide: NOT_CHANGED\n".repeat(2));
    let table = operator.read("get interceptors").expect("a table");
    assert!(
        table.contains("MessageHeaderRemovalPlugin") && table.contains("super-user"),
        "{table}"
    );
    let dry = operator.change(&format!("delete -f {file} --dry-run"));
    assert_eq!(dry, all("DELETED (dry run)"));
    let one = "delete interceptor hide --v-cluster mypartner --username super-user";
    assert_eq!(operator.change(one), "Interceptor/hide: DELETED\n");
    assert!(operator.change(one).contains("does not exist"));
    operator.change(&format!("apply -f {file}"));
    assert_eq!(operator.change(&format!("delete -f {shown}")), all("DELETED"));
    assert_eq!(operator.read("get policies -o json").expect("JSON").trim(), "[]");
}

#[test]
fn a_dry_run_knows_what_the_same_files_make_and_delete() {
    let operator = Operator::new();
    let file = operator.file("all.yaml", RESOURCES);
    operator.change(&format!("apply -f {file}"));
    let dry = operator.change(&format!("delete -f {file} --dry-run"));
    assert!(
        dry.lines().count() == 3 && dry.lines().all(|line| line.ends_with(": DELETED (dry run)")),
        "{dry}"
    );
    let again = operator.change(&format!("apply -f {file}"));
    assert!(
        again.lines().all(|line| line.ends_with(": NOT_CHANGED")),
        "nothing was deleted: {again}"
    );
    let twice = RESOURCES.replace("name: topic1", "name: topic2");
    let second = operator.file("second.yaml", &twice);
    let dry = operator.change(&format!("apply -f {second} --dry-run"));
    assert!(
        dry.contains("AliasTopic/topic2: FAILED"),
        "the topic has a name already: {dry}"
    );
}

#[test]
fn values_that_are_no_texts_are_named_with_their_place() {
    let operator = Operator::new();
    let applied = |spec: &str| {
        let text =
            format!("kind: VirtualCluster\napiVersion: gateway/v2\nmetadata: {{name: v}}\nspec: {spec}\n");
        operator.change(&format!("apply -f {}", operator.file("v.yaml", &text)))
    };
    for (spec, expected) in [
        (
            "{type: Partner, aclEnabled: true, superUsers: [123]}",
            "spec.superUsers[0] must be a text, but is the number 123: quote it, as in \"123\"",
        ),
        (
            "{type: Partner, aclEnabled: true, superUsers: [true]}",
            "spec.superUsers[0] must be a text, but is true: quote it",
        ),
        (
            "{type: Partner, aclEnabled: 'yes', superUsers: [a]}",
            "spec.aclEnabled must be true or false, but is a text",
        ),
        (
            "{type: Partner, aclEnable: true}",
            "the field spec.aclEnable is unknown; the fields are aclEnabled,",
        ),
        ("text", "spec must be a map of fields, but is a text"),
    ] {
        let refused = applied(spec);
        assert!(refused.contains(expected), "{spec}: {refused}");
        for word in ["JSON", "struct", "line 1", "`"] {
            assert!(!refused.contains(word), "{spec}: {refused}");
        }
    }
}

#[test]
fn tokens_are_printed_alone() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let of = |user: &str| {
        format!(
            "run generateServiceAccountToken --username {user} --v-cluster mypartner --life-time-seconds 60"
        )
    };
    let token = operator.read(&of("super-user")).expect("a token");
    assert_eq!(token.trim_end().split('.').count(), 3);
    operator.is_refused(&of("nobody"));
}

#[test]
fn external_accounts_are_applied_like_local_ones() {
    const EXTERNAL: &str = "
kind: GatewayServiceAccount
apiVersion: gateway/v2
metadata: {name: billing, vCluster: mypartner}
spec:
  type: EXTERNAL
  externalNames: ['CN=billing,O=Example', billing@idp.example.com]
";
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let apply = |text: &str| operator.change(&format!("apply -f {}", operator.file("external.yaml", text)));
    assert_eq!(apply(EXTERNAL), "GatewayServiceAccount/billing: CREATED\n");
    assert_eq!(apply(EXTERNAL), "GatewayServiceAccount/billing: NOT_CHANGED\n");
    let shown = operator.read("get GatewayServiceAccount billing --v-cluster mypartner -o yaml");
    let shown = shown.expect("the account");
    assert!(
        shown.contains("EXTERNAL") && shown.contains("CN=billing,O=Example"),
        "{shown}"
    );
    assert_eq!(apply(&shown), "GatewayServiceAccount/billing: NOT_CHANGED\n");
    let taken = apply(&EXTERNAL.replace("name: billing,", "name: another,"));
    assert!(taken.contains("billing"), "{taken}");
    operator.is_refused(
        "run generateServiceAccountToken --username billing --v-cluster mypartner --life-time-seconds 60",
    );
}

#[test]
fn scram_passwords_are_set_listed_and_deleted() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let set = "run setScramCredential --v-cluster mypartner --username super-user";
    let by = |what: &str, input: &str| operator.read_with(&format!("{set} {what}"), input);
    let done = |result: &str| format!("the SCRAM-SHA-512 credential of super-user: {result}\n");
    assert_eq!(by("", "hunter2\n").expect("it is done"), done("CREATED"));
    assert_eq!(
        by("", "hunter2").expect("it is done"),
        done("NOT_CHANGED"),
        "no session may end for that"
    );
    assert_eq!(by("", "hunter3\r\n").expect("it is done"), done("UPDATED"));
    by("--mechanism SCRAM-SHA-256 --iterations 8192", "hunter2").expect("it is done");
    assert_eq!(
        by("", "\n").expect_err("no password").exit_code(),
        ExitCode::from(2)
    );
    let weak = by("--iterations 1", "hunter2").expect_err("too few iterations");
    assert_eq!(weak.exit_code(), ExitCode::from(1));
    let list = operator.read("get scram-credentials -o json").expect("a list");
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(
        list,
        serde_json::json!([
            { "vCluster": "mypartner", "username": "super-user", "mechanism": "SCRAM-SHA-256", "iterations": 8192 },
            { "vCluster": "mypartner", "username": "super-user", "mechanism": "SCRAM-SHA-512", "iterations": 4096 },
        ])
    );
    let delete = "run deleteScramCredentials --v-cluster mypartner --username super-user";
    operator
        .read(&format!("{delete} --mechanism SCRAM-SHA-256"))
        .expect("it is done");
    operator.is_refused(&format!("{delete} --mechanism SCRAM-SHA-256"));
    operator.read(delete).expect("it is done");
    assert_eq!(
        operator
            .read("get scram-credentials -o json")
            .expect("a list")
            .trim(),
        "[]"
    );
}

#[test]
fn tokens_are_listed_and_revoked_one_or_all() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    for _ in 0..3 {
        operator
            .read("run generateServiceAccountToken --username super-user --v-cluster mypartner --life-time-seconds 60")
            .expect("a token");
    }
    let listed = || -> Vec<serde_json::Value> {
        let list = operator
            .read("get tokens super-user --v-cluster mypartner -o json")
            .unwrap_or_else(|_| "[]".to_owned());
        serde_json::from_str(&list).expect("a list")
    };
    let id = listed()[1]["id"].as_str().expect("an id").to_owned();
    let revoke = |what: &str| format!("run revokeServiceAccountTokens --v-cluster mypartner {what}");
    let one = revoke(&format!("--id {id}"));
    assert_eq!(
        operator.read(&one).expect("it is done"),
        format!("token {id}: REVOKED\n")
    );
    let left = listed();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|token| token["id"] != id.as_str()));
    operator.is_refused(&one);
    operator.is_refused(&revoke("--username nobody"));
    let all = revoke("--username super-user");
    assert_eq!(
        operator.read(&all).expect("it is done"),
        "the tokens of super-user: REVOKED\n"
    );
    assert!(listed().is_empty());
}

#[test]
fn signing_keys_are_rotated_and_retired_with_what_depends_on_them() {
    let operator = Operator::new();
    operator.change(&format!("apply -f {}", operator.file("all.yaml", RESOURCES)));
    let issue =
        "run generateServiceAccountToken --username super-user --v-cluster mypartner --life-time-seconds 60";
    operator.read(issue).expect("a token");
    let keys = || -> Vec<(String, bool, u64)> {
        let list = operator.read("get signing-keys -o json").expect("a list");
        let list: Vec<serde_json::Value> = serde_json::from_str(&list).expect("JSON");
        let key = |key: &serde_json::Value| {
            let id = key["id"].as_str().expect("an id").to_owned();
            (
                id,
                key["signs"] == true,
                key["liveTokens"].as_u64().expect("a number"),
            )
        };
        list.iter().map(key).collect()
    };
    let first = keys()[0].0.clone();
    assert_eq!(keys(), [(first.clone(), true, 1)]);
    let listed = operator.read("get tokens").expect("a table");
    assert!(listed.contains("KEY-ID") && listed.contains(&first), "{listed}");

    let dry = operator.read("run rotateSigningKey --dry-run").expect("a text");
    assert!(
        dry.starts_with(&format!("a new signing key would replace {first}\n")),
        "{dry}"
    );
    assert_eq!(keys().len(), 1);
    let rotated = operator.read("run rotateSigningKey").expect("a text");
    let second = keys()[0].0.clone();
    assert_eq!(keys(), [(second.clone(), true, 0), (first.clone(), false, 1)]);
    let next = format!(
        "live tokens that depend on the old key: 1; klamm get tokens lists them by KEY-ID. Once they are replaced:\n  klamm run retireSigningKey --id {first}\n"
    );
    assert_eq!(
        rotated,
        format!("signing key {second} signs in place of {first}\n{next}")
    );

    operator.is_refused("run rotateSigningKey");
    operator.is_refused(&format!("run retireSigningKey --id {second}"));
    let retire = format!("run retireSigningKey --id {first}");
    let dry = operator.read(&format!("{retire} --dry-run")).expect("a text");
    assert_eq!(
        dry,
        format!("signing key {first}: live tokens that would end: 1\n")
    );
    let retired = operator.read(&retire).expect("a text");
    assert_eq!(
        retired,
        format!("signing key {first}: RETIRED; live tokens that ended: 1\n")
    );
    operator.is_refused(&retire);

    operator.read(issue).expect("a token");
    let all = operator
        .read("run rotateSigningKey --retire-old")
        .expect("a text");
    assert!(
        all.ends_with("no earlier key verifies tokens any more; live tokens that ended: 1\n"),
        "{all}"
    );
    assert_eq!(keys().len(), 1);
    assert!(
        operator
            .read("get tokens -o json")
            .is_ok_and(|list| list.trim() == "[]")
    );
}
