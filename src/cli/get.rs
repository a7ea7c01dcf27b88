//! `klamm get`.

use serde_json::Value;

use super::GetArgs;
use super::admin_client::{AdminClient, escaped};
use super::failure::Failure;
use super::format::{self, Format};
use super::kind::Kind;

/// The resources that are asked for, as they are printed.
pub(super) fn get(args: &GetArgs, client: &AdminClient) -> Result<String, Failure> {
    let what = || match &args.name {
        Some(name) => format!("{}/{name}", args.kind),
        None => args.kind.to_string(),
    };
    let answer = client
        .get(&path(args)?)?
        .map_err(|refusal| refusal.failure(what()))?;
    // With a name and all that it takes to be unique, one resource is meant.
    let single = args.name.is_some() && (args.kind == Kind::VirtualCluster || args.v_cluster.is_some());
    let list = match &answer {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.is_empty() && args.name.is_some() {
        return Err(Failure::Refused {
            what: what(),
            why: "it does not exist".to_owned(),
        });
    }
    match args.output {
        Format::Table => Ok(format::table(head(args.kind), &rows(args.kind, list))),
        Format::Yaml => format::yaml(&list.iter().collect::<Vec<_>>()),
        Format::Json if single => Ok(format::json(&list[0])),
        Format::Json => Ok(format::json(&Value::from(list))),
    }
}

fn path(args: &GetArgs) -> Result<String, Failure> {
    let path = args.kind.path();
    match (args.kind, &args.name, &args.v_cluster) {
        (Kind::VirtualCluster, _, Some(_)) => Err(Failure::Usage(
            "a VirtualCluster does not belong to a virtual cluster".to_owned(),
        )),
        (Kind::VirtualCluster, Some(name), None) => Ok(format!("{path}/{}", escaped(name))),
        (Kind::VirtualCluster, None, None) => Ok(path.to_owned()),
        (_, name, vcluster) => {
            let filter = |key: &str, value: &Option<String>| {
                value.as_ref().map(|text| format!("{key}={}", escaped(text)))
            };
            let filters: Vec<String> = [filter("vcluster", vcluster), filter("name", name)]
                .into_iter()
                .flatten()
                .collect();
            Ok(if filters.is_empty() {
                path.to_owned()
            } else {
                format!("{path}?{}", filters.join("&"))
            })
        }
    }
}

fn head(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::VirtualCluster => &["NAME", "TYPE", "SUPER-USERS", "BOOTSTRAP-SERVERS"],
        Kind::AliasTopic => &["NAME", "V-CLUSTER", "PHYSICAL-TOPIC", "PHYSICAL-CLUSTER"],
        Kind::ServiceAccount => &["NAME", "V-CLUSTER", "TYPE"],
    }
}

fn rows(kind: Kind, list: &[Value]) -> Vec<Vec<String>> {
    let paths: &[&str] = match kind {
        Kind::VirtualCluster => &[
            "/metadata/name",
            "/spec/type",
            "/spec/superUsers",
            "/spec/bootstrapServers",
        ],
        Kind::AliasTopic => &[
            "/metadata/name",
            "/metadata/vCluster",
            "/spec/physicalName",
            "/spec/physicalCluster",
        ],
        Kind::ServiceAccount => &["/metadata/name", "/metadata/vCluster", "/spec/type"],
    };
    let cell = |resource: &Value, path: &str| match resource.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(","),
        _ => String::new(),
    };
    list.iter()
        .map(|resource| paths.iter().map(|path| cell(resource, path)).collect())
        .collect()
}
