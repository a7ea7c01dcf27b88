//! Kafka clusters that one tenant has for itself, without a gateway: with logins and ACLs of the broker's own. It knows no
//! client.

use anyhow::Result;

use super::place::Place;
use crate::scene::Scene;

/// Of everybody.
pub(super) const PASSWORD: &str = "alone-secret";

/// Starts the Kafka cluster of a place that is one, for the super user and these users.
pub(super) fn start(scene: &mut Scene, place: Place, users: &[String]) -> Result<()> {
    let port = port(scene, place).to_string();
    let super_user = format!("{}={PASSWORD}", place.super_user());
    let users: Vec<String> = users.iter().map(|user| format!("{user}={PASSWORD}")).collect();
    let mut options = vec![
        "--sasl",
        &port,
        "--authorizer",
        place.super_user(),
        "--user",
        &super_user,
    ];
    options.extend(users.iter().flat_map(|user| ["--user", user]));
    scene.stage.start_kafka(place.name(), &options)?;
    Ok(())
}

/// Where clients log in.
pub(super) fn address(scene: &Scene, place: Place) -> String {
    format!("127.0.0.1:{}", port(scene, place))
}

fn port(scene: &Scene, place: Place) -> u16 {
    scene.stage.spare_port(u16::from(place == Place::BrokerToo))
}
