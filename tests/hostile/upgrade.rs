//! An upgrade is looked at and finished with the command line.

use super::client::http;
use super::gateway::Gateway;

#[test]
fn the_command_line_shows_where_an_upgrade_is_and_finishes_it() {
    let mut gateway = Gateway::start();
    let upgrade = |more: &[&str]| gateway.command(&[&["cluster", "upgrade"], more].concat());
    let status = upgrade(&["status"]);
    for part in [
        "feature level 2",
        env!("CARGO_PKG_VERSION"),
        "there is nothing to do",
    ] {
        assert!(status.contains(part), "{part} in\n{status}");
    }
    let dry = upgrade(&["finalize", "--dry-run"]);
    assert!(dry.contains("already at feature level 2"), "{dry}");
    let done = upgrade(&["finalize"]);
    assert!(done.contains("already at feature level 2"), "{done}");
    let refused = upgrade(&["finalize", "--level", "9"]);
    let reason = "nodes that do not support feature level 9: 1. Bring them to a version of klamm that supports it first";
    assert!(refused.contains(reason), "{refused}");
    let metrics = http(gateway.http, "/metrics");
    for figure in ["feature_level", "feature_level_known_to_all"] {
        let line = format!("klamm_raft{{figure=\"{figure}\"}} 2");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    let log = gateway.log();
    assert!(
        log.contains("RAISE_LEVEL") && log.contains("FeatureLevel/9"),
        "{log}"
    );
    gateway.is_well();
}
