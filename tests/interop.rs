//! A few cases of Apache Kafka's own tests of authorization through the real binary. `make interop` runs all of them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// One or two of each kind: records, groups in both protocols, administration, hosts, precedence.
const CASES: &str = "testProduceWithTopicDescribe|testConsumeWithTopicAndGroupRead\
                     |testUnauthorizedDeleteTopicsWithDescribe|testHostAddressBasedAcls\
                     |testAuthorizeByResourceTypeDenyTakesPrecedence";

#[test]
fn cases_of_kafkas_own_tests_of_authorization_pass() -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/interop.sh");
    // The script bounds itself.
    let output = Command::new(script)
        .args([env!("CARGO_BIN_EXE_klamm"), CASES])
        .stdin(Stdio::null())
        .output()
        .context("tests/interop/interop.sh cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}\n{errors}");
    ensure!(said.contains("interop: 6 of 6 cases pass"), "{said}\n{errors}");
    Ok(())
}
