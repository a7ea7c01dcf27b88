//! The key that signs tokens is replaced on a cluster of gateways: what the old one signed holds until it is retired.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::access_tokens::klamm;
use crate::scene::{Scene, json};
use crate::wire::{Wire, plain};

const VCLUSTER: &str = "mypartner";
const USER: &str = "partner-user";

/// The output of a node that was asked to do something.
fn says(scene: &Scene, node: usize, arguments: &[&str]) -> Result<String> {
    let output = klamm(scene, node, None, arguments)?;
    ensure!(output.status.success(), "klamm {arguments:?}: {}", output.all());
    Ok(output.stdout)
}

/// A session on each node that logged in with the token.
fn sessions(scene: &Scene, token: &str) -> Result<Vec<Wire>> {
    let all = scene.stage.admin(1).bootstrap(VCLUSTER)?;
    let open = |address: &str| {
        let mut wire = Wire::connect(address)?;
        let answer = wire.log_in("PLAIN", &plain(USER, token))?;
        ensure!(
            answer.error_code == 0 && wire.is_served(),
            "{address}: {answer:?}"
        );
        Ok(wire)
    };
    all.split(',').map(open).collect()
}

/// The id of the key that a token says it is signed by.
fn signer(token: &str) -> Result<String> {
    let header = token.split('.').next().context("a header")?;
    let header = json(&String::from_utf8(URL_SAFE_NO_PAD.decode(header)?)?)?;
    Ok(header["kid"].as_str().context("a kid")?.to_owned())
}

/// Rotates at one node and retires at another. Ends all tokens of before.
pub(crate) fn rotate_and_retire(scene: &Scene) -> Result<()> {
    let last = scene.stage.nodes().len() - 1;
    let issue = || scene.stage.admin(1).token(VCLUSTER, USER, 3600);
    let old = issue()?;
    let first = signer(&old)?;
    let (mut busy, mut idle) = (sessions(scene, &old)?, sessions(scene, &old)?);

    let rotated = says(scene, last, &["run", "rotateSigningKey"])?;
    ensure!(
        rotated.contains(&format!("in place of {first}")) && rotated.contains("depend on the old key: "),
        "{rotated}"
    );
    let new = issue()?;
    ensure!(signer(&new)? != first, "the old key still signs");
    // What was issued before logs in on every node, and nobody was disconnected.
    sessions(scene, &old)?;
    ensure!(
        busy.iter_mut().all(Wire::is_served),
        "a session ended with a rotation"
    );
    let mut others = sessions(scene, &new)?;
    let listed = json(&says(scene, last, &["get", "signing-keys", "-o", "json"])?)?;
    let depend = |id: &str| {
        let keys = listed.as_array().into_iter().flatten();
        let key: Option<&Value> = keys.into_iter().find(|key| key["id"] == id);
        key.and_then(|key| key["liveTokens"].as_u64())
    };
    ensure!(
        depend(&first) >= Some(1) && depend(&signer(&new)?) == Some(1),
        "{listed}"
    );

    let retired = says(scene, 0, &["run", "retireSigningKey", "--id", &first])?;
    ensure!(retired.contains("RETIRED; live tokens that ended: "), "{retired}");
    for wire in &mut busy {
        ensure!(!wire.is_served(), "a session of a retired key is served");
    }
    for wire in &mut idle {
        ensure!(wire.is_closed()?, "a session of a retired key stays");
    }
    ensure!(
        others.iter_mut().all(Wire::is_served),
        "a session of the new key ended"
    );
    ensure!(sessions(scene, &old).is_err(), "a token of a retired key logs in");
    sessions(scene, &new)?;
    Ok(())
}
