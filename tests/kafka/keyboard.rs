//! Files and names that people type: files that go in as they came out, dry runs, names as Kafka takes them.

use anyhow::{Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child::{self, Output};
use serde_json::json;

use crate::scene::{CLUSTER, LIMIT, Scene, lines};

/// The command itself, against the shared node.
fn klamm(scene: &Scene, words: &[&str], input: &str) -> Result<Output> {
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    command
        .args(words)
        .args(["--admin-url", &scene.stage.nodes()[0].admin_url()]);
    Ok(child::run(command, input, LIMIT)?)
}

fn klamm_ok(scene: &Scene, words: &[&str], input: &str) -> Result<Output> {
    let output = klamm(scene, words, input)?;
    ensure!(output.status.success(), "klamm {words:?}:\n{}", output.all());
    Ok(output)
}

#[test]
fn what_is_got_can_be_applied_and_a_dry_run_knows_its_own_file() -> Result<()> {
    let scene = Scene::shared()?;
    let mut file = String::from(
        "kind: VirtualCluster\napiVersion: gateway/v2\nmetadata: {name: typed}\n\
         spec: {type: Partner, aclEnabled: true, superUsers: [boss]}\n",
    );
    for number in 0..4 {
        scene.topic(&format!("typed-physical-{number}"), 1)?;
        file += &format!(
            "---\nkind: AliasTopic\napiVersion: gateway/v2\nmetadata: {{name: topic-{number}, vCluster: typed}}\n\
             spec: {{physicalCluster: {CLUSTER}, physicalName: typed-physical-{number}}}\n"
        );
    }
    file += "---\nkind: GatewayServiceAccount\napiVersion: gateway/v2\nmetadata: {name: boss, vCluster: typed}\nspec: {type: LOCAL}\n";
    for (words, result) in [
        (&["apply", "-f", "-", "--dry-run"][..], "CREATED (dry run)"),
        (&["apply", "-f", "-"], "CREATED"),
        (&["apply", "-f", "-"], "NOT_CHANGED"),
    ] {
        let output = klamm_ok(&scene, words, &file)?;
        let results = lines(&output.stdout);
        ensure!(
            results.len() == 6 && results.iter().all(|line| line.contains(&format!(": {result}"))),
            "{words:?}: {}",
            output.all()
        );
    }
    for what in [
        &["get", "vc", "passthrough"][..],
        &["get", "vc", "typed"],
        &["get", "alias", "--v-cluster", "typed"],
        &["get", "sa", "--v-cluster", "typed"],
    ] {
        for form in ["yaml", "json"] {
            let shown = klamm_ok(&scene, &[what, &["-o", form]].concat(), "")?.stdout;
            let applied = klamm_ok(&scene, &["apply", "-f", "-"], &shown)?;
            let results = lines(&applied.stdout);
            ensure!(
                !results.is_empty() && results.iter().all(|line| line.ends_with(": NOT_CHANGED")),
                "{what:?} -o {form}: {}",
                applied.all()
            );
        }
    }
    // A super user without an account is one still: that is said.
    let deleted = klamm_ok(&scene, &["delete", "sa", "boss", "--v-cluster", "typed"], "")?;
    ensure!(
        deleted
            .stderr
            .contains("warning: boss is still a super user of typed"),
        "{}",
        deleted.all()
    );
    let unquoted = file.replace("name: typed}", "name: 123}");
    let refused = klamm(&scene, &["apply", "-f", "-"], &unquoted)?;
    ensure!(
        !refused.status.success() && refused.stderr.contains("a number: quote it"),
        "{}",
        refused.all()
    );
    let dry = klamm_ok(
        &scene,
        &["delete", "-f", "-", "--dry-run", "--ignore-not-found"],
        &file,
    )?;
    ensure!(
        dry.stdout.contains("VirtualCluster/typed: DELETED (dry run)"),
        "{}",
        dry.all()
    );
    klamm_ok(&scene, &["delete", "-f", "-", "--ignore-not-found"], &file)?;
    Ok(())
}

#[test]
fn an_account_may_have_a_name_as_kafka_takes_it() -> Result<()> {
    let scene = Scene::shared()?;
    scene.vcluster("named", &[])?;
    let boss = scene.login("named", "super-user", 1)?;
    let name = "a.person@example.com";
    let alter = [
        "--alter",
        "--entity-type",
        "users",
        "--entity-name",
        name,
        "--add-config",
        "SCRAM-SHA-512=[password=a-secret]",
    ];
    scene.client_ok(&boss, "kafka-configs", &alter)?;
    let admin = scene.stage.admin(1);
    let file = scene.stage.directory().join("named-scram.properties");
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    std::fs::write(
        &file,
        format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n\
             sasl.jaas.config={module} required username=\"{name}\" password=\"a-secret\";\n"
        ),
    )?;
    let person = crate::scene::Login {
        bootstrap: admin.bootstrap("named")?,
        file: file.display().to_string(),
        username: name.to_owned(),
        token: String::new(),
    };
    scene.client_ok(&person, "kafka-topics", &["--list"])?;
    // It is an account like any other: it has tokens, and is shown and put back.
    let token = admin.token("named", name, 600)?;
    let by_token = scene.login_with(admin.bootstrap("named")?, name, token)?;
    scene.client_ok(&by_token, "kafka-topics", &["--list"])?;
    let shown = klamm_ok(&scene, &["get", "sa", "--v-cluster", "named", "-o", "yaml"], "")?;
    klamm_ok(&scene, &["apply", "-f", "-"], &shown.stdout)?;
    let fresh = admin.call(
        "PUT",
        "service-account",
        Some(&admin::account("named", "another@example.com")),
    )?;
    ensure!(
        fresh.status == 400 && fresh.body.contains("3 to 64 of the characters"),
        "the contract of this API: {fresh:?}"
    );
    admin.call(
        "DELETE",
        "service-account",
        Some(&json!({"name": name, "vCluster": "named"})),
    )?;
    Ok(())
}
