//! Whom quotas are for, in the words of Kafka's protocol: types with names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::wire::{Node, field};
use klamm_raft::model::{QuotaEntity, QuotaKey, QuotaName};

pub(super) const USER: &str = "user";
pub(super) const CLIENT: &str = "client-id";
/// The type of quotas by address.
pub(super) const ADDRESS: &str = "ip";

/// The longest name that a quota is kept for, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// The quotas that addresses have, and those of everybody else.
const OF_ADDRESSES: &[QuotaKey] = &[QuotaKey::ConnectionCreationRate];
const OF_OTHERS: &[QuotaKey] = &[
    QuotaKey::ProducerByteRate,
    QuotaKey::ConsumerByteRate,
    QuotaKey::RequestPercentage,
    QuotaKey::ControllerMutationRate,
];

/// Whom a request is about, whether quotas can be for that or not. Without a name, it is the default of the type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntityWords<'a>(BTreeMap<&'a str, Option<&'a str>>);

impl<'a> EntityWords<'a> {
    /// Those of an entry of a request. Of a type that is there twice, the last counts.
    pub(super) fn of(entry: Node<'a>) -> Self {
        let parts = entry.items(field::ENTITY).map(|part| {
            let kind = part.text_in(field::ENTITY_TYPE).unwrap_or_default();
            (kind, part.text_in(field::ENTITY_NAME))
        });
        Self(parts.collect())
    }

    /// The types, each with its name.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        self.0.iter().map(|(kind, name)| (*kind, *name))
    }

    /// The quotas that it can have.
    pub(super) fn keys(&self) -> &'static [QuotaKey] {
        match self.0.contains_key(ADDRESS) {
            true => OF_ADDRESSES,
            false => OF_OTHERS,
        }
    }

    /// Whom the quotas are for.
    ///
    /// # Errors
    /// There are no quotas for that, as the words say.
    pub(super) fn entity(&self) -> Result<QuotaEntity, String> {
        if self.0.is_empty() {
            return Err("Invalid empty client quota entity".to_owned());
        }
        for (kind, name) in self.parts() {
            if ![USER, CLIENT, ADDRESS].contains(&kind) {
                return Err(format!("Unhandled client quota entity type: {kind}"));
            }
            if name == Some("") {
                return Err(format!("Empty {kind} not supported"));
            }
            if name.is_some_and(|name| name.len() > MAX_NAME_BYTES) {
                return Err(format!(
                    "The name of {kind} is longer than {MAX_NAME_BYTES} bytes"
                ));
            }
        }
        let name = |kind| self.0.get(kind).map(|name| quota_name(name.map(Cow::Borrowed)));
        match (name(USER), name(CLIENT), self.0.get(ADDRESS)) {
            (Some(user), Some(client), None) => Ok(QuotaEntity::UserAndClient(user, client)),
            (Some(user), None, None) => Ok(QuotaEntity::User(user)),
            (None, Some(client), None) => Ok(QuotaEntity::Client(client)),
            (None, None, Some(None)) => Ok(QuotaEntity::Address(QuotaName::Default)),
            (None, None, Some(Some(text))) => match canonical(text) {
                Some(address) => Ok(QuotaEntity::Address(quota_name(Some(address)))),
                None => Err(format!("{text} is not a valid IP or resolvable host.")),
            },
            // Kafka's spelling.
            _ => Err(
                "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId"
                    .to_owned(),
            ),
        }
    }
}

/// As a broker writes it.
impl fmt::Display for EntityWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientQuotaEntity(entries={")?;
        for (at, (kind, name)) in self.parts().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{kind}={}", name.unwrap_or("null"))?;
        }
        f.write_str("})")
    }
}

fn quota_name(name: Option<Cow<'_, str>>) -> QuotaName {
    name.map_or(QuotaName::Default, |name| QuotaName::Named(name.into_owned()))
}

/// An address in the one spelling that it is kept in.
pub(super) fn canonical(text: &str) -> Option<Cow<'_, str>> {
    let address: IpAddr = text.parse().ok()?;
    Some(Cow::Owned(address.to_canonical().to_string()))
}

/// The types of an entity, each with its name.
pub(super) fn parts(entity: &QuotaEntity) -> Vec<(&'static str, Option<&str>)> {
    fn name(name: &QuotaName) -> Option<&str> {
        match name {
            QuotaName::Default => None,
            QuotaName::Named(name) => Some(name),
        }
    }
    match entity {
        QuotaEntity::User(user) => vec![(USER, name(user))],
        QuotaEntity::Client(client) => vec![(CLIENT, name(client))],
        QuotaEntity::UserAndClient(user, client) => vec![(USER, name(user)), (CLIENT, name(client))],
        QuotaEntity::Address(address) => vec![(ADDRESS, name(address))],
    }
}
