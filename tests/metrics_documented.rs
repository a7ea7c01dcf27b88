//! `docs/METRICS.md` names exactly the metrics that the gateway exposes.

use std::collections::BTreeSet;

use klamm::metrics::{LimitFigure, Metrics};

const PAGE: &str = include_str!("../docs/METRICS.md");

fn exposed() -> BTreeSet<String> {
    let metrics = Metrics::new().expect("metrics register");
    let vcluster = metrics.vcluster(&"vc".parse().expect("a name"));
    vcluster.api(0, |_| "Produce").requests.inc();
    vcluster.login_failed("test");
    vcluster.local_error("Produce", "test");
    metrics.upstream(&"main".parse().expect("an id")).error("test");
    metrics.node.closed("test");
    metrics.node.turned_away("test");
    metrics.node.buffer_waits("test").inc();
    metrics.node.guards.seats_taken("test", "test").inc();
    metrics.keys.read("test", 1);
    metrics.components.knows("test");
    metrics.node.set_limits(&[LimitFigure {
        limit: "test",
        vcluster: String::new(),
        used: 1.0,
    }]);
    let text = metrics.encode().expect("metrics encode");
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|rest| rest.split(' ').next())
        .map(str::to_owned)
        .collect()
}

fn documented() -> BTreeSet<String> {
    PAGE.lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|rest| rest.split('`').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_names_exactly_what_is_exposed() {
    assert_eq!(documented(), exposed());
}
