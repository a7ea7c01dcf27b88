//! The resources in the words of `/v1/event-gateways`, the API of another product: other spellings of the same things.

mod aliases;
pub(in crate::admin) mod backend_cluster;
pub(in crate::admin) mod gateway;
mod ids;
pub(super) mod labels;
pub(in crate::admin) mod listener;
mod method;
mod namespace;
mod page;
pub(in crate::admin) mod policy;
mod spelling;
pub(in crate::admin) mod virtual_cluster;

pub(in crate::admin) use backend_cluster::{BackendPatch, EventGatewayBackend};
pub(in crate::admin) use ids::Ids;
pub(in crate::admin) use page::ListQuery;
pub(in crate::admin) use spelling::spelled;
pub(in crate::admin) use virtual_cluster::{EventGatewayVcluster, Surroundings};
