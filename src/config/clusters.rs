//! Which physical clusters there are, and the settings of each, from the file, the selected file and the variables.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use klamm_raft::model::{ClusterId, CredentialsName, KafkaProperties, PhysicalCluster};

use super::kafka_names::{self, Property, Support, USED, VariableName};
use super::problem::{Problem, SettingPlace};
use super::reference::{SELECTOR, variable};
use super::settings::{Setting, malformed_problem};
use super::tree::{self, TreeEntry, TreeValue};
use super::{ReadFile, hint};

/// The properties of one cluster, by name. Those without meaning for a gateway are not here.
pub(super) type ClusterProperties = BTreeMap<&'static str, Setting>;

/// The properties that are given of one cluster.
#[derive(Debug, Default)]
pub(super) struct ClusterSection {
    pub(super) properties: ClusterProperties,
    /// Further credentials, by name.
    pub(super) credentials: BTreeMap<CredentialsName, ClusterProperties>,
}

impl ClusterSection {
    /// The properties as they are written. What is no text is not a property's value, and is told elsewhere.
    pub(super) fn as_written(&self) -> PhysicalCluster {
        let written = |properties: &ClusterProperties| -> KafkaProperties {
            let text = |(name, setting): (&&str, &Setting)| {
                let text = setting.value.text()?;
                Some(((*name).to_owned(), text.to_owned()))
            };
            properties.iter().filter_map(text).collect()
        };
        let credentials = self.credentials.iter();
        PhysicalCluster {
            properties: written(&self.properties),
            credentials: credentials
                .map(|(name, own)| (name.clone(), written(own)))
                .collect(),
            ..PhysicalCluster::default()
        }
    }
}

/// The key that stands among a cluster's properties and holds further credentials.
const CREDENTIALS: &str = "credentials";

/// The clusters that were found so far.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    pub(super) by_id: BTreeMap<ClusterId, ClusterSection>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Clusters {
    /// Takes the `kafka` section, or the content of the selected file.
    pub(super) fn add_section(&mut self, path: &Path, section: Setting) {
        let entries = match section.value {
            TreeValue::Map(entries) => entries,
            TreeValue::Null => return,
            other => {
                let message = format!(
                    "a map from cluster id to Kafka properties is expected, not {}",
                    other.kind()
                );
                self.problems.push(Problem::new(section.place, message));
                return;
            }
        };
        for TreeEntry { name, line, node } in entries {
            let place = SettingPlace::File {
                path: path.to_owned(),
                line: Some(line),
                key: Some(name.clone()),
            };
            let Some(id) = self.new_id(&name, &place) else {
                continue;
            };
            let mut cluster = ClusterSection::default();
            match node.value {
                TreeValue::Map(mut entries) => {
                    if let Some(index) = entries.iter().position(|entry| entry.name == CREDENTIALS) {
                        let named = entries.remove(index);
                        self.add_credentials(path, &name, named, &mut cluster.credentials);
                    }
                    self.add_properties(path, (&name, ""), entries, &mut cluster.properties);
                }
                other => {
                    let message = format!("a map of Kafka properties is expected, not {}", other.kind());
                    self.problems.push(Problem::new(place, message));
                }
            }
            self.by_id.insert(id, cluster);
        }
    }

    /// Takes `credentials: {name: {properties}}`.
    fn add_credentials(
        &mut self,
        path: &Path,
        id: &str,
        section: TreeEntry,
        to: &mut BTreeMap<CredentialsName, ClusterProperties>,
    ) {
        let place = |line, key: String| SettingPlace::File {
            path: path.to_owned(),
            line: Some(line),
            key: Some(key),
        };
        let TreeValue::Map(entries) = section.node.value else {
            let message = "a map from names to SASL properties is expected";
            let place = place(section.line, format!("{id}: {CREDENTIALS}"));
            self.problems.push(Problem::new(place, message));
            return;
        };
        for TreeEntry { name, line, node } in entries {
            let within = format!("{id}: {CREDENTIALS}.{name}");
            let place = place(line, within.clone());
            let mut properties = ClusterProperties::new();
            match (name.parse(), node.value) {
                (Ok(name), TreeValue::Map(entries)) => {
                    self.add_properties(path, (&within, ""), entries, &mut properties);
                    if let Some(other) = properties.keys().find(|known| !known.starts_with("sasl.")) {
                        let message = format!("credentials can only have SASL properties, not {other}");
                        self.problems.push(Problem::new(place, message));
                    }
                    to.insert(name, properties);
                }
                (Ok(_), other) => {
                    let message = format!("a map of SASL properties is expected, not {}", other.kind());
                    self.problems.push(Problem::new(place, message));
                }
                (Err(invalid), _) => self.problems.push(Problem::new(place, format!("{invalid}"))),
            }
        }
    }

    fn new_id(&mut self, name: &str, place: &SettingPlace) -> Option<ClusterId> {
        let id: ClusterId = match name.parse() {
            Ok(id) => id,
            Err(invalid) => {
                self.problems
                    .push(Problem::new(place.clone(), format!("{invalid}")));
                return None;
            }
        };
        let taken = self
            .by_id
            .keys()
            .find(|known| variable(known.as_str()) == variable(name));
        if let Some(known) = taken {
            self.problems.push(
                Problem::new(place.clone(), format!("this id is the same as {known}"))
                    .hint("ids are compared without case, and '.', '-' and '_' are the same in variables"),
            );
            return None;
        }
        Some(id)
    }

    /// `within` is the cluster's id and the part of the property's name that is already known.
    fn add_properties(
        &mut self,
        path: &Path,
        within: (&str, &str),
        entries: Vec<TreeEntry>,
        to: &mut ClusterProperties,
    ) {
        let (id, prefix) = within;
        for TreeEntry { name, line, node } in entries {
            let name = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}.{name}")
            };
            let place = SettingPlace::File {
                path: path.to_owned(),
                line: Some(line),
                key: Some(format!("{id}: {name}")),
            };
            let section = kafka_names::all().any(|property| {
                property
                    .name
                    .strip_prefix(&name)
                    .is_some_and(|rest| rest.starts_with('.'))
            });
            match (kafka_names::find(&name), node.value) {
                (Some(property), value) => {
                    let setting = Setting { place, value };
                    if to.contains_key(property.name) {
                        self.problems
                            .push(Problem::new(setting.place, "this is set twice"));
                    } else {
                        self.take(property, setting, to);
                    }
                }
                (None, TreeValue::Map(entries)) if section => {
                    self.add_properties(path, (id, &name), entries, to)
                }
                (None, _) => self.problems.push(unknown_property(place, &name)),
            }
        }
    }

    fn take(&mut self, property: Property, setting: Setting, to: &mut ClusterProperties) {
        match property.support {
            Support::Used => {
                to.insert(property.name, setting);
            }
            Support::Ignored => self.warnings.push(Problem::new(
                setting.place,
                format!("{} has no meaning for the gateway and is ignored", property.name),
            )),
            Support::NotYet => self.problems.push(Problem::new(
                setting.place,
                format!("the property {} is not supported yet", property.name),
            )),
        }
    }

    /// Takes the `KAFKA_<ID>_<PROPERTY>` variables; they win over files.
    pub(super) fn add_variables(&mut self, variables: Vec<(VariableName, Setting)>) {
        for (name, setting) in variables {
            let known = self
                .by_id
                .keys()
                .find(|known| variable(known.as_str()) == name.id)
                .cloned();
            let id = match known.map_or_else(|| name.id.to_ascii_lowercase().parse(), Ok) {
                Ok(id) => id,
                Err(invalid) => {
                    self.problems
                        .push(Problem::new(setting.place, format!("{invalid}")));
                    continue;
                }
            };
            let mut cluster = self.by_id.remove(&id).unwrap_or_default();
            self.take(name.property, setting, &mut cluster.properties);
            self.by_id.insert(id, cluster);
        }
    }

    /// The properties of a physical cluster that is a resource.
    pub(super) fn resource(&mut self, cluster: &PhysicalCluster) -> ClusterSection {
        let properties = self.of_resource("spec.properties", &cluster.properties);
        let credentials = cluster.credentials.iter().map(|(name, own)| {
            let within = format!("spec.{CREDENTIALS}.{name}");
            if let Some(other) = own.keys().find(|known| !known.starts_with("sasl.")) {
                let message = format!("credentials can only have SASL properties, not {other}");
                let place = SettingPlace::Resource(within.clone());
                self.problems.push(Problem::new(place, message));
            }
            (name.clone(), self.of_resource(&within, own))
        });
        let credentials = credentials.collect();
        ClusterSection {
            properties,
            credentials,
        }
    }

    fn of_resource(&mut self, within: &str, given: &KafkaProperties) -> ClusterProperties {
        let mut properties = ClusterProperties::new();
        for (name, value) in given {
            let place = SettingPlace::Resource(format!("{within}.{name}"));
            let value = TreeValue::Text(value.clone());
            match kafka_names::find(name) {
                Some(property) => self.take(property, Setting { place, value }, &mut properties),
                None => self.problems.push(unknown_property(place, name)),
            }
        }
        properties
    }

    /// Reads the file that `gateway.backend.kafka.selector` names.
    pub(super) fn add_selected(&mut self, selector: &Setting, read: ReadFile<'_>) {
        let path = match selected_path(selector) {
            Ok(path) => path,
            Err(problem) => {
                self.problems.push(problem);
                return;
            }
        };
        match load(&path, &selector.place, read) {
            Ok(section) => self.add_section(&path, section),
            Err(problem) => self.problems.push(problem),
        }
    }
}

/// Reads `{file: {path: …}}`, given as YAML or as a text that holds YAML.
fn selected_path(selector: &Setting) -> Result<PathBuf, Problem> {
    let refuse = || {
        Problem::new(selector.place.clone(), "this does not name a file").hint(format!(
            "the form is {}='file : {{ path: /cluster-config.yaml }}'",
            variable(SELECTOR)
        ))
    };
    let parsed;
    let value = match &selector.value {
        TreeValue::Text(text) => {
            parsed = tree::parse(text).map_err(|_| refuse())?.value;
            &parsed
        }
        other => other,
    };
    let only = |value: &TreeValue, name: &str| match value {
        TreeValue::Map(entries) => match entries.as_slice() {
            [entry] if entry.name == name => Some(entry.node.value.clone()),
            _ => None,
        },
        _ => None,
    };
    match only(value, "file").and_then(|file| only(&file, "path")) {
        Some(TreeValue::Text(path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(refuse()),
    }
}

fn load(path: &Path, selector: &SettingPlace, read: ReadFile<'_>) -> Result<Setting, Problem> {
    let text = read(path).map_err(|error| unreadable(selector.clone(), path, &error))?;
    let refuse = |line, message: &str| {
        let place = SettingPlace::File {
            path: path.to_owned(),
            line,
            key: None,
        };
        Problem::new(place, message)
            .hint("the file has one key, config, with a map of properties for each cluster id")
    };
    let root = tree::parse(&text).map_err(|malformed| malformed_problem(path, malformed))?;
    let TreeValue::Map(entries) = root.value else {
        return Err(refuse(None, "this is not a file of physical clusters"));
    };
    let mut config = None;
    for entry in entries {
        if entry.name != "config" {
            return Err(refuse(
                Some(entry.line),
                &format!("the key {:?} is unknown", entry.name),
            ));
        }
        config = Some(Setting {
            place: SettingPlace::File {
                path: path.to_owned(),
                line: Some(entry.line),
                key: Some("config".to_owned()),
            },
            value: entry.node.value,
        });
    }
    config.ok_or_else(|| refuse(None, "the key config is missing"))
}

/// A file that cannot be read.
pub(super) fn unreadable(place: SettingPlace, path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        place,
        format!("the file {} cannot be read: {error}", path.display()),
    )
}

fn unknown_property(place: SettingPlace, name: &str) -> Problem {
    let problem = Problem::new(place, format!("the Kafka property {name} is unknown"));
    match hint::nearest(name, USED.iter().map(|property| property.name)) {
        Some(meant) => problem.hint(format!("did you mean {meant}?")),
        None => problem,
    }
}
