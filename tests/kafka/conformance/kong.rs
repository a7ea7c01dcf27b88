//! The Go SDK of event gateways (github.com/Kong/sdk-konnect-go), driven by `conformance/kong/main.go`. `KONG=path` names
//! the program that is built of both.

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;
use serde_json::{Value, json};

use super::{Foreign, given};
use crate::scene::{LIMIT, Scene};

/// Where the keys of the only provider of tokens would be.
const JWKS: &str = "https://idp.example.com/keys";

fn access_token(scene: &Scene, role: &str) -> Result<String> {
    let body = json!({ "name": "sdk", "role": role, "lifeTimeSeconds": 3600 });
    let answer = scene.stage.admin(1).call("POST", "access-token", Some(&body))?;
    let made: Value = serde_json::from_str(&answer.body).with_context(|| answer.body.clone())?;
    Ok(made["token"].as_str().context("a token")?.to_owned())
}

#[test]
fn the_go_sdk_of_event_gateways_finds_what_it_expects() -> Result<()> {
    let Some(program) = given("KLAMM_KONG")? else {
        return Ok(());
    };
    let providers = json!({ "idp": { "issuer": "https://idp.example.com", "jwks.url": JWKS } });
    let scene = Scene::start_with(1, "127.0.0.1", |_| {
        Ok(vec![(
            "GATEWAY_OAUTH_PROVIDERS".to_owned(),
            providers.to_string(),
        )])
    })?;
    scene.topic("shared", 1)?;
    scene.topic_on("main", "of-somebody-else", 1)?;
    scene.vcluster("partner-of-the-other-api", &[("topic1", "shared")])?;
    let kong = Foreign::new(&scene, program, "kong")?;
    let mut command = kong.command();
    command
        .env("KLAMM_URL", scene.stage.nodes()[0].admin_url())
        .env("KLAMM_TOKEN", access_token(&scene, "ADMIN")?)
        .env("KLAMM_READING_TOKEN", access_token(&scene, "READ_ONLY")?)
        .env("KLAMM_PARTNER", "partner-of-the-other-api")
        .env("KLAMM_TOPIC", "of-somebody-else")
        .env("KLAMM_JWKS", JWKS);
    let output = child::run(command, "", LIMIT)?;
    println!("{}", output.all());
    ensure!(output.status.success(), "{}", output.all());
    ensure!(output.stdout.contains(" cases, 0 failed"), "{}", output.all());
    Ok(())
}
