//! Tenants of one physical cluster with the same names of topics, groups and transactional ids, in virtual clusters of
//! several kinds: each sees what it would see on a Kafka cluster of its own. `clients::pairs` does so with stock clients.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;
use serde_json::json;

use crate::scene::{CLUSTER, LIMIT, Login, Scene, lines, script};

/// Who works: its name is in its records.
struct Tenant {
    name: &'static str,
    login: Login,
    prefix: &'static str,
    is_owner: bool,
}

fn standard(scene: &Scene, name: &'static str, mode: &str, prefix: &'static str) -> Result<Tenant> {
    let resource = json!({"kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name}, "spec":
        {"type": "Standard", "backend": CLUSTER, "aclEnabled": true, "superUsers": ["super-user"],
         "namespace": {"mode": mode, "prefix": prefix}}});
    scene.stage.admin(1).put("virtual-cluster", &resource)?;
    Ok(Tenant {
        name,
        login: scene.login(name, "super-user", 1)?,
        prefix: if mode == "enforce_prefix" { prefix } else { "" },
        is_owner: true,
    })
}

fn partner(scene: &Scene, name: &'static str, physical: &str) -> Result<Tenant> {
    scene.topic(physical, 1)?;
    scene.vcluster(name, &[("orders", physical)])?;
    Ok(Tenant {
        name,
        login: scene.login(name, "super-user", 1)?,
        prefix: "",
        is_owner: false,
    })
}

/// Lets all work at once; what each saw.
fn work(scene: &Scene, tenants: &[Tenant]) -> Result<Vec<Vec<String>>> {
    let mut command = script("tool");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/java/Tenants.java"));
    for tenant in tenants {
        let Login { bootstrap, file, .. } = &tenant.login;
        let owner = tenant.is_owner.to_string();
        command.args([tenant.name, bootstrap, file, tenant.prefix, &owner]);
    }
    let output = child::run(command, "", LIMIT)?;
    ensure!(
        output.status.success(),
        "{}\n{}",
        output.all(),
        child::log_end(&scene.stage.nodes()[0].log())
    );
    let said = lines(&output.stdout);
    let of = |tenant: &Tenant| {
        let mark = format!("{}: ", tenant.name);
        let own = said.iter().filter_map(|line| line.strip_prefix(&mark));
        own.map(str::to_owned).collect()
    };
    Ok(tenants.iter().map(of).collect())
}

/// The work of one tenant on a Kafka cluster that nobody else uses, without a gateway.
fn alone() -> Result<Vec<String>> {
    let scene = Scene::start(1, "127.0.0.1")?;
    let file = scene.stage.directory().join("direct.properties");
    std::fs::write(&file, "")?;
    let tenant = Tenant {
        name: "alone",
        login: Login {
            bootstrap: scene.physical().to_owned(),
            file: file.display().to_string(),
            username: String::new(),
            token: String::new(),
        },
        prefix: "",
        is_owner: true,
    };
    work(&scene, &[tenant])?.pop().context("one tenant")
}

#[test]
fn tenants_with_the_same_names_see_what_each_would_see_alone() -> Result<()> {
    let expected = alone()?;
    ensure!(expected.len() > 140, "{expected:?}");
    let scene = Scene::shared()?;
    let tenants = [
        standard(&scene, "iso-hide", "hide_prefix", "isoa-")?,
        standard(&scene, "iso-hide-too", "hide_prefix", "isob-")?,
        standard(&scene, "iso-enforce", "enforce_prefix", "isoc-")?,
        partner(&scene, "iso-partner", "isod-orders")?,
        partner(&scene, "iso-partner-too", "isoe-orders")?,
    ];
    for (tenant, seen) in tenants.iter().zip(work(&scene, &tenants)?) {
        let expected: Vec<_> = expected
            .iter()
            .filter(|line| tenant.is_owner || !line.starts_with("own "))
            .collect();
        ensure!(
            seen.iter().eq(expected.iter().copied()),
            "{}:\n{seen:#?}\nalone:\n{expected:#?}",
            tenant.name
        );
    }
    Ok(())
}
