//! `klamm get`.

use serde_json::Value;

use super::GetArgs;
use super::admin_client::{AdminClient, escaped};
use super::failure::Failure;
use super::format::{self, Format};
use super::kind::Kind;
use crate::admin::Listing;

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
    let is_unique = match args.kind.listing {
        Listing::ByPath => true,
        Listing::InVcluster { named: "name" } | Listing::BelowVcluster { .. } => args.v_cluster.is_some(),
        Listing::InVcluster { .. } | Listing::InScope | Listing::InNestedScope | Listing::All => false,
    };
    let single = args.name.is_some() && is_unique && !matches!(&answer, Value::Array(list) if list.len() > 1);
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
        Format::Table => Ok(table(args.kind, list)),
        Format::Yaml => format::yaml(&list.iter().collect::<Vec<_>>()),
        Format::Json if single => Ok(format::json(&list[0])),
        Format::Json => Ok(format::json(&Value::from(list))),
    }
}

fn path(args: &GetArgs) -> Result<String, Failure> {
    let GetArgs {
        kind,
        name,
        v_cluster,
        ..
    } = args;
    let path = kind.path;
    match (kind.listing, name, v_cluster) {
        (Listing::ByPath, _, Some(_)) => Err(belongs_to_none(*kind)),
        (Listing::ByPath, Some(name), None) => Ok(format!("{path}/{}", escaped(name))),
        (Listing::ByPath | Listing::All, None, None) => Ok(path.to_owned()),
        (Listing::InVcluster { named }, ..) => Ok(filtered(path, [("vcluster", v_cluster), (named, name)])),
        (Listing::InScope | Listing::InNestedScope, ..) => {
            Ok(filtered(path, [("vcluster", v_cluster), ("name", name)]))
        }
        (Listing::BelowVcluster { .. }, _, None) => Err(Failure::Usage(format!(
            "{kind} belong to a virtual cluster: name it with --v-cluster"
        ))),
        (Listing::BelowVcluster { end }, _, Some(vcluster)) => {
            let path = format!("{path}/{}/{end}", escaped(vcluster));
            Ok(filtered(&path, [("name", name)]))
        }
        (Listing::All, ..) => Err(Failure::Usage(format!(
            "{kind} belong to no virtual cluster: all of them are listed, without a name or a virtual cluster"
        ))),
    }
}

fn filtered<const COUNT: usize>(path: &str, filters: [(&str, &Option<String>); COUNT]) -> String {
    let given = filters
        .into_iter()
        .filter_map(|(key, value)| value.as_ref().map(|text| format!("{key}={}", escaped(text))));
    let given: Vec<String> = given.collect();
    match given.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", given.join("&")),
    }
}

/// That a kind has nothing to do with virtual clusters.
pub(super) fn belongs_to_none(kind: Kind) -> Failure {
    Failure::Usage(format!("a {kind} does not belong to a virtual cluster"))
}

/// Resources of a kind for people.
pub(super) fn table(kind: Kind, list: &[Value]) -> String {
    format::table(&head(kind), &rows(kind, list))
}

fn head(kind: Kind) -> Vec<&'static str> {
    kind.columns.iter().map(|(head, _)| *head).collect()
}

fn rows(kind: Kind, list: &[Value]) -> Vec<Vec<String>> {
    let cell = |resource: &Value, path: &str| match resource.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(yes)) => (if *yes { "yes" } else { "no" }).to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().or_else(|| item["name"].as_str()))
            .collect::<Vec<_>>()
            .join(","),
        _ => String::new(),
    };
    list.iter()
        .map(|resource| {
            kind.columns
                .iter()
                .map(|(_, place)| cell(resource, place))
                .collect()
        })
        .collect()
}
