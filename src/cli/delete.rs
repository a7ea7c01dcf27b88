//! `klamm delete`.

use serde_json::json;

use super::DeleteArgs;
use super::admin_client::{AdminClient, Answered, escaped};
use super::documents;
use super::failure::Failure;
use super::format::Report;
use super::kind::Kind;

/// Deletes one resource, or those of files, what depends on others first.
pub(super) fn delete(args: &DeleteArgs, client: &AdminClient) -> Result<Report, Failure> {
    let mut report = Report::default();
    let targets: Vec<Target> = match (args.kind, &args.name) {
        (Some(kind), Some(name)) => vec![Target {
            kind,
            name: name.clone(),
            vcluster: args.v_cluster.clone(),
        }],
        _ => documents::read(&args.files)?
            .into_iter()
            .rev()
            .map(|document| Target {
                kind: document.kind,
                name: document.name,
                vcluster: document.vcluster,
            })
            .collect(),
    };
    let (query, done) = if args.dry_run {
        ("?dryMode=true", "DELETED (dry run)")
    } else {
        ("", "DELETED")
    };
    for target in targets {
        let title = format!("{}/{}", target.kind, target.name);
        let result = match target.delete(query, client)? {
            Ok(_) => Ok(done.to_owned()),
            Err(refusal) if refusal.status == 404 && args.ignore_not_found => Ok("NOT_FOUND".to_owned()),
            Err(refusal) if refusal.status >= 500 => return Err(refusal.failure(title)),
            Err(refusal) => Err(refusal.why),
        };
        report.add(title, result);
    }
    Ok(report)
}

struct Target {
    kind: Kind,
    name: String,
    vcluster: Option<String>,
}

impl Target {
    fn delete(&self, query: &str, client: &AdminClient) -> Result<Answered, Failure> {
        let path = self.kind.path();
        match (self.kind, &self.vcluster) {
            (Kind::VirtualCluster, None) => {
                client.call("DELETE", &format!("{path}/{}{query}", escaped(&self.name)), None)
            }
            (Kind::VirtualCluster, Some(_)) => Err(Failure::Usage(
                "a VirtualCluster does not belong to a virtual cluster".to_owned(),
            )),
            (_, Some(vcluster)) => {
                let body = json!({ "name": self.name, "vCluster": vcluster });
                client.call("DELETE", &format!("{path}{query}"), Some(&body))
            }
            (kind, None) => Err(Failure::Usage(format!(
                "{kind}/{} belongs to a virtual cluster: name it by --v-cluster",
                self.name
            ))),
        }
    }
}
