//! The examples of `deploy/` are configurations that the gateway accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Stands for every secret that somebody must choose.
const SECRET: &str = "klamm_cluster_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9G3XlO";

type Variables = BTreeMap<String, String>;

fn read(path: &str) -> Result<String> {
    Ok(std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path),
    )?)
}

/// `klamm check-config` with just these variables and a file of physical clusters.
fn check(name: &str, mut variables: Variables) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let clusters = directory.path().join("cluster-config.yaml");
    std::fs::write(
        &clusters,
        "config: {main: {bootstrap.servers: 'kafka.example.com:9092'}}",
    )?;
    let selector = variables
        .get("GATEWAY_BACKEND_KAFKA_SELECTOR")
        .context("a selector")?;
    ensure!(
        selector.contains("/etc/klamm/cluster-config.yaml"),
        "{name} mounts another file than it reads"
    );
    let selector = format!("file : {{ path: {} }}", clusters.display());
    variables.insert("GATEWAY_BACKEND_KAFKA_SELECTOR".into(), selector);
    let output = Command::new(env!("CARGO_BIN_EXE_klamm"))
        .arg("check-config")
        .env_clear()
        .envs(variables)
        .output()?;
    ensure!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn texts(map: &Value) -> Result<Variables> {
    let map = map
        .as_object()
        .context("a map")?
        .iter()
        .filter(|(name, _)| *name != "<<");
    map.map(|(name, value)| {
        Ok((
            name.clone(),
            value
                .as_str()
                .with_context(|| format!("{name} must be a text"))?
                .to_owned(),
        ))
    })
    .collect()
}

/// `${NAME:?set it}` in a value.
fn fill(value: &str) -> String {
    match (value.find("${"), value.find('}')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{SECRET}{}", &value[..start], fill(&value[end + 1..]))
        }
        _ => value.to_owned(),
    }
}

#[test]
fn compose() -> Result<()> {
    let text = read("compose.yaml")?
        .replace("<<: *environment", "")
        .replace("<<: *node", "");
    let file: Value = serde_saphyr::from_str(&text)?;
    let shared = texts(&file["x-environment"])?;
    let services = file["services"].as_object().context("services")?;
    ensure!(services.len() == 3, "three nodes");
    for (name, service) in services {
        let own = texts(&service["environment"])?;
        let all = shared
            .iter()
            .chain(&own)
            .map(|(key, value)| (key.clone(), fill(value)));
        check(name, all.collect())?;
    }
    Ok(())
}

/// The nodes of all examples are reached by other hosts, so that a scraper must log in.
#[test]
fn prometheus() -> Result<()> {
    let file: Value = serde_saphyr::from_str(&read("prometheus/prometheus.yaml")?)?;
    let jobs = file["scrape_configs"].as_array().context("jobs")?;
    ensure!(jobs.len() == 2, "by name and in Kubernetes");
    for job in jobs {
        ensure!(
            job["authorization"]["type"] == "Bearer" && job["authorization"]["credentials_file"].is_string(),
            "{job}"
        );
    }
    // Whoever finds pods by annotations shows no credential.
    ensure!(!read("kubernetes/klamm.yaml")?.contains("prometheus.io/"));
    Ok(())
}

/// Names of metrics of this gateway in a text.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_')
        .filter(|word| word.starts_with("klamm_"))
        .collect()
}

/// Alerts are about metrics, and values of their labels, that there are, and the page for operators says what to do about each.
#[test]
fn alerts() -> Result<()> {
    let file: Value = serde_saphyr::from_str(&read("prometheus/alerts.yaml")?)?;
    let rules = file.pointer("/groups/0/rules").and_then(Value::as_array);
    let exprs: Vec<&str> = rules
        .context("rules")?
        .iter()
        .filter_map(|rule| rule["expr"].as_str())
        .collect();
    let page = read("../docs/METRICS.md")?;
    for expr in &exprs {
        for metric in metrics_in(expr) {
            ensure!(page.contains(&format!("\n| `{metric}` |")), "{expr}: no {metric}");
        }
        let values = expr.split('"').skip(1).step_by(2);
        for value in values.flat_map(|values| values.split('|')) {
            ensure!(
                page.contains(&format!("\n* `{value}`: ")),
                "{expr}: nothing is {value}"
            );
        }
    }
    let alerted: BTreeSet<&str> = exprs.iter().flat_map(|expr| metrics_in(expr)).collect();
    let operations = read("../docs/OPERATIONS.md")?;
    let watch = operations
        .split("\n## ")
        .find(|section| section.starts_with("Watch\n"));
    let table = watch
        .context("what to watch")?
        .lines()
        .filter(|line| line.starts_with("| `"));
    let watched: BTreeSet<&str> = table
        .filter_map(|line| line.split(" | ").next())
        .flat_map(metrics_in)
        .collect();
    let unalerted: Vec<&&str> = watched.symmetric_difference(&alerted).collect();
    ensure!(unalerted == [&"klamm_buffered_bytes"], "{unalerted:?}");
    Ok(())
}

/// The documents of a kind in a file for Kubernetes.
fn documents(path: &str, kind: &str) -> Result<Vec<Value>> {
    let text = read(path)?;
    let documents = text.split("\n---\n").map(serde_saphyr::from_str);
    let documents: Vec<Value> = documents.collect::<Result<_, _>>()?;
    Ok(documents
        .into_iter()
        .filter(|document| document["kind"] == kind)
        .collect())
}

/// The container of the nodes in a file for Kubernetes.
fn container(path: &str) -> Result<Value> {
    let sets = documents(path, "StatefulSet")?;
    let set = sets.first().context("a StatefulSet")?;
    let container = set.pointer("/spec/template/spec/containers/0");
    Ok(container.context("a container")?.clone())
}

/// An image that is built upon is named by its digest, so that nothing is built upon that nobody looked at.
#[test]
fn images_are_named_by_digest() -> Result<()> {
    let text = read("Dockerfile")?;
    let images: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .collect();
    ensure!(images.len() == 2, "{images:?}");
    for image in images {
        let digest = image.split_once("@sha256:").context("a digest")?.1;
        let digest = digest.split(' ').next().unwrap_or_default();
        ensure!(
            digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{image}"
        );
    }
    Ok(())
}

#[test]
fn pods_have_no_more_than_they_need() -> Result<()> {
    let sets = documents("kubernetes/klamm.yaml", "StatefulSet")?;
    let pod = sets[0].pointer("/spec/template/spec").context("a pod")?;
    ensure!(pod["automountServiceAccountToken"] == false, "no token");
    ensure!(pod.pointer("/securityContext/seccompProfile/type") == Some(&"RuntimeDefault".into()));
    let policies = documents("kubernetes/klamm.yaml", "NetworkPolicy")?;
    let rules = policies[0].pointer("/spec/ingress").and_then(Value::as_array);
    let from = |port: &str| -> Option<&Value> {
        let rule = rules?.iter().find(|rule| rule["ports"][0]["port"] == port)?;
        rule.get("from")
    };
    let nodes = json!([{"podSelector": sets[0]["spec"]["selector"]}]);
    ensure!(
        from("raft") == Some(&nodes),
        "peers alone reach the port of peers"
    );
    ensure!(from("admin").is_some(), "not everybody reaches the admin API");
    Ok(())
}

/// `klamm serve` with just these variables. It must end by itself.
fn ended(variables: &[(&str, &str)]) -> Result<(i32, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_klamm"))
        .arg("serve")
        .env_clear()
        .envs(variables.iter().copied())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code().context("an exit code")?, text))
}

/// Failures that no start can mend do not go on for ever; everything else comes back.
#[test]
fn systemd_starts_again_what_a_start_can_mend() -> Result<()> {
    let unit = read("systemd/klamm.service")?;
    let final_codes = unit
        .lines()
        .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
        .context("codes")?;
    let is_final = |code: i32| final_codes.split(' ').any(|one| one == code.to_string());
    ensure!(unit.contains("\nRestart=always\n") && is_final(74));

    let directory = tempfile::tempdir()?;
    let clusters = directory.path().join("clusters.yaml");
    std::fs::write(&clusters, "config: {main: {bootstrap.servers: 'localhost:1'}}")?;
    let selector = format!("file : {{ path: {} }}", clusters.display());
    let data = directory.path().join("data").display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let run = |changed: &[(&str, &str)]| {
        let mut all = vec![
            ("GATEWAY_BACKEND_KAFKA_SELECTOR", selector.as_str()),
            ("KLAMM_DATA_DIR", data.as_str()),
            ("GATEWAY_HTTP_PORT", port.as_str()),
        ];
        all.extend(changed);
        ended(&all)
    };
    let (code, text) = run(&[])?;
    ensure!(!is_final(code) && text.contains("cannot listen"), "{code} {text}");
    for (changed, reason) in [
        (("KLAMM_NODE_ID", "nobody"), "KLAMM_NODE_ID"),
        (("KLAMM_NODE_ID", "2"), "belongs to node 1"),
        (
            ("GATEWAY_BACKEND_KAFKA_SELECTOR", "file : { path: /none }"),
            "/none",
        ),
    ] {
        let (code, text) = run(&[changed])?;
        ensure!(
            is_final(code) && text.contains(reason),
            "{changed:?}: {code} {text}"
        );
    }
    Ok(())
}

#[test]
fn kubernetes() -> Result<()> {
    for ordinal in [0, 2, 7] {
        check(
            &format!("kubernetes, pod {ordinal}"),
            kubernetes_variables(ordinal)?,
        )?;
    }
    Ok(())
}

#[test]
fn kubernetes_with_tls() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let made = rcgen::generate_simple_self_signed(["*.kafka.example.com".to_owned()])?;
    std::fs::write(directory.path().join("tls.crt"), made.cert.pem())?;
    std::fs::write(directory.path().join("tls.key"), made.signing_key.serialize_pem())?;
    let container = container("kubernetes/tls.yaml")?;
    let listeners = container
        .pointer("/env/0/value")
        .and_then(Value::as_str)
        .context("listeners")?;
    let mounted = container
        .pointer("/volumeMounts/0/mountPath")
        .and_then(Value::as_str)
        .context("a mount")?;
    let listeners = listeners.replace(mounted, &directory.path().display().to_string());
    let mut variables = kubernetes_variables(0)?;
    variables.insert("GATEWAY_LISTENERS".to_owned(), listeners);
    check("kubernetes with TLS", variables)
}

fn kubernetes_variables(ordinal: u8) -> Result<Variables> {
    let container = container("kubernetes/klamm.yaml")?;
    let mut variables = Variables::new();
    for variable in container["env"].as_array().context("variables")? {
        let name = variable["name"].as_str().context("a name")?;
        let value = match (name, variable["value"].as_str()) {
            (_, Some(value)) => value.to_owned(),
            ("GATEWAY_ADMIN_API_USERS", None) => {
                format!("[{{username: admin, password: {SECRET}, admin: true}}]")
            }
            _ => SECRET.to_owned(),
        };
        variables.insert(name.to_owned(), value);
    }
    // What the start command adds, and what Kubernetes itself sets for a service of this name.
    let script = container
        .pointer("/args/0")
        .and_then(Value::as_str)
        .context("a script")?;
    for (name, value) in [
        ("KLAMM_RAFT_ADVERTISED", format!("klamm-{ordinal}.klamm:9300")),
        (
            "GATEWAY_ADVERTISED_HOST",
            format!("klamm-{ordinal}.klamm.default.svc"),
        ),
    ] {
        ensure!(
            script.contains(&format!("export {name}=")),
            "the start command sets {name}"
        );
        variables.insert(name.to_owned(), value);
    }
    variables.insert("KLAMM_SERVICE_HOST".to_owned(), "10.0.0.1".to_owned());
    variables.insert("KLAMM_PORT".to_owned(), "tcp://10.0.0.1:8888".to_owned());
    Ok(variables)
}
