//! Which address of a virtual cluster a server name stands for.

use std::collections::HashMap;
use std::sync::Arc;

use klamm_raft::model::DnsLabel;
use tokio::sync::watch;

use crate::session::{Door, Orders};
use crate::vcluster::brokers::{bootstrap_name, broker_name};
use crate::vcluster::plan::Place;

/// The door and the orders that a connection leads to.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) door: Arc<Door>,
    pub(super) orders: watch::Receiver<Orders>,
}

/// Routes by server name, in lower case.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<String, Route>);

impl Routes {
    /// Where a name leads.
    pub(super) fn find(&self, name: &str) -> Option<&Route> {
        // A final dot says that a name is complete (RFC 1034 §3.1); it names the same.
        let name = name.strip_suffix('.').unwrap_or(name);
        self.0.get(&name.to_ascii_lowercase())
    }
}

impl<'a> FromIterator<(&'a str, &'a DnsLabel, Route)> for Routes {
    /// From domains, labels and routes.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a DnsLabel, Route)>>(routes: I) -> Self {
        let named = routes.into_iter().map(|(domain, label, route)| {
            let name = match route.door.place {
                Place::Bootstrap => bootstrap_name(label, domain),
                Place::Broker(id) => broker_name(label, id, domain),
            };
            (name, route)
        });
        Self(named.collect())
    }
}
