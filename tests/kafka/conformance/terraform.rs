//! The Terraform provider (github.com/conduktor/terraform-provider-conduktor), driven by Terraform or OpenTofu.
//! `PROVIDER=path` and `TERRAFORM=path` name them.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Foreign, given};
use crate::scene::{Scene, json, lines};

/// The provider is the one that was built, and no registry is asked.
fn configuration(provider: &Path) -> Result<String> {
    let directory = provider.parent().context("the provider is in a directory")?;
    Ok(format!(
        "provider_installation {{\n  dev_overrides {{\n    \"registry.terraform.io/conduktor/conduktor\" = {:?}\n  }}\n  direct {{}}\n}}\n",
        directory.display().to_string()
    ))
}

const HEAD: &str = r#"
terraform {
  required_providers {
    conduktor = { source = "registry.terraform.io/conduktor/conduktor" }
  }
}
provider "conduktor" {
  mode = "gateway"
}
"#;

/// Everything that the provider has for a gateway of this kind. `operation` and `second` are what changes.
fn resources(operation: &str, second: &str) -> String {
    format!(
        r#"{HEAD}
resource "conduktor_gateway_virtual_cluster_v2" "minimal" {{
  name = "minimal"
  spec = {{}}
}}
resource "conduktor_gateway_virtual_cluster_v2" "kafka" {{
  name = "kafka-api"
  spec = {{
    acl_enabled = true
    acl_mode    = "KAFKA_API"
    type        = "Partner"
    super_users = ["root", "{second}"]
  }}
}}
resource "conduktor_gateway_virtual_cluster_v2" "rest" {{
  name = "rest-api"
  spec = {{
    acl_enabled = true
    acl_mode    = "REST_API"
    type        = "Standard"
    super_users = ["root"]
    acls = [
      {{
        resource_pattern = {{ resource_type = "TOPIC", name = "customers", pattern_type = "LITERAL" }}
        principal        = "User:ann"
        host             = "*"
        operation        = "{operation}"
        permission_type  = "ALLOW"
      }},
      {{
        resource_pattern = {{ resource_type = "GROUP", name = "app", pattern_type = "PREFIXED" }}
        principal        = "User:ann"
        host             = "10.0.0.1"
        operation        = "READ"
        permission_type  = "DENY"
      }},
    ]
  }}
}}
resource "conduktor_gateway_service_account_v2" "local" {{
  name     = "root"
  vcluster = conduktor_gateway_virtual_cluster_v2.rest.name
  spec     = {{ type = "LOCAL" }}
}}
resource "conduktor_gateway_service_account_v2" "external" {{
  name     = "outsider"
  vcluster = conduktor_gateway_virtual_cluster_v2.kafka.name
  spec     = {{ type = "EXTERNAL", external_names = ["CN={second}"] }}
}}
resource "conduktor_gateway_token_v2" "token" {{
  vcluster         = conduktor_gateway_virtual_cluster_v2.rest.name
  username         = conduktor_gateway_service_account_v2.local.name
  lifetime_seconds = 3600
}}
{}output "token" {{
  value     = conduktor_gateway_token_v2.token.token
  sensitive = true
}}
"#,
        interceptors(second)
    )
}

/// One for everybody, and one for a service account.
fn interceptors(second: &str) -> String {
    format!(
        r#"resource "conduktor_gateway_interceptor_v2" "unscoped" {{
  name = "hide"
  spec = {{
    plugin_class = "io.conduktor.gateway.interceptor.safeguard.MessageHeaderRemovalPlugin"
    priority     = 100
    config       = jsonencode({{ topic = "topic-.*", headerKeyRegex = "{second}.*" }})
  }}
}}
resource "conduktor_gateway_interceptor_v2" "scoped" {{
  name  = "hide"
  scope = {{
    vcluster = conduktor_gateway_virtual_cluster_v2.rest.name
    username = conduktor_gateway_service_account_v2.local.name
  }}
  spec = {{
    plugin_class = "io.conduktor.gateway.interceptor.safeguard.CreateTopicPolicyPlugin"
    priority     = 1
    comment      = "topics for {second}"
    config = jsonencode({{
      topic        = "myprefix-.*"
      numPartition = {{ min = 5, max = 5, action = "INFO" }}
    }})
  }}
}}
"#
    )
}

const APPLY: [&str; 4] = ["apply", "-auto-approve", "-input=false", "-no-color"];
const PLAN: [&str; 4] = ["plan", "-detailed-exitcode", "-input=false", "-no-color"];

#[test]
fn the_provider_applies_without_drift_imports_updates_and_destroys() -> Result<()> {
    let Some(program) = given("KLAMM_TERRAFORM")? else {
        return Ok(());
    };
    let provider = given("KLAMM_PROVIDER")?.context("PROVIDER=path is missing beside TERRAFORM=path")?;
    let scene = Scene::start(1, "127.0.0.1")?;
    let terraform = Foreign::new(&scene, program, "terraform")?;
    // Terraform and OpenTofu look for different files.
    for file in [".terraformrc", ".tofurc"] {
        terraform.write(file, &configuration(&provider)?)?;
    }

    // What it made is what it planned, at once and when it looks again.
    terraform.write("main.tf", &resources("READ", "second"))?;
    let applied = terraform.says(&APPLY)?;
    ensure!(applied.contains("8 added, 0 changed, 0 destroyed"), "{applied}");
    terraform.says(&PLAN)?;

    // Its token is a password, its ACLs are those that hold.
    let token = terraform.says(&["output", "-raw", "token"])?;
    let bootstrap = scene.stage.admin(1).bootstrap("rest-api")?;
    let root = scene.login_with(bootstrap, "root", token)?;
    let listed = scene.client_ok(&root, "kafka-acls", &["--list"])?;
    ensure!(
        listed.contains("operation=READ, permissionType=ALLOW"),
        "{listed}"
    );
    ensure!(
        listed.contains("host=10.0.0.1, operation=READ, permissionType=DENY"),
        "{listed}"
    );

    // A change is an update in place.
    terraform.write("main.tf", &resources("WRITE", "third"))?;
    let changed = terraform.says(&APPLY)?;
    ensure!(changed.contains("0 added, 5 changed, 0 destroyed"), "{changed}");
    terraform.says(&PLAN)?;
    let listed = scene.client_ok(&root, "kafka-acls", &["--list"])?;
    ensure!(
        listed.contains("operation=WRITE, permissionType=ALLOW"),
        "{listed}"
    );

    // What was made elsewhere is taken over as it is.
    for (address, id) in [
        ("conduktor_gateway_virtual_cluster_v2.rest", "rest-api"),
        ("conduktor_gateway_virtual_cluster_v2.minimal", "minimal"),
        ("conduktor_gateway_virtual_cluster_v2.kafka", "kafka-api"),
        ("conduktor_gateway_service_account_v2.local", "root/rest-api"),
        (
            "conduktor_gateway_service_account_v2.external",
            "outsider/kafka-api",
        ),
        // Where no scope is said, the provider says this one.
        ("conduktor_gateway_interceptor_v2.unscoped", "hide/passthrough//"),
        ("conduktor_gateway_interceptor_v2.scoped", "hide/rest-api//root"),
    ] {
        terraform.says(&["state", "rm", "-no-color", address])?;
        terraform.says(&["import", "-input=false", "-no-color", address, id])?;
    }
    terraform.says(&PLAN)?;

    // What a plugin would do that there is not is refused with the reason, and a wrong field by its name.
    let interceptor = "resource \"conduktor_gateway_interceptor_v2\" \"one\" {\n  name = \"one\"\n  spec = {\n    plugin_class = \"any\"\n    priority = 1\n    config = \"{}\"\n  }\n}\n";
    terraform.write("more.tf", interceptor)?;
    terraform.refuses(&APPLY, "spec.pluginClass")?;
    let wrong = "resource \"conduktor_gateway_service_account_v2\" \"two\" {\n  name = \"two-user\"\n  vcluster = \"minimal\"\n  spec = { type = \"EXTERNAL\" }\n}\n";
    terraform.write("more.tf", wrong)?;
    terraform.refuses(&APPLY, "spec.externalNames")?;
    std::fs::remove_file(terraform.home.join("more.tf"))?;

    let destroyed = terraform.says(&["destroy", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(destroyed.contains("8 destroyed"), "{destroyed}");
    let left = scene.stage.admin(1).call("GET", "virtual-cluster", None)?.ok()?;
    let left = json(&left.body)?;
    ensure!(
        left.as_array().is_some_and(|all| all.len() == 1),
        "only passthrough: {left}"
    );
    ensure!(!lines(&destroyed).is_empty());
    Ok(())
}
