//! Kafka's own message definitions, read from the `kafka-clients` jar.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A message of the protocol.
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) key: Option<i16>,
    pub(crate) kind: String,
    pub(crate) listeners: Vec<String>,
    /// Stable versions.
    pub(crate) versions: Versions,
    pub(crate) flexible: Versions,
    pub(crate) fields: Vec<FieldJson>,
}

/// A field, its struct resolved.
#[derive(Clone)]
pub(crate) struct FieldJson {
    pub(crate) name: String,
    /// The type of the value or of an array's element.
    pub(crate) base: String,
    pub(crate) is_array: bool,
    pub(crate) fields: Vec<FieldJson>,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    pub(crate) tag: Option<(i64, Versions)>,
    pub(crate) ignorable: bool,
    pub(crate) default: Option<String>,
}

impl FieldJson {
    pub(crate) fn type_name(&self) -> String {
        if self.is_array {
            format!("[]{}", self.base)
        } else {
            self.base.clone()
        }
    }
}

/// A closed range of versions; empty when `lo > hi`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Versions {
    pub(crate) lo: i16,
    pub(crate) hi: i16,
}

impl Versions {
    pub(crate) const NONE: Self = Self { lo: 0, hi: -1 };

    fn parse(text: &str) -> Result<Self> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        if let Some(lo) = text.strip_suffix('+') {
            return Ok(Self {
                lo: lo.parse()?,
                hi: i16::MAX,
            });
        }
        let (lo, hi) = text.split_once('-').unwrap_or((text, text));
        Ok(Self {
            lo: lo.parse()?,
            hi: hi.parse()?,
        })
    }

    pub(crate) fn is_empty(self) -> bool {
        self.lo > self.hi
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let both = Self {
            lo: self.lo.max(other.lo),
            hi: self.hi.min(other.hi),
        };
        if both.is_empty() { Self::NONE } else { both }
    }
}

/// All definitions of a jar, by key, requests first; what has no key comes last, by name.
pub(crate) fn read(jar: &Path) -> Result<Vec<Definition>> {
    let unpacked = tempfile::tempdir()?;
    let jar = std::path::absolute(jar)?;
    let status = Command::new("jar")
        .arg("xf")
        .arg(&jar)
        .arg("common/message")
        .current_dir(unpacked.path())
        .status()
        .context("the JDK's `jar` command is needed to read the message definitions")?;
    ensure!(status.success(), "`jar xf {}` failed", jar.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(unpacked.path().join("common/message"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path)?;
            let json = serde_json::from_str(&without_comments(&text));
            let parsed = json
                .map_err(anyhow::Error::from)
                .and_then(|json: Value| definition(&json));
            all.extend(parsed.with_context(|| path.display().to_string())?);
        }
    }
    all.sort_by_key(|d: &Definition| (d.key.is_none(), d.key, d.kind.clone(), d.name.clone()));
    Ok(all)
}

fn without_comments(text: &str) -> String {
    let strip = |line: &str| {
        let (mut quoted, mut previous) = (false, ' ');
        for (at, c) in line.char_indices() {
            match c {
                '"' if previous != '\\' => quoted = !quoted,
                '/' if previous == '/' && !quoted => return line[..at - 1].to_owned(),
                _ => {}
            }
            previous = c;
        }
        line.to_owned()
    };
    text.lines().map(strip).collect::<Vec<_>>().join("\n")
}

fn definition(json: &Value) -> Result<Option<Definition>> {
    let mut versions = Versions::parse(text(json, "validVersions")?)?;
    // Headers are written by hand in the wire engine.
    if versions.is_empty() || text(json, "type")? == "header" {
        return Ok(None);
    }
    if json["latestVersionUnstable"] == true {
        versions.hi -= 1;
    }
    let common = json["commonStructs"].as_array().cloned().unwrap_or_default();
    Ok(Some(Definition {
        name: text(json, "name")?.to_owned(),
        key: json["apiKey"].as_i64().map(i16::try_from).transpose()?,
        kind: text(json, "type")?.to_owned(),
        listeners: json["listeners"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|l| Some(l.as_str()?.to_owned()))
            .collect(),
        versions,
        flexible: Versions::parse(text(json, "flexibleVersions")?)?,
        fields: fields(&json["fields"], versions, &common)?,
    }))
}

fn fields(json: &Value, within: Versions, common: &[Value]) -> Result<Vec<FieldJson>> {
    let mut all = Vec::new();
    for json in json.as_array().into_iter().flatten() {
        let versions = Versions::parse(text(json, "versions")?)?;
        let here = versions.and(within);
        if here.is_empty() {
            continue;
        }
        if json.get("flexibleVersions").is_some() {
            bail!(
                "{}: flexibleVersions of a field is not supported",
                text(json, "name")?
            );
        }
        let name = text(json, "name")?;
        let kind = text(json, "type")?;
        let base = kind.trim_start_matches("[]");
        let inner = match common.iter().find(|c| c["name"] == *base) {
            Some(shared) => &shared["fields"],
            None => &json["fields"],
        };
        let range = |key| {
            json.get(key)
                .and_then(Value::as_str)
                .map_or(Ok(Versions::NONE), Versions::parse)
        };
        let tag = json["tag"]
            .as_i64()
            .map(|tag| Ok::<_, anyhow::Error>((tag, range("taggedVersions")?)));
        all.push(FieldJson {
            name: name[..1].to_uppercase() + &name[1..],
            base: base.to_owned(),
            is_array: kind.starts_with("[]"),
            fields: fields(inner, here, common)?,
            versions,
            nullable: range("nullableVersions")?,
            tag: tag.transpose()?,
            ignorable: json["ignorable"] == true,
            default: json
                .get("default")
                .map(|d| d.as_str().map_or_else(|| d.to_string(), str::to_owned)),
        });
    }
    Ok(all)
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str> {
    json[key].as_str().with_context(|| format!("no {key}"))
}
