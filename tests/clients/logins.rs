//! Stock clients log in by every row and mode of the authentication table, and are refused: a good login writes a record
//! that the broker then has and reads it; a bad one is the client's own error and leaves nothing.
//!
//! `make logins` runs all clients; `make test` two. `KLAMM_LOGINS` names which, separated by commas, or `all`.

#[path = "logins/place.rs"]
mod place;
#[path = "logins/rows.rs"]
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use klamm::quickstart::child;

use crate::clients::desk::java;
use crate::clients::matrix::entries;
use crate::federation::scene::OWNED;
use crate::scene::script;
use place::{Place, SHARED};
use rows::{Attempt, Expected, Row};

const HOLES: &str = include_str!("logins/holes.txt");

/// All, and whether they log in again on the same connection (KIP-368).
const CLIENTS: [(&str, bool); 6] = [
    ("java", true),
    ("librdkafka", true),
    ("franz-go", true),
    ("sarama", true),
    ("aiokafka", false),
    ("kafkajs", true),
];

/// Those that `make test` runs.
const QUICK: &str = "java,librdkafka";

/// How many lines of the node's log are shown with a fault.
const SHOWN_LINES: usize = 12;

/// How long a client's program may take, with what it installs.
const LIMIT: Duration = Duration::from_secs(400);

fn chosen() -> Result<Vec<(&'static str, bool)>> {
    let wanted = std::env::var("KLAMM_LOGINS").unwrap_or_else(|_| QUICK.to_owned());
    let known = |name: &str| CLIENTS.into_iter().find(|(client, _)| *client == name);
    match wanted.as_str() {
        "all" => Ok(CLIENTS.to_vec()),
        names => names
            .split(',')
            .map(|name| known(name).with_context(|| format!("no client {name}")))
            .collect(),
    }
}

/// The words of a client about each attempt: one that says how it went, and the rest.
type Said = BTreeMap<String, (String, String)>;

/// The value of the one record that an attempt writes.
fn record(client: &str, id: &str) -> String {
    format!("{id} by {client}")
}

/// Lets a client try all.
fn play(client: &str, input: &str) -> Result<Said> {
    let mut command;
    if client == "java" {
        // The Kafka that all tests use.
        command = script("tool");
        command.arg(java("Login.java"));
    } else {
        command = child::guarded("bash");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/clients.sh");
        command.arg(script).args(["login", client]);
    }
    let output = child::run(command, input, LIMIT)?;
    ensure!(output.status.success(), "{client}: {}", output.all());
    let said = output.stdout.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        Some((words.next()?, (words.next()?, words.next().unwrap_or_default())))
    });
    Ok(said.collect())
}

/// The lines that a client's program reads.
fn input(client: &str, rows: &[Row]) -> Result<String> {
    let mut lines = String::new();
    for (row, attempt) in rows.iter().flat_map(Row::each) {
        let mut login = (attempt.login)(client)?;
        let id = row.id(attempt);
        login["record"] = record(client, &id).into();
        login["id"] = id.into();
        lines.push_str(&format!("{login}\n"));
    }
    Ok(lines)
}

/// The traces of all attempts at the broker and at the gateway.
struct Found {
    records: BTreeMap<&'static str, Vec<String>>,
    log: String,
}

impl Found {
    fn read(place: &Place) -> Result<Self> {
        let records = [OWNED, SHARED].map(|topic| Ok((topic, place.federation.stored_in(topic)?)));
        Ok(Self {
            records: records.into_iter().collect::<Result<_>>()?,
            log: place.log(),
        })
    }

    fn count(&self, topic: &str, record: &str) -> usize {
        let of_topic = self.records.get(topic).into_iter().flatten();
        of_topic.filter(|stored| *stored == record).count()
    }

    /// Whether somebody logged in again on a connection.
    fn again(&self, vcluster: &str, principal: &str) -> bool {
        let principal = format!("principal=User:{principal} ");
        self.is_logged(vcluster, &["event=\"login\"", "again=true", &principal])
    }

    /// Whether a login was refused for this reason.
    fn refused(&self, vcluster: &str, kind: &str) -> bool {
        let kind = format!("kind=\"{kind}\"");
        self.is_logged(vcluster, &["event=\"login_refused\"", &kind])
    }

    /// Whether the node has logged a line with all of these.
    fn is_logged(&self, vcluster: &str, words: &[&str]) -> bool {
        let vcluster = format!("vcluster={vcluster} ");
        let mut lines = self.log.lines().filter(|line| line.contains(&vcluster));
        lines.any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// The last lines of the node about logins to a virtual cluster, and about brokers.
    fn logged(&self, vcluster: &str) -> Vec<&str> {
        let vcluster = format!("vcluster={vcluster} ");
        let is_of = |line: &&str| {
            line.contains("event=\"login") && line.contains(&vcluster) || line.contains("relayed")
        };
        let lines: Vec<&str> = self.log.lines().filter(is_of).collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].to_vec()
    }

    /// The fault in what was said of an attempt, if there is one.
    fn fault(
        &self,
        (client, knows_again): (&str, bool),
        row: &Row,
        attempt: &Attempt<'_>,
        (word, rest): (&str, &str),
    ) -> Option<String> {
        let record = record(client, &row.id(attempt));
        let stored = self.count(row.topic, &record);
        let is_in = word == "ok" && rest == stored.to_string() && stored > 0;
        let fault = match attempt.expected {
            Expected::In | Expected::Again if !is_in => "must log in",
            Expected::Again if knows_again && !self.again(row.vcluster, row.principal(client)) => {
                "must log in again"
            }
            Expected::In | Expected::Again => return None,
            _ if stored > 0 => "left something",
            Expected::Refused(_) | Expected::RefusedByBroker(_) | Expected::NoSasl if word != "refused" => {
                "must be refused"
            }
            Expected::Refused(kind) if !self.refused(row.vcluster, kind) => "must be refused for its fault",
            Expected::RefusedByBroker(_) if !self.refused(row.vcluster, "broker_refused") => {
                "must be refused by the broker"
            }
            Expected::RefusedByBroker(words) if !rest.contains(words) => "must be told the broker's words",
            Expected::NoTls if word != "tls" => "must not get TLS",
            Expected::Closed if word != "closed" => "must be hung up on",
            Expected::NoTlsOrClosed if !["tls", "closed"].contains(&word) => "must not get in",
            _ => return None,
        };
        Some(format!("{fault}, {stored} stored; it says: {word} {rest}"))
    }
}

/// A line of the closed list.
struct Hole {
    client: &'static str,
    row: &'static str,
    attempt: &'static str,
    /// The words of the client instead: one of these, separated by bars.
    words: &'static str,
}

impl Hole {
    fn all() -> Result<Vec<Self>> {
        let read = |line: &'static str| {
            let mut words = line.splitn(4, ' ');
            let (client, what, instead, _reason) =
                (words.next()?, words.next()?, words.next()?, words.next()?);
            let (row, attempt) = what.split_once('/')?;
            Some(Self {
                client,
                row,
                attempt,
                words: instead,
            })
        };
        entries(HOLES)
            .map(|line| read(line).with_context(|| format!("no CLIENT ROW/ATTEMPT WORD REASON: {line}")))
            .collect()
    }

    fn says(&self, word: &str) -> bool {
        self.words.split('|').any(|known| known == word)
    }

    fn is_for(&self, client: &str, row: &str, attempt: &str) -> bool {
        let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        self.client == client && fits(self.row, row) && fits(self.attempt, attempt)
    }
}

#[test]
fn stock_clients_log_in_by_every_row_of_the_table() -> Result<()> {
    let started = Instant::now();
    let place = Place::start()?;
    let rows = rows::all(&place)?;
    println!("prepared after {} s", started.elapsed().as_secs());
    let clients = chosen()?;
    let said = thread::scope(|scope| {
        let play_one = |(client, _): (&'static str, bool)| {
            let input = input(client, &rows);
            (client, scope.spawn(move || play(client, &input?)))
        };
        let running: Vec<_> = clients.iter().copied().map(play_one).collect();
        let end = |(client, job): (&'static str, thread::ScopedJoinHandle<'_, Result<Said>>)| {
            Ok((client, job.join().map_err(|_| anyhow!("{client} panicked"))??))
        };
        running.into_iter().map(end).collect::<Result<BTreeMap<_, _>>>()
    })?;
    println!("all tried after {} s", started.elapsed().as_secs());
    let judged = Table::of(&clients, &rows, &said, &Found::read(&place)?)?;
    println!("{}", judged.text);
    ensure!(
        judged.wrong.is_empty(),
        "not as expected:\n{}",
        judged.wrong.join("\n")
    );
    Ok(())
}

/// Row × client, for people, and what is wrong.
#[derive(Default)]
struct Table {
    /// `+` as it must be, `-` a known hole, `X` neither.
    text: String,
    wrong: Vec<String>,
}

impl Table {
    fn of(
        clients: &[(&'static str, bool)],
        rows: &[Row<'_>],
        said: &BTreeMap<&str, Said>,
        found: &Found,
    ) -> Result<Self> {
        let holes = Hole::all()?;
        let mut table = Self::default();
        let names: String = clients
            .iter()
            .map(|(client, _)| format!("{client:>14}"))
            .collect();
        table.text = format!("{:<24}{names}\n", "");
        for row in rows {
            table.text.push_str(&format!("{:<24}", row.vcluster));
            for client in clients {
                let mut signs = BTreeSet::new();
                for attempt in &row.attempts {
                    signs.insert(table.sign(*client, (row, attempt), &said[client.0], (found, &holes)));
                }
                let signs: String = signs.into_iter().collect();
                table.text.push_str(&format!("{signs:>14}"));
            }
            table.text.push('\n');
        }
        Ok(table)
    }

    fn sign(
        &mut self,
        client: (&str, bool),
        (row, attempt): (&Row<'_>, &Attempt<'_>),
        said: &Said,
        (found, holes): (&Found, &[Hole]),
    ) -> char {
        let id = row.id(attempt);
        let (word, rest) = said.get(&id).map_or(("nothing", ""), |(word, rest)| (word, rest));
        let stored = found.count(row.topic, &record(client.0, &id));
        let hole = holes
            .iter()
            .find(|hole| hole.is_for(client.0, row.vcluster, attempt.what));
        match (found.fault(client, row, attempt, (word, rest)), hole) {
            (None, None) => '+',
            (None, Some(hole)) if hole.says(word) => '+',
            (Some(_), Some(hole)) if hole.says(word) && stored == 0 => '-',
            (fault, _) => {
                let fault = fault.unwrap_or_else(|| "is in holes.txt and went well".to_owned());
                let logged = found.logged(row.vcluster).join("\n  ");
                self.wrong.push(format!("{} {id}: {fault}\n  {logged}", client.0));
                'X'
            }
        }
    }
}
