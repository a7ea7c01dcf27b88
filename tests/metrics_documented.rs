//! The tables of `docs/METRICS.md` are made from the metrics. `KLAMM_BLESS=1 cargo test --test metrics_documented` writes them.

use std::collections::BTreeSet;
use std::fs;

use klamm::metrics::Metrics;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/METRICS.md");

fn page() -> String {
    fs::read_to_string(PAGE).expect("the page exists")
}

#[test]
fn the_page_is_up_to_date() {
    let page = page();
    let renewed = Metrics::renew_page(&page).unwrap_or_else(|lacking| panic!("{lacking}"));
    if std::env::var_os("KLAMM_BLESS").is_some() {
        fs::write(PAGE, &renewed).expect("the page can be written");
        return;
    }
    assert!(page == renewed, "docs/METRICS.md is old: run with KLAMM_BLESS=1");
}

/// The metrics of the process itself are described by hand. All of them are shown before anything has happened.
#[test]
fn the_page_names_exactly_what_the_process_says_of_itself() {
    let text = Metrics::new()
        .and_then(|metrics| metrics.encode())
        .expect("metrics encode");
    let is_of_process = |name: &&str| name.starts_with("process_");
    let shown = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: BTreeSet<&str> = shown
        .filter_map(|rest| rest.split(' ').next())
        .filter(is_of_process)
        .collect();
    let page = page();
    let named = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: BTreeSet<&str> = named
        .filter_map(|rest| rest.split('`').next())
        .filter(is_of_process)
        .collect();
    assert_eq!(named, shown);
}
