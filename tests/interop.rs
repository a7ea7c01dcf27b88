//! A few cases of Apache Kafka's own tests of authorization through the real binary. `make interop`,
//! `make interop-standard` and `make interop-partner` run all of them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// One or two of each kind: records, groups in both protocols, administration, hosts, precedence.
const CASES: &str = "testProduceWithTopicDescribe|testConsumeWithTopicAndGroupRead\
                     |testUnauthorizedDeleteTopicsWithDescribe|testHostAddressBasedAcls\
                     |testAuthorizeByResourceTypeDenyTakesPrecedence";

/// Of those that a prefix could break: records, groups, what is created.
const HIDDEN_CASES: &str = "testConsumeWithTopicAndGroupRead|testProduceWithTopicDescribe";

/// Of those that another physical cluster could break: offsets of topics on both, what is not told, what must be at home.
const CASES_OVER_TWO: &str = "testOffsetFetchMultipleGroupsAuthorization|testUnauthorizedDeleteTopicsWithDescribe\
                              |testTopicIdAuthorization|testListTransactionsAuthorization";

#[test]
fn cases_of_kafkas_own_tests_of_authorization_pass() -> Result<()> {
    run(&[CASES], "interop: 6 of 6 cases pass")
}

#[test]
fn cases_pass_through_a_hidden_prefix() -> Result<()> {
    run(&["--standard", HIDDEN_CASES], "interop: 3 of 3 cases pass")
}

#[test]
fn cases_pass_through_a_partner_over_two_clusters() -> Result<()> {
    run(&["--partner", CASES_OVER_TWO], "interop: 6 of 6 cases pass")
}

fn run(arguments: &[&str], expected: &str) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/interop.sh");
    // The script bounds itself.
    let output = Command::new(script)
        .arg(env!("CARGO_BIN_EXE_klamm"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("tests/interop/interop.sh cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}\n{errors}");
    ensure!(said.contains(expected), "{said}\n{errors}");
    Ok(())
}
