//! Each client as two tenants at once, with the same names on one physical cluster, in every combination of types. They must
//! say and leave behind what they do on two Kafka clusters of their own.
//!
//! `make isolation` runs all; `make test` one. `KLAMM_ISOLATION` names clients, separated by commas, or `all`.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Result, anyhow, ensure};

use super::desk::Desk;
use super::field::{self, Field};
use super::place::Place;
use super::programs::{Cell, Client};
use super::{alone, chosen, matrix, play};
use crate::scene::Scene;

type Cells = BTreeMap<String, Cell>;

const APART: (Place, Place) = (Place::Broker, Place::BrokerToo);

/// Tenants of one physical cluster.
const PAIRS: [(Place, Place); 4] = [
    (Place::Partner, Place::Standard),
    (Place::Partner, Place::PartnerToo),
    (Place::Standard, Place::StandardToo),
    (Place::StandardBeside, Place::Passthrough),
];

/// Those that `make test` runs.
const QUICK: &[(Place, Place)] = &[PAIRS[0]];

/// Plays in two places at the same moment, under the same names.
fn at_once(
    scene: &Scene,
    desks: &mut [Desk; 2],
    client: Client,
    places: (Place, Place),
    prefix: &str,
) -> Result<(Cells, Cells)> {
    let [desk, other_desk] = desks;
    let field = Field::lay_out(scene, desk, places.0, prefix)?;
    let other = Field::lay_out(scene, other_desk, places.1, prefix)?;
    thread::scope(|scope| {
        let one = scope.spawn(|| play(&field, desk, client));
        let two = play(&other, other_desk, client);
        let one = one.join().map_err(|_| anyhow!("{} panicked", client.name))?;
        Ok((one?, two?))
    })
}

/// Which of the tenants did something else than those that are apart.
fn compare(client: Client, apart: &(Cells, Cells), tenants: [(Place, &Cells); 2]) -> Result<Vec<String>> {
    let mut wrong = matrix::differences(client.name, &apart.0, (APART.1, &apart.1))?;
    for tenant in tenants {
        wrong.extend(matrix::differences(client.name, &apart.0, tenant)?);
    }
    Ok(wrong)
}

#[test]
fn two_tenants_at_once_do_what_they_do_on_two_kafka_clusters() -> Result<()> {
    let clients = chosen("KLAMM_ISOLATION")?;
    let pairs = match std::env::var("KLAMM_ISOLATION") {
        Ok(_) => &PAIRS[..],
        Err(_) => QUICK,
    };
    let mut scene = Scene::start(1, "127.0.0.1")?;
    let users: Vec<String> = clients.iter().map(|client| field::user(client.name)).collect();
    for place in [APART.0, APART.1] {
        alone::start(&mut scene, place, &users)?;
    }
    let mut places: Vec<Place> = pairs.iter().flat_map(|(one, two)| [*one, *two]).collect();
    places.sort();
    places.dedup();
    field::prepare(&scene, &places)?;
    let directory = scene.stage.directory();
    let mut desks = [
        Desk::start(&directory.join("desk-1.err"))?,
        Desk::start(&directory.join("desk-2.err"))?,
    ];
    let mut wrong = Vec::new();
    for client in clients {
        let apart = at_once(&scene, &mut desks, client, APART, client.name)?;
        for (number, pair) in pairs.iter().enumerate() {
            let prefix = format!("{}-{number}", client.name);
            let (one, two) = at_once(&scene, &mut desks, client, *pair, &prefix)?;
            let found = compare(client, &apart, [(pair.0, &one), (pair.1, &two)])?;
            println!(
                "{}: {} and {}: {}",
                client.name,
                pair.0.name(),
                pair.1.name(),
                if found.is_empty() {
                    "as alone"
                } else {
                    "not as alone"
                }
            );
            found.iter().for_each(|what| println!("  {what}"));
            wrong.extend(found);
        }
    }
    ensure!(wrong.is_empty(), "not as alone:\n{}", wrong.join("\n"));
    Ok(())
}
