//! Stock clients and stock tools through the gateway, compared with what the broker has and says.
//!
//! `make clients` runs all; `make test` a few. `KLAMM_CLIENTS` names which, separated by commas, or `all`.

mod alone;
pub(crate) mod desk;
mod faults;
mod field;
mod filters;
mod gaps;
pub(crate) mod matrix;
mod paced;
mod pairs;
mod place;
mod procedures;
mod programs;
mod switched;
mod tools;
pub(crate) mod writers;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use desk::Desk;
use field::Field;
use matrix::Matrix;
use place::Place;
use programs::{CLIENTS, Cell, Client};

use crate::scene::Scene;

/// Those that `make test` runs.
const QUICK: &str = "java-3.9";

/// Those that a variable names.
fn chosen(variable: &str) -> Result<Vec<Client>> {
    let wanted = std::env::var(variable).unwrap_or_else(|_| QUICK.to_owned());
    if wanted == "all" {
        return Ok(CLIENTS.to_vec());
    }
    wanted
        .split(',')
        .map(|name| {
            let client = CLIENTS.iter().find(|client| client.name == name);
            client.copied().with_context(|| format!("no client {name}"))
        })
        .collect()
}

/// Lets one client do all steps in one place, then looks at the broker.
fn play(field: &Field<'_>, desk: &mut Desk, client: Client) -> Result<BTreeMap<String, Cell>> {
    let scenario = field.scenario()?;
    let mut cells = client.run(&scenario, &scenario, |what| field.please(desk, what))?;
    let went_well: Vec<String> = matrix::steps()
        .into_iter()
        .filter(|step| cells.get(*step) == Some(&Cell::Ok))
        .map(str::to_owned)
        .collect();
    let written: Vec<&str> = went_well
        .iter()
        .filter_map(|step| field::codec_of(step))
        .collect();
    for step in &went_well {
        if let Err(error) = field.check(desk, step, &written) {
            cells.insert(step.clone(), Cell::Failed(format!("on the broker: {error:#}")));
        }
    }
    Ok(cells)
}

#[test]
fn stock_clients_do_what_they_do_at_a_broker() -> Result<()> {
    let scene = Scene::shared()?;
    let mut desk = Desk::start(&scene.stage.directory().join("desk.err"))?;
    field::prepare(&scene, &Place::ALL)?;
    let mut matrix = Matrix::default();
    for client in chosen("KLAMM_CLIENTS")? {
        for place in Place::ALL {
            let started = std::time::Instant::now();
            let field = Field::lay_out(&scene, &mut desk, place, client.name)?;
            let cells = play(&field, &mut desk, client)?;
            println!(
                "{} {}: {} s",
                client.name,
                place.name(),
                started.elapsed().as_secs()
            );
            for (step, cell) in &cells {
                if let Cell::Failed(why) = cell {
                    println!("  {step}: {why}");
                }
            }
            matrix.add(client.name, place, cells);
        }
    }
    println!("{}", matrix.table()?);
    matrix.check()
}

/// Those that `make test` asks: one or two of each kind.
const QUICK_TOOLS: [&str; 7] = [
    "topics-create",
    "topics-create-more",
    "topics-list",
    "topics-describe",
    "console-producer",
    "get-offsets",
    "acls-list",
];

#[test]
fn stock_tools_say_what_they_say_at_a_broker() -> Result<()> {
    let mut scene = Scene::start(1, "127.0.0.1")?;
    let all = std::env::var("KLAMM_CLIENTS").is_ok_and(|wanted| wanted == "all");
    let comparison = tools::compare(&mut scene, |name| all || QUICK_TOOLS.contains(&name))?;
    println!("{:<28}passthrough partner\n{}", "tool", comparison.table);
    let wrong = comparison.wrong;
    ensure!(
        wrong.is_empty(),
        "{} not as expected:\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}
