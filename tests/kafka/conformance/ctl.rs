//! The command line `conduktor` (github.com/conduktor/ctl). `CTL=path` names it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Foreign, given};
use crate::scene::{Scene, json, lines};

/// The kinds in the order in which they are put, and the words that are printed for each.
const KINDS: [(&str, &str); 5] = [
    ("VirtualCluster", "mypartner"),
    ("AliasTopic", "topic1"),
    ("GatewayServiceAccount", "partner-user"),
    ("GatewayGroup", "billing"),
    ("Interceptor", "stamp"),
];

fn printed(result: &str) -> Vec<String> {
    KINDS
        .iter()
        .map(|(kind, name)| format!("{kind}/{name}: {result}"))
        .collect()
}

/// It derives its kinds and actions from the description, by its strict rules.
fn catalog(ctl: &Foreign<'_>) -> Result<()> {
    let catalog = json(&ctl.says(&["gatewayMakeCatalog"])?)?;
    let kinds = catalog["Kind"].as_object().cloned().unwrap_or_default();
    let mut found: Vec<(u64, String)> = kinds
        .iter()
        .filter_map(|(name, versions)| Some((versions["Versions"]["2"]["Order"].as_u64()?, name.clone())))
        .collect();
    found.sort_unstable();
    let names = [
        (6, "PhysicalCluster"),
        (7, "VirtualCluster"),
        (8, "AliasTopic"),
        (9, "ConcentrationRule"),
        (10, "GatewayServiceAccount"),
        (11, "GatewayGroup"),
        (12, "Interceptor"),
        (13, "Policy"),
    ];
    ensure!(
        found.len() == names.len()
            && found
                .iter()
                .zip(names)
                .all(|((a, b), (c, d))| (*a, b.as_str()) == (c, d)),
        "{found:?}"
    );
    ensure!(
        kinds["VirtualCluster"]["Versions"]["2"]["GetAvailable"] == true,
        "{kinds:?}"
    );
    let run = &catalog["Run"]["generateServiceAccountToken"];
    let rotate = &catalog["Run"]["rotateSigningKey"]["BodyFields"]["retireOld"];
    ensure!(
        rotate["FlagName"] == "retire-old" && rotate["Type"] == "boolean",
        "{rotate}"
    );
    ensure!(
        run["BodyFields"]["vCluster"]
            == json!({ "FlagName": "v-cluster", "Required": false, "Type": "string" }),
        "{run}"
    );
    Ok(())
}

/// Its templates are applied as they are: at first to see, then, and once more.
fn templates(ctl: &Foreign<'_>) -> Result<()> {
    let mut all = String::new();
    for (kind, _) in KINDS {
        all += &ctl.says(&["template", kind])?;
    }
    ctl.write("all.yaml", &all)?;
    ctl.write("first.yaml", &ctl.says(&["template", KINDS[0].0])?)?;
    let dry = lines(&ctl.says(&["apply", "-f", "first.yaml", "--dry-run"])?);
    ensure!(dry == printed("CREATED")[..1], "{dry:?}");
    for result in ["CREATED", "NOT_CHANGED"] {
        let applied = lines(&ctl.says(&["apply", "-f", "all.yaml"])?);
        ensure!(applied == printed(result), "{applied:?}");
    }
    let dry = lines(&ctl.says(&["apply", "-f", "all.yaml", "--dry-run"])?);
    ensure!(dry == printed("NOT_CHANGED"), "{dry:?}");
    ctl.says(&["apply", "-f", "all.yaml", "--print-diff"])?;
    Ok(())
}

/// Resources that the command line gets can be applied again.
fn got(ctl: &Foreign<'_>) -> Result<()> {
    let one = json(&ctl.says(&["get", "VirtualCluster", "mypartner", "-o", "json"])?)?;
    let one = if one.is_array() { one[0].clone() } else { one };
    let properties = &one["spec"]["clientProperties"]["PLAIN"];
    ensure!(properties["sasl.mechanism"] == "PLAIN", "{one}");
    let names = lines(&ctl.says(&["get", "all", "--gateway", "-o", "name"])?);
    for (kind, name) in KINDS {
        ensure!(names.contains(&format!("{kind}/{name}")), "{names:?}");
    }
    let got = ctl.says(&["get", "VirtualCluster", "mypartner"])?
        + &ctl.says(&["get", "AliasTopic", "--vcluster", "mypartner", "--name", "topic1"])?
        + &ctl.says(&[
            "get",
            "GatewayServiceAccount",
            "--vcluster",
            "mypartner",
            "--type",
            "local",
        ])?
        + &ctl.says(&["get", "GatewayGroup", "billing"])?
        + &ctl.says(&["get", "Interceptor", "--name", "stamp", "--vcluster", "mypartner"])?;
    ctl.write("got.yaml", &got)?;
    let applied = lines(&ctl.says(&["apply", "-f", "got.yaml"])?);
    ensure!(applied == printed("NOT_CHANGED"), "{applied:?}");
    let none = ctl.says(&["get", "ConcentrationRule", "-o", "json"])?;
    ensure!(
        matches!(json(&none)?, Value::Array(all) if all.is_empty()),
        "{none}"
    );
    Ok(())
}

/// A token that it asked for is a password.
fn token(scene: &Scene, ctl: &Foreign<'_>) -> Result<()> {
    let run = ["run", "generateServiceAccountToken", "--username", "partner-user"];
    let of = ["--v-cluster", "mypartner", "--life-time-seconds", "3600"];
    let made = json(&ctl.says(&[run, of].concat())?)?;
    let token = made["token"].as_str().unwrap_or_default().to_owned();
    let bootstrap = scene.stage.admin(1).bootstrap("mypartner")?;
    let login = scene.login_with(bootstrap, "partner-user", token)?;
    let listed = scene.client_ok(&login, "kafka-topics", &["--list"])?;
    ensure!(lines(&listed).is_empty(), "it has no right yet: {listed}");
    // The key that signed it is replaced, and then retired.
    let rotated = json(&ctl.says(&["run", "rotateSigningKey"])?)?;
    ensure!(rotated["oldTokens"] == 1, "{rotated}");
    scene.client_ok(&login, "kafka-topics", &["--list"])?;
    let replaced = rotated["replaced"].as_str().unwrap_or_default();
    let retired = json(&ctl.says(&["run", "retireSigningKey", "--id", replaced])?)?;
    ensure!(retired["endedTokens"] == 1, "{retired}");
    let all = json(&ctl.says(&["run", "rotateSigningKey", "--retire-old"])?)?;
    ensure!(all["endedTokens"] == 0, "{all}");
    Ok(())
}

/// Refusals say what is wrong, and where.
fn refusals(ctl: &Foreign<'_>) -> Result<()> {
    let resource = |kind: &str, name: &str, spec: &str| {
        format!(
            "kind: {kind}\napiVersion: gateway/v2\nmetadata: {{ name: {name}, vCluster: mypartner }}\nspec: {spec}\n"
        )
    };
    for (file, text, why) in [
        (
            "interceptor.yaml",
            "kind: Interceptor\napiVersion: gateway/v2\nmetadata: { name: one }\nspec: { pluginClass: any, priority: 1, config: {} }\n"
                .to_owned(),
            "spec.pluginClass",
        ),
        (
            "rule.yaml",
            resource("ConcentrationRule", "one", "{ pattern: a }"),
            "this gateway has no resources of the kind ConcentrationRule",
        ),
        (
            "field.yaml",
            resource("AliasTopic", "one", "{ physicalNam: a }"),
            "spec.physicalNam",
        ),
        (
            "missing.yaml",
            resource("AliasTopic", "one", "{ physicalName: no-such-topic }"),
            "no-such-topic does not exist",
        ),
    ] {
        ctl.write(file, &text)?;
        ctl.refuses(&["apply", "-f", file], why)?;
    }
    ctl.refuses(&["get", "VirtualCluster", "nobody"], "nobody does not exist")?;
    ctl.refuses(&["delete", "VirtualCluster", "mypartner"], "still referenced by")
}

/// Rights in a file, as `kafka-acls` shows them.
fn declared(scene: &Scene, ctl: &Foreign<'_>) -> Result<()> {
    let file = |operation: &str| {
        format!(
            "kind: VirtualCluster\napiVersion: gateway/v2\nmetadata: {{ name: gitops }}\nspec:\n  aclEnabled: true\n  \
             aclMode: REST_API\n  superUsers: [root]\n  acls:\n  - resourcePattern: {{ resourceType: TOPIC, name: a, patternType: PREFIXED }}\n    \
             principal: User:ann\n    host: '*'\n    operation: {operation}\n    permissionType: ALLOW\n"
        )
    };
    ctl.write("gitops.yaml", &file("READ"))?;
    ensure!(
        ctl.says(&["apply", "-f", "gitops.yaml"])?
            .contains("VirtualCluster/gitops: CREATED")
    );
    let root = scene.login("gitops", "root", 1)?;
    ensure!(
        scene
            .client_ok(&root, "kafka-acls", &["--list"])?
            .contains("operation=READ")
    );
    ctl.write("gitops.yaml", &file("WRITE"))?;
    ensure!(
        ctl.says(&["apply", "-f", "gitops.yaml"])?
            .contains("VirtualCluster/gitops: UPDATED")
    );
    let listed = scene.client_ok(&root, "kafka-acls", &["--list"])?;
    ensure!(
        listed.contains("operation=WRITE") && !listed.contains("operation=READ"),
        "{listed}"
    );
    ctl.says(&["delete", "GatewayServiceAccount", "root", "--vcluster", "gitops"])?;
    ctl.says(&["delete", "-f", "gitops.yaml"])?;
    Ok(())
}

/// An interceptor, always of one name.
fn small(priority: i32, scope: &str) -> String {
    format!(
        "kind: Interceptor\napiVersion: gateway/v2\nmetadata: {{ name: small, scope: {{ {scope} }} }}\nspec:\n  pluginClass: \
         io.conduktor.gateway.interceptor.safeguard.CreateTopicPolicyPlugin\n  priority: {priority}\n  config: \
         {{ topic: '.*', numPartition: {{ min: 1, max: 6, action: BLOCK }} }}\n"
    )
}

/// Interceptors of one name in several scopes: each is changed, found and deleted by itself.
fn interceptors(ctl: &Foreign<'_>) -> Result<()> {
    let of_group = "vCluster: mypartner, group: billing";
    let of_account = "vCluster: mypartner, username: partner-user";
    for (priority, result) in [(1, "CREATED"), (2, "UPDATED"), (2, "NOT_CHANGED")] {
        let scopes = ["", "vCluster: mypartner", of_group, of_account];
        let all = scopes.map(|scope| small(priority, scope)).join("---\n");
        ctl.write("small.yaml", &all)?;
        let applied = lines(&ctl.says(&["apply", "-f", "small.yaml"])?);
        let expected = vec![format!("Interceptor/small: {result}"); 4];
        ensure!(applied == expected, "{applied:?}");
    }
    let found = json(&ctl.says(&["get", "Interceptor", "--group", "billing", "-o", "json"])?)?;
    ensure!(
        found[0]["metadata"]["scope"] == json!({ "vCluster": "mypartner", "group": "billing" }),
        "{found}"
    );
    let left = |expected: usize| {
        let left = json(&ctl.says(&["get", "Interceptor", "--name", "small", "-o", "json"])?)?;
        ensure!(left.as_array().is_some_and(|all| all.len() == expected), "{left}");
        Ok(())
    };
    left(4)?;
    // It is the scope of a policy.
    ctl.refuses(
        &["delete", "GatewayGroup", "billing"],
        "billing is still the scope of",
    )?;
    let delete = ["delete", "Interceptor", "small"];
    let in_vcluster = ["--vcluster", "mypartner"];
    let group = [&delete[..], &in_vcluster, &["--group", "billing"]].concat();
    ctl.says(&group)?;
    ctl.refuses(&group, "does not exist")?;
    ctl.says(&[&delete[..], &in_vcluster, &["--username", "partner-user"]].concat())?;
    ctl.says(&delete)?;
    left(1)?;
    ctl.write("left.yaml", &small(2, "vCluster: mypartner"))?;
    ctl.says(&["delete", "-f", "left.yaml"])?;
    left(0)
}

/// Resources that the command line applied are deleted by it.
fn deletions(ctl: &Foreign<'_>) -> Result<()> {
    ctl.says(&["delete", "Interceptor", "stamp", "--vcluster", "mypartner"])?;
    ctl.says(&["delete", "GatewayGroup", "billing"])?;
    ctl.says(&["delete", "AliasTopic", "topic1", "--vcluster", "mypartner"])?;
    ctl.refuses(
        &["delete", "AliasTopic", "topic1", "--vcluster", "mypartner"],
        "topic1 does not exist",
    )?;
    ctl.says(&[
        "delete",
        "GatewayServiceAccount",
        "partner-user",
        "--vcluster",
        "mypartner",
    ])?;
    ctl.says(&["delete", "VirtualCluster", "mypartner"])?;
    let names = ctl.says(&["get", "all", "--gateway", "-o", "name"])?;
    ensure!(!names.contains("mypartner"), "{names}");
    Ok(())
}

#[test]
fn the_command_line_learns_applies_gets_runs_and_deletes() -> Result<()> {
    let Some(program) = given("KLAMM_CTL")? else {
        return Ok(());
    };
    let scene = Scene::start(1, "127.0.0.1")?;
    scene.topic_on("main", "internal-topic-name1", 1)?;
    let ctl = Foreign::new(&scene, program, "ctl")?;
    catalog(&ctl)?;
    templates(&ctl)?;
    got(&ctl)?;
    token(&scene, &ctl)?;
    refusals(&ctl)?;
    declared(&scene, &ctl)?;
    interceptors(&ctl)?;
    deletions(&ctl)
}
