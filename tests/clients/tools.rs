//! Stock command line tools, asked the same at a broker and through the gateway; what they say is compared.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use regex::Regex;

use super::desk::{Desk, Said};
use super::matrix::entries;
use crate::scene::{CLUSTER, Login, Scene};

const VERBS: &str = include_str!("tools.txt");
const DIFFERENCES: &str = include_str!("differences.txt");

/// The Partner of the tools.
const PARTNER: &str = "tools";

/// The cluster that is asked without a gateway.
const BROKER: &str = "reference";

/// The tool that works on while its JVM ends, and so has a JVM of its own.
const ALONE: &str = "kafka-verifiable-producer";

/// One line of `tools.txt`.
#[derive(Debug)]
struct Verb {
    name: &'static str,
    words: Vec<&'static str>,
    input: String,
}

fn verbs() -> Result<Vec<Verb>> {
    entries(VERBS)
        .map(|line| {
            let mut parts = line.splitn(3, '|').map(str::trim);
            let name = parts.next().context("a name")?;
            let words = parts.next().with_context(|| format!("no command: {line}"))?;
            let input = parts.next().unwrap_or_default();
            Ok(Verb {
                name,
                words: words.split_whitespace().collect(),
                input: input.replace("\\n", "\n"),
            })
        })
        .collect()
}

/// Somebody to ask.
#[derive(Debug)]
struct Post {
    name: &'static str,
    login: Login,
}

impl Post {
    fn ask(&self, scene: &Scene, desk: &mut Desk, verb: &Verb) -> Result<Said> {
        let dir = scene.stage.directory().display().to_string();
        let mut words = Vec::new();
        for word in &verb.words {
            if *word == "{at}" {
                words.extend(["--bootstrap-server", &self.login.bootstrap].map(str::to_owned));
                words.extend(["--command-config", &self.login.file].map(str::to_owned));
            } else {
                let word = word
                    .replace("{bootstrap}", &self.login.bootstrap)
                    .replace("{config}", &self.login.file);
                words.push(word.replace("{dir}", &dir));
            }
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words.first() == Some(&ALONE) {
            let output = scene.tool(&words, &verb.input)?;
            return Ok(Said {
                status: output.status.code().unwrap_or(-1),
                out: output.stdout,
                err: output.stderr,
            });
        }
        desk.tool(&words, &verb.input)
    }
}

/// The output without what depends on who is asked: addresses, ids, times, the width of columns and the order of lines.
fn normal(verb: &Verb, said: &Said) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"\S+\.properties", "FILE"),
            (r#""/[^"]+/run/[^"]+""#, r#""DIRECTORY""#),
            (r"(?:localhost|127\.0\.0\.1)(?:[: ]\d+)?", "HOST"),
            (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
            (r"(^|[\s:=])[A-Za-z0-9_-]{22}(\s|$)", "${1}ID${2}"),
            (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,:]?\d*", "TIME"),
            (r"\b\d{13}\b", "MS"),
        ]
        .into_iter()
        .map(|(rule, instead)| (Regex::new(rule).expect("a regular expression"), instead))
        .collect()
    });
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"-?\d+(?:\.\d+)?").expect("a regular expression"));
    let mut lines: Vec<String> = said
        .all()
        .lines()
        // Where in a tool an error passed is nobody's promise.
        .filter(|line| !line.trim_start().starts_with("at ") && !line.trim_start().starts_with("... "))
        .map(|line| {
            let mut line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            for (rule, instead) in RULES.iter() {
                line = rule.replace_all(&line, *instead).into_owned();
            }
            if verb.name.starts_with('~') {
                line = NUMBER.replace_all(&line, "N").into_owned();
            }
            line
        })
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort();
    if verb.name.starts_with('~') {
        lines.dedup();
    }
    format!("exit {}\n{}\n", said.status, lines.join("\n"))
}

/// A line of `differences.txt`.
#[derive(Debug)]
struct Difference {
    says: &'static str,
    reason: &'static str,
}

fn differences() -> Result<BTreeMap<(&'static str, &'static str), Difference>> {
    entries(DIFFERENCES)
        .map(|line| {
            let parts: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
            let [name, place, says, reason] = parts[..] else {
                anyhow::bail!("no NAME | PLACE | TEXT | REASON: {line}");
            };
            Ok(((name, place), Difference { says, reason }))
        })
        .collect()
}

/// Three clusters of the same shape: one asked directly, two behind the gateway.
fn posts(scene: &mut Scene) -> Result<[Post; 3]> {
    let options = ["--authorizer", "admin"];
    let bootstrap = scene.stage.start_kafka(BROKER, &options)?;
    let file = scene.stage.directory().join("none.properties");
    fs::write(&file, "")?;
    let broker = Login {
        bootstrap,
        file: file.display().to_string(),
        username: String::new(),
        token: String::new(),
    };
    scene.vcluster(PARTNER, &[])?;
    for (topic, more) in [
        (
            "orders",
            &["--partitions", "2", "--config", "retention.ms=3600000"][..],
        ),
        ("payments", &["--partitions", "2"]),
    ] {
        let physical = format!("physical-{topic}");
        scene.direct(
            "kafka-topics",
            &[&["--create", "--topic", &physical], more].concat(),
            "",
        )?;
        let alias = admin::alias(PARTNER, topic, (CLUSTER, &physical));
        scene.stage.admin(1).put("alias-topic", &alias)?;
    }
    Ok([
        Post {
            name: "broker",
            login: broker,
        },
        Post {
            name: "passthrough",
            login: scene.login("passthrough", "operator", 1)?,
        },
        Post {
            name: "partner",
            login: scene.login(PARTNER, "super-user", 1)?,
        },
    ])
}

/// The result of asking in all three places.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// For people: `+` says the same, `.` a known difference, `X` anything else.
    pub(crate) table: String,
    /// Everything that is not in the closed list, or is in it and does not differ.
    pub(crate) wrong: Vec<String>,
}

/// Asks everything everywhere.
pub(crate) fn compare(scene: &mut Scene, chosen: impl Fn(&str) -> bool) -> Result<Comparison> {
    let [broker, places @ ..] = posts(scene)?;
    let mut desk = Desk::start(&scene.stage.directory().join("tools.err"))?;
    let partition = r#"{"topic": "orders", "partition": 0"#;
    fs::write(
        scene.stage.directory().join("records.json"),
        format!(r#"{{"version": 1, "partitions": [{partition}, "offset": 0}}]}}"#),
    )?;
    fs::write(
        scene.stage.directory().join("topics.json"),
        r#"{"version": 1, "topics": [{"topic": "orders"}]}"#,
    )?;
    let known = differences()?;
    let mut comparison = Comparison::default();
    for verb in verbs()?.iter().filter(|verb| chosen(verb.name)) {
        let expected = normal(verb, &broker.ask(scene, &mut desk, verb)?);
        let mut signs = Vec::new();
        for place in &places {
            let said = place.ask(scene, &mut desk, verb)?;
            let found = normal(verb, &said);
            let at = format!("{} at {}", verb.name, place.name);
            ensure!(
                !said.all().contains("physical-"),
                "{at} shows a physical name:\n{}",
                said.all()
            );
            let listed = known.get(&(verb.name, place.name));
            let problem = match (found == expected, listed) {
                (true, None) => None,
                (true, Some(one)) => Some(format!("{at} is listed ({}) and is the same", one.reason)),
                (false, Some(one)) if said.all().contains(one.says) => None,
                (false, _) => Some(format!("{at} says\n{found}and the broker itself\n{expected}")),
            };
            signs.push(match (&problem, listed) {
                (Some(_), _) => "X",
                (None, Some(_)) => ".",
                (None, None) => "+",
            });
            comparison.wrong.extend(problem);
        }
        let row = format!("{:<34}{}\n", verb.name, signs.join("           "));
        comparison.table.push_str(&row);
    }
    ensure!(!comparison.table.is_empty(), "nothing was asked");
    Ok(comparison)
}
