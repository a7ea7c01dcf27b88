//! The contract of the admin API with programs that people already have, rule by rule. They are not told what went
//! wrong here: they crash, or find nothing. Each file is about the programs of one product.

use super::*;

mod ctl;
mod provider;

/// The description as they get it: with their login, from a gateway that shows it to nobody else.
async fn description(gateway: &Arc<Gateway>) -> Value {
    *gateway.audience.lock().unwrap() = Audience::Users;
    let path = "/gateway/v2/docs";
    gateway.send(None, Method::GET, path, "").await.refused(401);
    gateway
        .send(Some("admin:conduktor"), Method::GET, path, "")
        .await
        .ok()
}

/// Every operation of a description, with its path and method.
fn operations(description: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods
                .iter()
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}
