//! The admin API: where it is opened, who may use it, and the names that it is known by.

use std::collections::BTreeSet;

use klamm_raft::model::Routing;

use super::super::problem::Problem;
use super::super::settings::Setting;
use super::super::tree::{self, TreeValue};
use super::super::{Audience, HttpConfig, ReadFile, listeners, reference, users};
use super::{Builder, is_loopback};
use crate::address::HostPort;
use crate::listener::config::ListenerConfig;

impl Builder {
    /// The configuration of the admin API.
    pub(super) fn http(&mut self, listeners: &[ListenerConfig], read: ReadFile<'_>) -> HttpConfig {
        let given = self.settings.keys.get(reference::USERS).cloned();
        let explicit = given.is_some();
        let users = given.map_or_else(
            || Some(users::default_users()),
            |setting| users::parse(setting, &mut self.problems),
        );
        let default_host = match explicit {
            true => self
                .text(reference::BIND_HOST)
                .and_then(|text| listeners::parse_host(&text).ok())
                .unwrap_or_else(|| "0.0.0.0".to_owned()),
            false => "127.0.0.1".to_owned(),
        };
        let host = self.host(reference::HTTP_HOST).unwrap_or(default_host);
        if !explicit && !is_loopback(&host) {
            self.problems.push(
                Problem::new(
                    self.place(reference::HTTP_HOST),
                    format!(
                        "the admin API would be open on {host} with a user and password that everybody knows"
                    ),
                )
                .hint("set GATEWAY_ADMIN_API_USERS='[{username: ..., password: ..., admin: true}]'"),
            );
        }
        let here_only = match is_loopback(&host) {
            true => Audience::Everybody,
            false => Audience::Users,
        };
        HttpConfig {
            hosts: self.hosts(&host, listeners),
            metrics: self.metrics_for().unwrap_or(here_only),
            description: here_only,
            variables: self.allowed_variables(),
            bind: HostPort {
                host,
                port: self.number(reference::HTTP_PORT, 1..=u16::MAX, 8888),
            },
            users: users.unwrap_or_default(),
            tls: self.http_tls(read),
        }
    }

    /// The names of the admin API: where it is opened, what clients are told, and those of the list.
    fn hosts(&mut self, bound: &str, listeners: &[ListenerConfig]) -> BTreeSet<String> {
        let mut hosts = BTreeSet::from([bound.to_owned()]);
        hosts.extend(self.text(reference::ADVERTISED_HOST));
        hosts.extend(listeners.iter().filter_map(|listener| match &listener.routing {
            Routing::Port { host, .. } => Some(host.clone()),
            Routing::Sni { .. } => None,
        }));
        for host in self.texts(reference::HTTP_HOSTS) {
            match listeners::parse_host(&host) {
                Ok(host) => drop(hosts.insert(host)),
                Err(why) => {
                    let place = self.place(reference::HTTP_HOSTS);
                    self.refuse(place, why);
                }
            }
        }
        hosts
    }

    fn metrics_for(&mut self) -> Option<Audience> {
        match self.text(reference::METRICS_PUBLIC)?.trim() {
            "true" => Some(Audience::Everybody),
            "false" => Some(Audience::Users),
            other => {
                let message = format!("{other:?} is neither true nor false");
                self.refuse(self.place(reference::METRICS_PUBLIC), message);
                None
            }
        }
    }

    fn allowed_variables(&mut self) -> Vec<String> {
        let names = self.texts(reference::ENV_ALLOW);
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for name in &names {
            let begin = name.strip_suffix('*').unwrap_or(name);
            if begin.is_empty() || !begin.chars().all(legal) {
                let message = format!(
                    "{name:?} is neither the name of a variable nor the beginning of one with * at its end"
                );
                self.refuse(self.place(reference::ENV_ALLOW), message);
            }
        }
        names
    }

    /// A list of texts, as YAML or with commas; empty if nothing is set.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(Setting { place, value }) = self.settings.keys.get(key).cloned() else {
            return Vec::new();
        };
        let value = match value {
            TreeValue::Text(text) if text.trim_start().starts_with('[') => {
                tree::parse(&text).map(|node| node.value)
            }
            value => Ok(value),
        };
        let texts = match value {
            Ok(TreeValue::Text(text)) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            Ok(TreeValue::List(nodes)) => nodes
                .into_iter()
                .map(|node| match node.value {
                    TreeValue::Text(text) => text.trim().to_owned(),
                    _ => String::new(),
                })
                .collect(),
            _ => Vec::new(),
        };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            let problem = Problem::new(place, "a list of texts is expected, none of them empty");
            self.problems
                .push(problem.hint("for instance [one, two], or one,two"));
            return Vec::new();
        }
        texts
    }
}
