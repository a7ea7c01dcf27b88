//! The house rules that no compiler checks. It knows the project as text only.

#[path = "tidy/apis.rs"]
mod apis;
#[path = "tidy/pages.rs"]
mod pages;
#[path = "tidy/planted.rs"]
mod planted;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Product lines that a file may have; its inline tests do not count.
const MAX_PRODUCT_LINES: usize = 600;

/// Where Rust files live.
const RUST_ROOTS: [&str; 5] = ["src", "raft/src", "raft/tests", "tests", "chaos"];

/// Modules that decide and never act: state in, state and effects out.
const PURE: [&str; 16] = [
    "src/wire",
    "src/records",
    "src/envelope",
    "src/expression",
    "src/schemas",
    "src/auth",
    "src/authz",
    "src/policy",
    "src/quota",
    "src/vcluster",
    "src/config",
    "raft/src/model",
    "raft/src/machine",
    "raft/src/command",
    "raft/src/outcome",
    "src/backend/topology",
];

/// The actor of a virtual cluster, and the thin shell of a login, live beside what they drive.
const NOT_PURE: [&str; 1] = ["src/vcluster/actor"];

/// Words that a pure module may not contain, and why.
const IMPURE_WORDS: [(&str, &str); 10] = [
    ("actix", "actors"),
    ("actix_rt", "actors"),
    ("actix_web", "a server"),
    ("tokio", "a runtime"),
    ("openraft", "consensus"),
    ("prometheus", "metrics"),
    ("Instant", "a clock"),
    ("SystemTime", "a clock"),
    ("rand", "randomness"),
    ("new_v4", "randomness"),
];

/// The modules of the consensus crate that each module of the data plane may use.
const DATA_PLANE: [(&str, &[&str]); 13] = [
    ("src/wire", &[]),
    ("src/records", &[]),
    ("src/envelope", &["model"]),
    ("src/expression", &[]),
    ("src/schemas", &["model"]),
    ("src/auth", &["model"]),
    ("src/authz", &["model"]),
    ("src/policy", &["model"]),
    ("src/quota", &["model"]),
    ("src/backend", &["model"]),
    ("src/listener", &["model", "seats", "seldom"]),
    (
        "src/session",
        &["model", "command", "outcome", "seats", "Lease", "planted"],
    ),
    ("src/vcluster", &["model", "command", "outcome"]),
];

/// Which module of `src` may use which: of those before it in this list the named ones, so that no two need each other.
const MAY_USE: [(&str, &[&str]); 39] = [
    ("address", &[]),
    ("chain", &[]),
    ("fold", &[]),
    ("guesses", &[]),
    ("pace", &[]),
    ("regexp", &[]),
    ("secret", &[]),
    ("stream", &[]),
    ("unix_time", &[]),
    ("whole_file", &[]),
    ("yaml", &[]),
    ("wire", &[]),
    ("records", &["wire"]),
    ("envelope", &[]),
    ("expression", &["regexp"]),
    ("schemas", &["expression", "regexp"]),
    ("authz", &[]),
    (
        "policy",
        &["authz", "envelope", "expression", "records", "regexp", "schemas"],
    ),
    ("quota", &[]),
    ("usage", &["chain", "unix_time", "whole_file"]),
    ("telemetry", &[]),
    ("quickstart", &[]),
    ("metrics", &["policy", "usage"]),
    ("supervision", &["metrics"]),
    ("tls", &["chain", "metrics"]),
    ("https", &["tls"]),
    ("control", &[]),
    (
        "auth",
        &["authz", "expression", "metrics", "regexp", "secret", "wire"],
    ),
    (
        "oauth",
        &[
            "auth",
            "chain",
            "https",
            "metrics",
            "secret",
            "supervision",
            "tls",
        ],
    ),
    (
        "keys",
        &[
            "chain",
            "envelope",
            "https",
            "metrics",
            "pace",
            "supervision",
            "tls",
            "unix_time",
        ],
    ),
    (
        "registries",
        &[
            "chain",
            "https",
            "metrics",
            "pace",
            "schemas",
            "supervision",
            "tls",
        ],
    ),
    (
        "backend",
        &[
            "address",
            "auth",
            "chain",
            "metrics",
            "oauth",
            "secret",
            "stream",
            "supervision",
            "tls",
            "wire",
        ],
    ),
    (
        "vcluster",
        &[
            "auth",
            "authz",
            "backend",
            "control",
            "expression",
            "metrics",
            "policy",
            "quota",
            "records",
            "regexp",
            "wire",
            "unix_time",
        ],
    ),
    (
        "session",
        &[
            "auth",
            "authz",
            "backend",
            "chain",
            "fold",
            "guesses",
            "keys",
            "metrics",
            "oauth",
            "stream",
            "vcluster",
            "policy",
            "quota",
            "records",
            "registries",
            "usage",
            "wire",
        ],
    ),
    (
        "listener",
        &[
            "auth",
            "chain",
            "metrics",
            "session",
            "stream",
            "supervision",
            "tls",
            "vcluster",
            "wire",
        ],
    ),
    (
        "config",
        &[
            "address",
            "auth",
            "backend",
            "chain",
            "keys",
            "listener",
            "oauth",
            "registries",
            "secret",
            "session",
            "telemetry",
            "tls",
            "yaml",
        ],
    ),
    (
        "admin",
        &[
            "address",
            "auth",
            "authz",
            "backend",
            "config",
            "control",
            "expression",
            "guesses",
            "listener",
            "metrics",
            "policy",
            "secret",
            "tls",
            "unix_time",
            "usage",
            "vcluster",
        ],
    ),
    (
        "cli",
        &[
            "admin",
            "chain",
            "config",
            "listener",
            "quickstart",
            "secret",
            "tls",
            "unix_time",
            "usage",
            "whole_file",
            "yaml",
        ],
    ),
    (
        "app",
        &[
            "address",
            "admin",
            "auth",
            "backend",
            "chain",
            "config",
            "control",
            "keys",
            "listener",
            "metrics",
            "oauth",
            "quota",
            "registries",
            "secret",
            "session",
            "supervision",
            "tls",
            "unix_time",
            "usage",
            "vcluster",
            "whole_file",
        ],
    ),
];

/// Who may use every module: the command, and what tests reach the insides by.
const MAY_USE_ALL: [&str; 3] = ["lib", "main", "fuzz"];

/// Names that types of several modules have, and why.
const NAMED_TWICE: [(&str, &str); 12] = [
    ("Algorithm", "JSON of the admin API, and what it stands for"),
    ("Audience", "JSON of the admin API, and who sees its version"),
    ("Authentication", "JSON of the admin API, and what it stands for"),
    ("Namespace", "JSON of the admin API, and what it stands for"),
    ("Chain", "of the causes of an error, and of what judges records"),
    ("Verdict", "on an item of a request, and on a record"),
    (
        "Operation",
        "of the admin API, and of ACLs: both are so called by everybody",
    ),
    (
        "Resource",
        "JSON of the admin API, and what ACLs protect: both are so called by everybody",
    ),
    ("Spec", "the `spec` of a resource, which only its file sees"),
    (
        "Kind",
        "of resources, of the same on the command line, and of fields of Kafka's messages",
    ),
    (
        "Limits",
        "of a session, and of a virtual cluster in the replicated state",
    ),
    (
        "Node",
        "of a message, and of the cluster: the two crates do not meet there",
    ),
];

/// How a doc comment begins that leaves its subject to the reader.
const SUBJECTLESS: [&str; 5] = ["The same", "Of nobody", "That there", "What ", "What's "];

/// How tasks and actors are started that nobody starts again after a panic.
const BARE_STARTS: [&str; 6] = [
    "rt::spawn(",
    "tokio::spawn(",
    "spawn_local(",
    "handle.spawn(",
    "Actor::start(",
    ".start()",
];

/// Who may do so, and of what.
const MAY_START: [(&str, &str); 15] = [
    ("src/supervision.rs", "what it starts again"),
    ("src/app.rs", "the admin API, whose end ends the node"),
    ("src/app/manager.rs", "a message"),
    ("src/app/pins.rs", "a message"),
    ("src/admin/credentials/uses.rs", "a change that may be lost"),
    ("src/backend/upstreams.rs", "a message"),
    ("src/session/complaints.rs", "a line of the log"),
    (
        "src/session/unanswered.rs",
        "a wait for what one connection is owed",
    ),
    ("src/listener/entrance.rs", "one connection"),
    ("src/session.rs", "one connection"),
    ("src/session/testing", "a test"),
    ("src/session/tests", "a test"),
    ("src/backend/fake.rs", "a test"),
    ("raft/src/node/calls.rs", "one call"),
    ("raft/src/network/server.rs", "one connection"),
];

/// A Rust file of the project.
struct Source {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_under(&self, module: &str) -> bool {
        self.path == format!("{module}.rs") || self.path.starts_with(&format!("{module}/"))
    }

    /// The lines before the inline tests, numbered from 1.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let opens = |line: &str| line.starts_with("mod ") || line.contains("mod ") && line.ends_with('{');
        let tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && opens(pair[1]);
        let end = lines.windows(2).position(tests).unwrap_or(lines.len());
        lines
            .into_iter()
            .take(end)
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The product lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.product()
            .map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
    }

    fn is_test(&self) -> bool {
        !self.is_under("src") && !self.is_under("raft/src") || self.path.ends_with("/tests.rs")
    }

    /// A table that a program wrote may be as long as it is.
    fn is_generated(&self) -> bool {
        self.text
            .lines()
            .take(5)
            .any(|line| line.starts_with("//") && line.contains("Generated by"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, accept: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && name != ".git" {
            collect(&path, accept, found);
        } else if path.is_file() && accept(&path) {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Option<Source> {
    let relative = path
        .strip_prefix(root())
        .expect("a path below the root")
        .to_string_lossy()
        .replace('\\', "/");
    fs::read_to_string(path)
        .ok()
        .map(|text| Source { path: relative, text })
}

fn rust_files() -> Vec<Source> {
    let mut paths = Vec::new();
    for directory in RUST_ROOTS {
        collect(
            &root().join(directory),
            &|path| path.extension().is_some_and(|e| e == "rs"),
            &mut paths,
        );
    }
    let files: Vec<Source> = paths.iter().filter_map(|path| read(path)).collect();
    assert!(
        files.len() > 10,
        "the search for Rust files found only {}",
        files.len()
    );
    files
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Passes when nothing was found; else shows all of it at once.
#[track_caller]
fn check(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}\n  {}", offences.join("\n  "));
}

#[test]
fn every_file_says_what_it_is_for() {
    let files = rust_files();
    let silent = files
        .iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path.clone());
    check(
        "the first line of a file is `//!` and its one job:",
        silent.collect(),
    );
}

#[test]
fn no_module_is_called_mod() {
    let files = rust_files();
    let named = files
        .iter()
        .filter(|file| file.path.ends_with("/mod.rs"))
        .map(|file| file.path.clone());
    check("`foo.rs` beside `foo/`, not `foo/mod.rs`:", named.collect());
}

#[test]
fn files_stay_short() {
    let files = rust_files();
    let long = files
        .iter()
        .filter(|file| !file.is_test() && !file.is_generated())
        .map(|file| (file, file.product().count()))
        .filter(|(_, lines)| *lines > MAX_PRODUCT_LINES)
        .map(|(file, lines)| format!("{}: {lines}", file.path));
    check("a file has at most 600 lines without its tests:", long.collect());
}

#[test]
fn decisions_know_no_runtime_clock_or_chance() {
    let mut offences = Vec::new();
    for file in rust_files() {
        let pure = PURE.iter().any(|module| file.is_under(module));
        if !pure || NOT_PURE.iter().any(|module| file.is_under(module)) || file.is_test() {
            continue;
        }
        for (number, line) in file.code() {
            for (word, what) in IMPURE_WORDS {
                if words(line).any(|found| found == word) {
                    offences.push(format!("{}:{number}: {what} (`{word}`)", file.path));
                }
            }
        }
    }
    check(
        "pure modules import no runtime, server, clock or randomness:",
        offences,
    );
}

#[test]
fn the_data_plane_never_waits_for_consensus() {
    let mut offences = Vec::new();
    for file in rust_files() {
        let Some((_, allowed)) = DATA_PLANE.iter().find(|(module, _)| file.is_under(module)) else {
            continue;
        };
        for (number, line) in file.code() {
            let mut after = line
                .match_indices("klamm_raft::")
                .map(|(at, path)| &line[at + path.len()..]);
            if !after.all(|rest| words(rest).next().is_some_and(|word| allowed.contains(&word))) {
                offences.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    check(
        "the data plane uses the replicated model, never the node:",
        offences,
    );
}

/// The modules that are there for tests only, as paths without `.rs`.
fn test_modules(files: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let folder = file.path.trim_end_matches(".rs").trim_end_matches("/lib");
        let lines: Vec<&str> = file.text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            if let Some((_, name)) = pair[1].trim_end_matches(';').split_once("mod ") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

#[test]
fn no_two_modules_need_each_other() {
    let files = rust_files();
    let tests = test_modules(&files);
    let mut used = BTreeSet::new();
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.is_under("src")) {
        let path = file.path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = path.split('/').next().unwrap_or_default();
        if MAY_USE_ALL.contains(&module) || tests.iter().any(|test| file.is_under(test)) {
            continue;
        }
        for (number, line) in file.code() {
            let named = line
                .match_indices("crate::")
                .map(|(at, path)| &line[at + path.len()..]);
            for other in named
                .filter_map(|rest| words(rest).next())
                .filter(|other| *other != module)
            {
                let allowed = MAY_USE.iter().find(|(name, _)| *name == module);
                if allowed.is_some_and(|(_, allowed)| allowed.contains(&other)) {
                    used.insert((module.to_owned(), other.to_owned()));
                } else {
                    offences.push(format!("{}:{number}: {}", file.path, line.trim()));
                }
            }
        }
    }
    for (index, (module, allowed)) in MAY_USE.iter().enumerate() {
        for other in *allowed {
            if !MAY_USE[..index].iter().any(|(name, _)| name == other) {
                offences.push(format!("the list: {other} is not before {module}"));
            }
            if !used.contains(&((*module).to_owned(), (*other).to_owned())) {
                offences.push(format!("the list: {module} does not use {other}"));
            }
        }
    }
    check(
        "a module uses only what the list of this test lets it use:",
        offences,
    );
}

/// The types of product code: their name, where, and whether other modules see them.
fn types(files: &[Source]) -> Vec<(String, String, Seen)> {
    let tests = test_modules(files);
    let mut found = Vec::new();
    let product = |file: &&Source| {
        (file.is_under("src") || file.is_under("raft/src")) && !tests.iter().any(|test| file.is_under(test))
    };
    for file in files.iter().filter(product) {
        for (number, line) in file.code() {
            // What a trait calls a type is no name of ours.
            if line.starts_with("    type ") {
                continue;
            }
            let line = line.trim_start();
            let (visibility, rest) = match line.strip_prefix("pub") {
                Some(rest) if rest.starts_with('(') => rest
                    .split_once(") ")
                    .map_or((Seen::Here, ""), |(_, rest)| (Seen::InCrate, rest)),
                Some(rest) => (Seen::Everywhere, rest.trim_start()),
                None => (Seen::Here, line),
            };
            let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
            let after = kinds.iter().find_map(|kind| rest.strip_prefix(kind));
            if let Some(name) = after.and_then(|after| words(after).next()) {
                found.push((name.to_owned(), format!("{}:{number}", file.path), visibility));
            }
        }
    }
    found
}

/// Who sees a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Here,
    InCrate,
    Everywhere,
}

#[test]
fn a_name_stands_for_one_type() {
    let files = rust_files();
    let types = types(&files);
    let is_of_raft = |at: &str| at.starts_with("raft/");
    let mut offences = Vec::new();
    for (index, (name, at, seen)) in types.iter().enumerate() {
        let meets = |(_, other, other_seen): &&(String, String, Seen)| {
            is_of_raft(at) == is_of_raft(other)
                || [(at, seen), (other, other_seen)]
                    .iter()
                    .all(|(at, seen)| !is_of_raft(at) || **seen == Seen::Everywhere)
        };
        let earlier = types[..index].iter().filter(|(other, ..)| other == name);
        let twin = earlier.filter(|(_, _, seen)| *seen != Seen::Here).find(meets);
        if let Some((_, twin, _)) = twin.filter(|_| *seen != Seen::Here)
            && !NAMED_TWICE.iter().any(|(listed, _)| listed == name)
        {
            offences.push(format!("{name}: {twin}, {at}"));
        }
    }
    for (listed, _) in NAMED_TWICE {
        if types.iter().filter(|(name, ..)| name == listed).count() < 2 {
            offences.push(format!("the list: {listed} is not used twice"));
        }
    }
    check("no two modules show a type of the same name:", offences);
}

#[test]
fn house_words_are_in_the_glossary() {
    let page = read(&root().join("docs/ARCHITECTURE.md")).expect("the page on architecture");
    let plain = read(&root().join("tests/tidy/plain.txt")).expect("the list of plain words");
    let rows = page.text.lines().filter_map(|line| line.strip_prefix("| "));
    let explained: BTreeSet<String> = rows
        .filter_map(|row| row.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(|word| word.trim_matches('`').to_lowercase())
        .collect();
    let plain: BTreeSet<&str> = plain.text.lines().filter(|line| !line.starts_with('#')).collect();
    let files = rust_files();
    let is_one_word = |name: &str| name.len() > 1 && name.bytes().filter(u8::is_ascii_uppercase).count() == 1;
    let unknown = types(&files)
        .into_iter()
        .filter(|(name, ..)| is_one_word(name))
        .filter(|(name, ..)| !plain.contains(name.as_str()) && !explained.contains(&name.to_lowercase()))
        .map(|(name, at, _)| format!("{name}: {at}"));
    check(
        "a type of one word is in the glossary of docs/ARCHITECTURE.md, or in tests/tidy/plain.txt if it means what it says:",
        unknown.collect(),
    );
}

#[test]
fn a_doc_comment_begins_with_its_subject() {
    let mut offences = Vec::new();
    for file in rust_files() {
        let mut before = "";
        for (number, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            let mark = line.get(..3).unwrap_or_default();
            let begins = matches!(mark, "///" | "//!") && (before.len() < 4 || !before.starts_with(mark));
            let text = line.get(4..).unwrap_or_default();
            if begins && SUBJECTLESS.iter().any(|start| text.starts_with(start)) {
                offences.push(format!("{}:{}: {line}", file.path, number + 1));
            }
            before = line;
        }
    }
    check(
        "a doc comment stands alone, and begins with what it is about:",
        offences,
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"]].map(|parts| parts.concat());
    let attributes = ["#[ign", "ore"].concat();
    let dead = ["allow(dead", "_code"].concat();
    let mut offences = Vec::new();
    for file in rust_files() {
        for (number, line) in file.text.lines().enumerate() {
            let marked = words(line).any(|word| marks.iter().any(|mark| mark == word));
            // A test that takes too long for the test command has a target of its own.
            let is_off = line.contains(&attributes) && !line.contains(": make ");
            if marked || is_off || line.contains(&dead) {
                offences.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    check(
        "nothing is left for later, switched off or kept though dead:",
        offences,
    );
}

#[test]
fn what_runs_for_long_is_supervised() {
    let mut offences = Vec::new();
    for file in rust_files() {
        let may = |(path, _): &(&str, &str)| file.path == *path || file.is_under(path);
        // `start` of a range is no actor's.
        if file.is_test() || file.is_under("src/config") || MAY_START.iter().any(may) {
            continue;
        }
        for (number, line) in file.code() {
            if BARE_STARTS.iter().any(|start| line.contains(start)) {
                offences.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    check(
        "a task or actor that may panic unseen is started by `supervision`:",
        offences,
    );
}

#[test]
fn no_machine_is_named() {
    let places = [["/wo", "rk/"], ["/ro", "ot/"]].map(|parts| parts.concat());
    let texts = ["rs", "md", "toml", "sh", "yaml", "yml", "xml", "service", "json"];
    let mut paths = Vec::new();
    collect(
        root(),
        &|path| path.extension().is_some_and(|e| texts.iter().any(|t| e == *t)),
        &mut paths,
    );
    paths.extend([root().join("Makefile"), root().join(".ci/run")]);
    let mut offences = Vec::new();
    for file in paths.iter().filter_map(|path| read(path)) {
        for (number, line) in file.text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                offences.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    check("no path of somebody's machine:", offences);
}

/// Since when something is an exception, why, and what ends it.
fn is_whole_exception(line: &str) -> bool {
    let reason = line.split_once("reason = \"").map(|(_, reason)| reason);
    let parts = reason.and_then(|reason| reason.split_once(": "));
    parts.is_some_and(|(date, text)| {
        let digits: Vec<usize> = date.split('-').map(str::len).collect();
        let is_date = digits == [4, 2, 2] && date.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        let (why, end) = text.split_once("; ends when ").unwrap_or_default();
        is_date && !why.is_empty() && end.len() > 3
    })
}

#[test]
fn exceptions_of_advisories_have_a_date_a_reason_and_an_end() {
    let file = read(&root().join("deny.toml")).expect("deny.toml");
    let bare = file
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("RUSTSEC-") && !is_whole_exception(line))
        .map(|(number, line)| format!("deny.toml:{}: {line}", number + 1));
    check(
        "an exception is { id = \"…\", reason = \"DATE: REASON; ends when CONDITION\" }",
        bare.collect(),
    );
    assert!(!is_whole_exception("\"RUSTSEC-2025-0141\","));
    assert!(!is_whole_exception(
        "{ id = \"RUSTSEC-2025-0141\", reason = \"unmaintained\" }"
    ));
}

#[test]
fn the_lock_file_is_kept() {
    let ignored = fs::read_to_string(root().join(".gitignore")).expect("a .gitignore");
    assert!(
        root().join("Cargo.lock").is_file(),
        "Cargo.lock belongs to the project"
    );
    assert!(
        !ignored
            .lines()
            .any(|line| line.trim_start_matches('/') == "Cargo.lock"),
        "Cargo.lock is ignored by git"
    );
}
