//! Software that people run on Kafka, unmodified, through virtual clusters. `docs/INTEGRATIONS.md` has the recipes.
//!
//! `make integrations` runs all; `make test` one. `KLAMM_INTEGRATIONS` names which, separated by commas, or `all`.

pub(crate) mod connect;
mod mirror;
mod place;
mod stand_in;
pub(crate) mod worker;

use anyhow::{Result, ensure};

use place::Place;

use crate::scene::Scene;

/// How something is tried.
type Try = fn(&mut Scene) -> Result<()>;

/// The cases to try, by name.
const CASES: [(&str, Try); 6] = [
    ("connect-partner", |scene| {
        connect::moves_lines(scene, Place::Partner)
    }),
    ("connect-standard", |scene| {
        connect::moves_lines(scene, Place::Standard)
    }),
    ("mirror-out-of-partner", mirror::out_of_a_partner),
    ("mirror-into-partner", |scene| mirror::into(scene, Place::Partner)),
    ("mirror-into-standard", |scene| {
        mirror::into(scene, Place::Standard)
    }),
    ("mirror-to-stand-in", stand_in::keeps_up),
];

/// The case that `make test` runs.
const QUICK: &str = "connect-partner";

#[test]
fn unmodified_software_works_through_virtual_clusters() -> Result<()> {
    let wanted = std::env::var("KLAMM_INTEGRATIONS").unwrap_or_else(|_| QUICK.to_owned());
    let is_wanted = |name: &str| wanted == "all" || wanted.split(',').any(|one| one == name);
    let unknown: Vec<&str> = wanted
        .split(',')
        .filter(|name| *name != "all" && CASES.iter().all(|(case, _)| case != name))
        .collect();
    ensure!(unknown.is_empty(), "no integrations {unknown:?}");
    worker::install()?;
    let mut scene = Scene::start(1, "127.0.0.1")?;
    for (name, run) in CASES.iter().filter(|(name, _)| is_wanted(name)) {
        let started = std::time::Instant::now();
        run(&mut scene)?;
        println!("{name}: {} s", started.elapsed().as_secs());
    }
    Ok(())
}
