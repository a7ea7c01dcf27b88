//! Holds the authorizer against the one of Apache Kafka: random ACLs and questions, each of which StandardAuthorizer must
//! answer in the same way. The record engine is held against Kafka's classes likewise. `KLAMM_ORACLE_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the seed of a run must be known")]

#[path = "oracle/batches.rs"]
mod batches;
#[path = "oracle/cases.rs"]
mod cases;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use cases::{Ask, Dice, World};

/// Worlds, each with ACLs of its own.
const WORLDS: usize = 500;

/// Questions about each of them: 120,000 in all.
const QUESTIONS: usize = 240;

/// A seed of the environment, or one that no run before had.
fn seed() -> u64 {
    match std::env::var("KLAMM_ORACLE_SEED") {
        Ok(text) => text.parse().expect("KLAMM_ORACLE_SEED is a number"),
        Err(_) => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::try_from(since.as_nanos() & u128::from(u64::MAX)).unwrap()
        }
    }
}

/// The answers of Kafka's own authorizer to all lines of a script that ask something.
fn answers_of_kafka(script: &str) -> Vec<i32> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(script.as_bytes()).unwrap();
    let output = Command::new(tests.join("kafka/kafka.sh"))
        .arg("tool")
        .arg(tests.join("oracle/Oracle.java"))
        .arg(file.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

#[test]
fn kafkas_authorizer_answers_alike() {
    let seed = seed();
    println!("KLAMM_ORACLE_SEED={seed}");
    let mut dice = Dice(seed);
    let mut script = String::new();
    let mut asked: Vec<(usize, Ask)> = Vec::new();
    let worlds: Vec<World> = (0..WORLDS).map(|_| World::random(&mut dice)).collect();
    for (number, world) in worlds.iter().enumerate() {
        world.write(&mut script);
        for _ in 0..QUESTIONS {
            let ask = Ask::random(&mut dice);
            writeln!(script, "{ask}").unwrap();
            asked.push((number, ask));
        }
    }
    let theirs = answers_of_kafka(&script);
    assert_eq!(theirs.len(), asked.len());
    let indexes: Vec<_> = worlds.iter().map(World::compile).collect();
    let mut allowed = 0;
    for ((number, ask), theirs) in asked.iter().zip(theirs) {
        let ours = ask.answer(&indexes[*number]);
        assert_eq!(
            ours, theirs,
            "ours, Kafka's: {ask}\n{:#?}\nKLAMM_ORACLE_SEED={seed}",
            worlds[*number]
        );
        allowed += usize::from(ours != 0);
    }
    let share = allowed * 100 / asked.len();
    assert!(
        (10..90).contains(&share),
        "{share} % allowed: the cases say little"
    );
}
