//! All settings of a file and of the environment, by key, each with its place. What they mean is decided elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use super::hint;
use super::kafka_names::{self, UnknownVariable, VariableName};
use super::problem::{Problem, SettingPlace};
use super::reference::{self, KEYS, variable};
use super::tree::{self, TreeEntry, TreeValue};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) place: SettingPlace,
    pub(super) value: TreeValue,
}

/// The settings that were found.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// By known key.
    pub(super) keys: BTreeMap<&'static str, Setting>,
    /// The `kafka` section of the file.
    pub(super) kafka: Option<Setting>,
    /// `KAFKA_<ID>_<PROPERTY>` variables.
    pub(super) kafka_variables: Vec<(VariableName, Setting)>,
    /// Settings that are ignored.
    pub(super) warnings: Vec<Problem>,
}

/// Variables that begin like ours and are read by the command line, by the demonstration and the tests, or by Kafka's
/// own scripts.
const OTHER_PROGRAMS: &[&str] = &[
    "KLAMM_BLESS",
    "KLAMM_CONFIG",
    "KLAMM_KAFKA_CLIENTS_JAR",
    "KLAMM_KAFKA_HOME",
    "KLAMM_KAFKA_JVM",
    "KLAMM_VAULT_URL",
    "KLAMM_ADMIN_URL",
    "KLAMM_ADMIN_USER",
    "KLAMM_ADMIN_PASSWORD",
    "KLAMM_ADMIN_CA",
    "KAFKA_HOME",
    "KAFKA_OPTS",
    "KAFKA_DEBUG",
    "KAFKA_HEAP_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
];

impl Settings {
    /// Takes the settings of the main file.
    pub(super) fn add_file(&mut self, path: &Path, text: &str, problems: &mut Vec<Problem>) {
        let root = match tree::parse(text) {
            Ok(root) => root,
            Err(malformed) => {
                problems.push(malformed_problem(path, malformed));
                return;
            }
        };
        match root.value {
            TreeValue::Map(entries) => self.add_entries(path, "", entries, problems),
            TreeValue::Null => {}
            other => problems.push(
                Problem::new(
                    SettingPlace::file(path),
                    format!("the file contains {}, not a map of keys", other.kind()),
                )
                .hint("for instance: gateway.http.port: 8888"),
            ),
        }
    }

    fn add_entries(
        &mut self,
        path: &Path,
        prefix: &str,
        entries: Vec<TreeEntry>,
        problems: &mut Vec<Problem>,
    ) {
        for TreeEntry { name, line, node } in entries {
            let name = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}.{name}")
            };
            let place = SettingPlace::File {
                path: path.to_owned(),
                line: Some(line),
                key: Some(name.clone()),
            };
            if name == "kafka" {
                self.kafka = Some(Setting {
                    place,
                    value: node.value,
                });
            } else if let Some(key) = reference::find(&name) {
                self.set_once(
                    key.name,
                    Setting {
                        place,
                        value: node.value,
                    },
                    problems,
                );
            } else if is_section(&name) {
                match node.value {
                    TreeValue::Map(entries) => self.add_entries(path, &name, entries, problems),
                    TreeValue::Null => {}
                    other => problems.push(Problem::new(
                        place,
                        format!("this is a section, not {}", other.kind()),
                    )),
                }
            } else {
                problems.push(unknown_key(place, &name));
            }
        }
    }

    fn set_once(&mut self, key: &'static str, setting: Setting, problems: &mut Vec<Problem>) {
        if let Some(first) = self.keys.get(key) {
            problems.push(Problem::new(
                setting.place,
                format!("this is already set at {}", first.place),
            ));
        } else {
            self.keys.insert(key, setting);
        }
    }

    /// Takes the environment variables; they win over the file.
    pub(super) fn add_variables(
        &mut self,
        variables: &BTreeMap<String, String>,
        problems: &mut Vec<Problem>,
    ) {
        for (name, value) in variables {
            let ours = ["GATEWAY_", "KLAMM_", "KAFKA_"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if !ours || OTHER_PROGRAMS.contains(&name.as_str()) || name.starts_with(super::NAMED_BY_RESOURCES)
            {
                continue;
            }
            let setting = Setting {
                place: SettingPlace::Variable(name.clone()),
                value: TreeValue::Text(value.clone()),
            };
            if let Some(key) = KEYS.iter().find(|key| key.variable() == *name) {
                if is_service_link(name, value) {
                    problems.push(service_link_problem(setting.place));
                } else {
                    self.keys.insert(key.name, setting);
                }
            } else if is_service_link(name, value) {
                // Kubernetes sets these for a service that happens to be called like a prefix of ours.
            } else if let Some(rest) = name.strip_prefix("KAFKA_") {
                match kafka_names::split_variable(rest) {
                    Some(parts) => self.kafka_variables.push((parts, setting)),
                    None => match kafka_names::unknown_variable(rest) {
                        UnknownVariable::Mistyped(problem) => problems.push(problem),
                        UnknownVariable::Stray(problem) => self.warnings.push(problem),
                    },
                }
            } else {
                problems.push(unknown_variable(name));
            }
        }
    }
}

pub(super) fn malformed_problem(path: &Path, malformed: tree::MalformedYaml) -> Problem {
    let place = SettingPlace::File {
        path: path.to_owned(),
        line: malformed.line,
        key: None,
    };
    Problem::new(place, malformed.message)
}

/// Whether known keys begin with this name and a dot.
fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| {
        key.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn elsewhere(name: &str) -> Option<&'static str> {
    reference::ELSEWHERE
        .iter()
        .find(|(known, _)| *known == name || variable(known) == name)
        .map(|(_, remark)| *remark)
}

fn unknown_key(place: SettingPlace, name: &str) -> Problem {
    if let Some(remark) = elsewhere(name) {
        return Problem::new(place, "this key is not supported").hint(remark);
    }
    let problem = Problem::new(place, "this key is unknown");
    if name == "config" {
        return problem.hint("a file of physical clusters is named by gateway.backend.kafka.selector");
    }
    match hint::nearest(name, KEYS.iter().map(|key| key.name)) {
        Some(meant) => problem.hint(format!("did you mean {meant}?")),
        None => problem,
    }
}

fn unknown_variable(name: &str) -> Problem {
    let place = SettingPlace::Variable(name.to_owned());
    if let Some(remark) = elsewhere(name) {
        return Problem::new(place, "this variable is not supported").hint(remark);
    }
    let known: Vec<String> = KEYS.iter().map(reference::Key::variable).collect();
    let problem = Problem::new(place, "this variable is unknown");
    match hint::nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => problem.hint(format!("did you mean {meant}?")),
        None => problem.hint("variables that begin with GATEWAY_ or KLAMM_ belong to the gateway"),
    }
}

/// Whether Kubernetes or Docker made this variable to announce a service (`NAME_SERVICE_HOST`, `NAME_PORT=tcp://…`,
/// `NAME_PORT_9092_TCP_ADDR`…).
fn is_service_link(name: &str, value: &str) -> bool {
    let protocol = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|p| value.starts_with(p));
    let port_part = |part: &str| {
        part.split_once("_PORT_").is_some_and(|(_, rest)| {
            let mut words = rest.split('_');
            let number = words
                .next()
                .is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_digit()));
            let kind = words.next().is_some_and(|w| matches!(w, "TCP" | "UDP" | "SCTP"));
            let what = words
                .next()
                .is_none_or(|w| matches!(w, "PROTO" | "PORT" | "ADDR"));
            number && kind && what && words.next().is_none()
        })
    };
    (name.contains("_PORT") && protocol)
        || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || port_part(name)
}

fn service_link_problem(place: SettingPlace) -> Problem {
    Problem::new(
        place,
        "this was set by Kubernetes for a service of that name, not by you",
    )
    .hint("set enableServiceLinks: false in the pod, or rename the service")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_told_from_settings() {
        for (name, value) in [
            ("KLAMM_SERVICE_HOST", "10.0.0.1"),
            ("KLAMM_SERVICE_PORT", "8888"),
            ("KLAMM_SERVICE_PORT_HTTP", "8888"),
            ("KLAMM_PORT", "tcp://10.0.0.1:8888"),
            ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
            ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
            ("KAFKA_PORT_9092_TCP_PROTO", "tcp"),
            ("GATEWAY_HTTP_PORT", "tcp://10.0.0.1:9092"),
        ] {
            assert!(is_service_link(name, value), "{name}");
        }
        for (name, value) in [
            ("GATEWAY_HTTP_PORT", "8888"),
            ("GATEWAY_PORT_START", "6969"),
            ("GATEWAY_PORT_COUNT", "tcp"),
        ] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }
}
