//! The users of the admin API.

use crate::secret::Secret;

use super::hint;
use super::problem::{Problem, SettingPlace};
use super::settings::Setting;
use super::tree::{self, TreeEntry, TreeNode, TreeValue};

/// One user of the admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminUser {
    /// Not empty, and without `:`, which HTTP Basic cannot carry.
    pub username: String,
    pub password: Secret,
    pub role: Role,
}

/// The rights of a user of the admin API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `admin: true`.
    Admin,
    ReadOnly,
}

/// Known to everybody, hence only for an admin API that nobody else can reach.
pub(super) fn default_users() -> Vec<AdminUser> {
    vec![AdminUser {
        username: "admin".to_owned(),
        password: Secret::new("conduktor"),
        role: Role::Admin,
    }]
}

const FORM: &str = "the form is [{username: alice, password: secret, admin: true}]";

/// Reads the list, given as YAML or as a text that holds YAML. `None` when there is a problem.
pub(super) fn parse(setting: Setting, problems: &mut Vec<Problem>) -> Option<Vec<AdminUser>> {
    let before = problems.len();
    let in_text;
    let value = match setting.value {
        TreeValue::Text(text) => {
            in_text = true;
            match tree::parse(&text) {
                Ok(node) => node.value,
                // The parser's message could quote a password.
                Err(_) => {
                    problems.push(Problem::new(setting.place, "this is not a YAML list").hint(FORM));
                    return None;
                }
            }
        }
        other => {
            in_text = false;
            other
        }
    };
    let TreeValue::List(nodes) = value else {
        problems.push(Problem::new(setting.place, "a list of users is expected").hint(FORM));
        return None;
    };
    if nodes.is_empty() {
        problems.push(Problem::new(setting.place.clone(), "at least one user is needed").hint(FORM));
    }
    let mut users: Vec<AdminUser> = Vec::new();
    for node in nodes {
        let place = if in_text {
            setting.place.clone()
        } else {
            at_line(&setting.place, node.line)
        };
        let Some(user) = user(node, &place, problems) else {
            continue;
        };
        if users.iter().any(|known| known.username == user.username) {
            problems.push(Problem::new(
                place,
                format!("the user {:?} is given twice", user.username),
            ));
        }
        users.push(user);
    }
    (problems.len() == before).then_some(users)
}

fn at_line(place: &SettingPlace, line: u64) -> SettingPlace {
    match place.clone() {
        SettingPlace::File { path, key, .. } => SettingPlace::File {
            path,
            line: Some(line),
            key,
        },
        other => other,
    }
}

fn user(node: TreeNode, place: &SettingPlace, problems: &mut Vec<Problem>) -> Option<AdminUser> {
    let TreeValue::Map(entries) = node.value else {
        problems.push(Problem::new(place.clone(), "a user is a map with username and password").hint(FORM));
        return None;
    };
    let (mut username, mut password, mut role) = (None, None, Role::ReadOnly);
    let before = problems.len();
    for TreeEntry { name, node, .. } in entries {
        match (name.as_str(), node.value) {
            ("username", TreeValue::Text(text)) => username = Some(text),
            ("password", TreeValue::Text(text)) => password = Some(Secret::new(text)),
            ("admin", TreeValue::Text(text)) if text == "true" => role = Role::Admin,
            ("admin", TreeValue::Text(text)) if text == "false" => role = Role::ReadOnly,
            ("admin", _) => problems.push(Problem::new(place.clone(), "admin must be true or false")),
            ("username" | "password", _) => {
                problems.push(Problem::new(place.clone(), format!("{name} must be a text")));
            }
            _ => {
                let problem = Problem::new(place.clone(), format!("the key {name:?} of a user is unknown"));
                problems.push(
                    match hint::nearest(&name, ["username", "password", "admin"].into_iter()) {
                        Some(meant) => problem.hint(format!("did you mean {meant}?")),
                        None => problem.hint(FORM),
                    },
                );
            }
        }
    }
    match &username {
        Some(name) if name.is_empty() || name.contains(':') => {
            problems.push(Problem::new(
                place.clone(),
                "a username must not be empty or contain a colon",
            ));
        }
        None => problems.push(Problem::new(place.clone(), "a user has no username").hint(FORM)),
        Some(_) => {}
    }
    match &password {
        Some(password) if password.reveal().is_empty() => {
            problems.push(Problem::new(place.clone(), "a password is empty"));
        }
        None => problems.push(Problem::new(place.clone(), "a user has no password").hint(FORM)),
        Some(_) => {}
    }
    if problems.len() > before {
        return None;
    }
    Some(AdminUser {
        username: username?,
        password: password?,
        role,
    })
}
