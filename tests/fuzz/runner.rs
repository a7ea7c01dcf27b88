//! Runs the cases of a target until its time is over, and tells how to see a failure again.

use std::any::Any;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::chance::Chance;

/// How long each target runs when nobody says anything else, in seconds.
const SECONDS: u64 = 2;

/// Cases that run however slow the machine is.
const LEAST_CASES: u64 = 50;

/// No target makes this process larger, in KiB.
const MOST_RESIDENT_KIB: u64 = 1 << 20;

/// Runs cases with consecutive seeds.
pub(crate) fn run(target: &str, mut case: impl FnMut(&mut Chance)) {
    let seconds = variable("KLAMM_FUZZ_SECONDS").unwrap_or(SECONDS);
    let first = variable("KLAMM_FUZZ_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 32);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = first;
    while Instant::now() < end || seed.wrapping_sub(first) < LEAST_CASES {
        let ran = panic::catch_unwind(AssertUnwindSafe(|| case(&mut Chance::new(seed))));
        if let Err(reason) = ran {
            panic!(
                "{target}: see it again with KLAMM_FUZZ_SEED={seed}: {}",
                words(&*reason)
            );
        }
        seed = seed.wrapping_add(1);
    }
    let resident = peak_resident_kib();
    assert!(resident < MOST_RESIDENT_KIB, "{target}: {resident} KiB resident");
    let cases = seed.wrapping_sub(first);
    writeln!(
        std::io::stderr(),
        "{target}: {cases} cases from KLAMM_FUZZ_SEED={first}"
    )
    .ok();
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let Ok(number) = text.parse() else {
        panic!("{name} is not a number: {text}")
    };
    Some(number)
}

fn words(reason: &(dyn Any + Send)) -> &str {
    let text = reason.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| reason.downcast_ref().copied())
        .unwrap_or("a panic without words")
}

/// The most memory that this process ever had.
fn peak_resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok())
        .unwrap()
}
