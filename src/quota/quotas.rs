//! The quotas of a virtual cluster on a node: the one that holds for somebody is the one that Kafka's rules find. Above them are
//! the limits that the operator has set for the virtual cluster as a whole.

use std::borrow::Cow;
use std::net::IpAddr;

use klamm_raft::model::{ClientQuotas, Limit, Limits, QuotaEntity, QuotaKey, QuotaName, QuotaValue, Shared};

/// Quotas and limits, and how many nodes share what they allow.
#[derive(Debug, PartialEq, Eq)]
pub struct Quotas {
    stored: Shared<ClientQuotas>,
    limits: Limits,
    nodes: u32,
}

/// The limits that tenants see as quotas: nobody in the virtual cluster can have more.
const SEEN: [(QuotaKey, Limit); 3] = [
    (QuotaKey::ProducerByteRate, Limit::BytesIn),
    (QuotaKey::ConsumerByteRate, Limit::BytesOut),
    (QuotaKey::ConnectionCreationRate, Limit::NewConnections),
];

/// The quota that holds for somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How much of it is allowed in a second.
    pub rate: f64,
    /// How many nodes share that.
    pub nodes: u32,
    pub counted_for: CountedFor,
}

/// Those whose use counts together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CountedFor {
    pub user: Option<String>,
    pub client: Option<String>,
}

impl Quotas {
    /// Quotas and limits that so many nodes share; none, where there are none.
    pub fn new(stored: &Shared<ClientQuotas>, limits: &Limits, nodes: u32) -> Option<Self> {
        let limits = limits.of_clients();
        let are_none = stored.is_empty() && limits.0.is_empty();
        (!are_none).then(|| Self {
            stored: stored.clone(),
            limits,
            nodes: nodes.max(1),
        })
    }

    /// The quotas as tenants see them: none is above the limits of the virtual cluster, which are the quotas of those who have
    /// none.
    pub fn shown(&self) -> Cow<'_, ClientQuotas> {
        let mut shown = Cow::Borrowed(&*self.stored);
        for (key, limit) in SEEN {
            let Some(most) = self.limit(limit) else { continue };
            let most = QuotaValue::new(most as f64);
            let quotas = shown.to_mut();
            let set = quotas.values_mut().filter_map(|set| set.get_mut(&key));
            set.filter(|value| value.get() > most.get())
                .for_each(|value| *value = most);
            let everybody = match key {
                QuotaKey::ConnectionCreationRate => QuotaEntity::Address(QuotaName::Default),
                _ => QuotaEntity::User(QuotaName::Default),
            };
            quotas.entry(everybody).or_default().entry(key).or_insert(most);
        }
        shown
    }

    /// The most that anybody in the virtual cluster can be allowed of this, by which limit.
    pub fn most(&self, key: QuotaKey) -> Option<(u64, Limit)> {
        let (_, limit) = SEEN.iter().find(|(seen, _)| *seen == key)?;
        Some((self.limit(*limit)?, *limit))
    }

    /// The limit of the virtual cluster, if it has one.
    pub fn limit(&self, limit: Limit) -> Option<u64> {
        self.limits.0.get(&limit).copied()
    }

    /// The limit of the virtual cluster, of whoever it is.
    pub fn of_vcluster(&self, limit: Limit) -> Option<Found> {
        Some(Found {
            rate: self.limit(limit)? as f64,
            nodes: self.nodes,
            counted_for: CountedFor {
                user: None,
                client: None,
            },
        })
    }

    /// The quota of this kind that holds for a user who says that this is his client id: the first that there is of those in
    /// Kafka's order. Whose use counts together follows from which one it is.
    pub fn of_client(&self, key: QuotaKey, user: &str, client: &str) -> Option<Found> {
        use QuotaEntity::{Client, User, UserAndClient};
        let named = |name: &str| QuotaName::Named(name.to_owned());
        let default = || QuotaName::Default;
        let (by_user, by_client) = ((true, false), (false, true));
        let by_both = (true, true);
        let order = [
            (UserAndClient(named(user), named(client)), by_both),
            (UserAndClient(named(user), default()), by_both),
            (User(named(user)), by_user),
            (UserAndClient(default(), named(client)), by_both),
            (UserAndClient(default(), default()), by_both),
            (User(default()), by_user),
            (Client(named(client)), by_client),
            (Client(default()), by_client),
        ];
        let mut found = order
            .iter()
            .filter_map(|(entity, by)| Some((self.rate(entity, key)?, *by)));
        let (rate, (by_user, by_client)) = found.next()?;
        let counted_for = CountedFor {
            user: by_user.then(|| user.to_owned()),
            client: by_client.then(|| client.to_owned()),
        };
        Some(Found {
            rate,
            nodes: self.nodes,
            counted_for,
        })
    }

    /// How many nodes share what they allow.
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// How many connections an address may make in a second, if that is limited.
    pub fn of_address(&self, address: IpAddr) -> Option<f64> {
        let own = QuotaEntity::Address(QuotaName::Named(address.to_canonical().to_string()));
        let key = QuotaKey::ConnectionCreationRate;
        let all = || self.rate(&QuotaEntity::Address(QuotaName::Default), key);
        self.rate(&own, key).or_else(all)
    }

    fn rate(&self, entity: &QuotaEntity, key: QuotaKey) -> Option<f64> {
        let value = self.stored.get(entity)?.get(&key)?.get();
        Some(match key {
            // Nanoseconds of one thread.
            QuotaKey::RequestPercentage => value / 100.0 * 1e9,
            QuotaKey::ProducerByteRate
            | QuotaKey::ConsumerByteRate
            | QuotaKey::ControllerMutationRate
            | QuotaKey::ConnectionCreationRate => value,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEY: QuotaKey = QuotaKey::ProducerByteRate;

    fn quotas(entities: &[(QuotaEntity, f64)]) -> Quotas {
        let of = |(entity, rate): &(QuotaEntity, f64)| {
            (entity.clone(), BTreeMap::from([(KEY, QuotaValue::new(*rate))]))
        };
        let stored: ClientQuotas = entities.iter().map(of).collect();
        Quotas::new(&stored.into(), &Limits::default(), 1).unwrap()
    }

    /// From the last to the first in the order of Kafka's page on quotas; whose use counts together.
    #[test]
    fn the_more_particular_quota_holds() {
        let named = |name: &str| QuotaName::Named(name.to_owned());
        let default = || QuotaName::Default;
        use QuotaEntity::{Client, User, UserAndClient};
        let order = [
            (Client(default()), (None, Some("app"))),
            (Client(named("app")), (None, Some("app"))),
            (User(default()), (Some("alice"), None)),
            (UserAndClient(default(), default()), (Some("alice"), Some("app"))),
            (
                UserAndClient(default(), named("app")),
                (Some("alice"), Some("app")),
            ),
            (User(named("alice")), (Some("alice"), None)),
            (
                UserAndClient(named("alice"), default()),
                (Some("alice"), Some("app")),
            ),
            (
                UserAndClient(named("alice"), named("app")),
                (Some("alice"), Some("app")),
            ),
        ];
        let mut there = vec![
            (User(named("bob")), 0.1),
            (Client(named("other")), 0.2),
            (UserAndClient(named("bob"), named("app")), 0.3),
        ];
        assert_eq!(quotas(&there).of_client(KEY, "alice", "app"), None);
        for ((entity, (user, client)), rate) in
            order.into_iter().zip([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
        {
            there.push((entity, rate));
            let found = quotas(&there).of_client(KEY, "alice", "app").unwrap();
            assert_eq!(found.rate, rate);
            let counted_for = CountedFor {
                user: user.map(str::to_owned),
                client: client.map(str::to_owned),
            };
            assert_eq!(found.counted_for, counted_for);
            let other = QuotaKey::ConsumerByteRate;
            assert_eq!(quotas(&there).of_client(other, "alice", "app"), None);
        }
    }

    #[test]
    fn an_address_has_its_own_quota_or_that_of_all() {
        let of = |name, rate| {
            let rate = QuotaValue::new(rate);
            let key = QuotaKey::ConnectionCreationRate;
            (QuotaEntity::Address(name), BTreeMap::from([(key, rate)]))
        };
        let own = of(QuotaName::Named("192.0.2.7".to_owned()), 5.0);
        let stored = ClientQuotas::from([own, of(QuotaName::Default, 2.0)]);
        let quotas = Quotas::new(&stored.into(), &Limits::default(), 1).unwrap();
        let rate = |address: &str| quotas.of_address(address.parse().unwrap());
        assert_eq!(rate("192.0.2.7"), Some(5.0));
        assert_eq!(rate("::ffff:192.0.2.7"), Some(5.0));
        assert_eq!(rate("192.0.2.8"), Some(2.0));
    }

    #[test]
    fn tenants_see_limits_as_quotas_that_nobody_is_above() {
        let named = |name: &str| QuotaEntity::User(QuotaName::Named(name.to_owned()));
        let (all, addresses) = (QuotaName::Default, QuotaEntity::Address(QuotaName::Default));
        let stored = [(named("alice"), 10.0), (named("bob"), 2000.0)];
        let stored: ClientQuotas = stored
            .map(|(user, rate)| (user, BTreeMap::from([(KEY, QuotaValue::new(rate))])))
            .into();
        let limits = |limits: &[(Limit, u64)]| Limits(limits.iter().copied().collect());
        let of = |limits: Limits| Quotas::new(&stored.clone().into(), &limits, 3).unwrap();
        assert_eq!(*of(limits(&[(Limit::Requests, 5)])).shown(), stored);

        let quotas = of(limits(&[(Limit::BytesIn, 1000), (Limit::NewConnections, 7)]));
        let shown = quotas.shown();
        let rate = |entity: &QuotaEntity, key| shown[entity][&key].get();
        assert_eq!(rate(&named("alice"), KEY), 10.0);
        assert_eq!(rate(&named("bob"), KEY), 1000.0);
        assert_eq!(rate(&QuotaEntity::User(all), KEY), 1000.0);
        assert_eq!(rate(&addresses, QuotaKey::ConnectionCreationRate), 7.0);
        assert_eq!(shown.len(), 4);
        assert_eq!(quotas.most(KEY), Some((1000, Limit::BytesIn)));
        assert_eq!(quotas.most(QuotaKey::ConsumerByteRate), None);
        assert_eq!(quotas.most(QuotaKey::RequestPercentage), None);
        let found = quotas.of_vcluster(Limit::BytesIn).unwrap();
        assert_eq!((found.rate, found.nodes), (1000.0, 3));
        assert_eq!(quotas.of_vcluster(Limit::Requests), None);
        let none = Quotas::new(&Shared::default(), &limits(&[(Limit::Acls, 7)]), 1);
        assert_eq!(none, None);
    }
}
