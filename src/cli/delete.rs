//! `klamm delete`.

use serde_json::{Value, json};

use super::DeleteArgs;
use super::admin_client::{AdminClient, Answered, escaped};
use super::changes;
use super::documents;
use super::failure::Failure;
use super::format::Report;
use super::get::belongs_to_none;
use super::kind::Kind;
use super::scope::ResourceScope;
use super::waves::{self, WaveItem};
use crate::admin::Listing;

/// Deletes one resource, or those of files, what depends on others first.
pub(super) fn delete(args: &DeleteArgs, client: &AdminClient) -> Result<Report, Failure> {
    let targets: Vec<Target> = match (args.kind, &args.name) {
        (Some(kind), Some(name)) => vec![Target {
            kind: kind.0,
            name: name.clone(),
            scope: ResourceScope {
                vcluster: args.v_cluster.clone(),
                group: args.group.clone(),
                username: args.username.clone(),
            },
        }],
        _ => documents::read(&args.files)?
            .into_iter()
            .rev()
            .map(|document| Target {
                kind: document.kind,
                name: document.name,
                scope: document.scope,
            })
            .collect(),
    };
    for target in &targets {
        target.check()?;
    }
    let mut report = Report::default();
    let (answers, done) = if args.dry_run {
        let steps = targets.iter().map(Target::step);
        let outcomes = client.dry_run(steps.collect())?;
        (outcomes.into_iter().map(Some).collect(), "DELETED (dry run)")
    } else {
        let items: Vec<WaveItem> = targets.iter().map(Target::item).collect();
        let one = |index: usize| targets[index].delete(client);
        let done = changes::make(&waves::waves(&items), targets.len(), &one);
        report.stopped = done.stopped;
        (done.answers, "DELETED")
    };
    for (target, answer) in targets.iter().zip(answers) {
        let title = format!("{}/{}", target.kind, target.name);
        let result = match answer {
            Some(Ok(_)) => Ok(done.to_owned()),
            Some(Err(refusal)) if refusal.status == 404 && args.ignore_not_found => {
                Ok("NOT_FOUND".to_owned())
            }
            Some(Err(refusal)) if refusal.status >= 500 => {
                let why = refusal.why.clone();
                report
                    .stopped
                    .get_or_insert_with(|| refusal.failure(title.clone()));
                Err(why)
            }
            Some(Err(refusal)) => Err(refusal.why),
            None => Err("it was not tried".to_owned()),
        };
        report.add(title, result);
    }
    Ok(report)
}

struct Target {
    kind: Kind,
    name: String,
    scope: ResourceScope,
}

impl Target {
    /// That it can be said what is meant.
    fn check(&self) -> Result<(), Failure> {
        let is_scoped = matches!(self.kind.listing, Listing::InScope | Listing::InNestedScope);
        if self.scope.is_for_some() && !is_scoped {
            return Err(Failure::Usage(format!(
                "a {} is not for a group or for one account",
                self.kind
            )));
        }
        match (self.kind.listing, &self.scope.vcluster) {
            (Listing::ByPath | Listing::All, Some(_)) => Err(belongs_to_none(self.kind)),
            (Listing::InVcluster { .. } | Listing::BelowVcluster { .. }, None) => {
                Err(Failure::Usage(format!(
                    "{}/{} belongs to a virtual cluster: name it by --v-cluster",
                    self.kind, self.name
                )))
            }
            _ => Ok(()),
        }
    }

    fn delete(&self, client: &AdminClient) -> Result<Answered, Failure> {
        let path = self.kind.path;
        match self.kind.listing {
            Listing::ByPath | Listing::All => {
                client.call("DELETE", &format!("{path}/{}", escaped(&self.name)), None)
            }
            Listing::InNestedScope => {
                let mut body = json!({});
                self.scope.write(&mut body);
                client.call("DELETE", &format!("{path}/{}", escaped(&self.name)), Some(&body))
            }
            Listing::InVcluster { .. } | Listing::InScope | Listing::BelowVcluster { .. } => {
                let body = self.named();
                client.call("DELETE", path, Some(&body))
            }
        }
    }

    /// Its name, with all that it takes to be unique.
    fn named(&self) -> Value {
        let mut named = json!({ "name": self.name });
        self.scope.write(&mut named);
        named
    }

    /// The step of a dry run.
    fn step(&self) -> Value {
        let mut target = self.named();
        target["kind"] = json!(self.kind.name);
        json!({ "delete": target })
    }

    fn item(&self) -> WaveItem {
        WaveItem {
            kind: self.kind,
            vcluster: self.scope.vcluster.clone(),
            claims: vec![self.name.clone()],
        }
    }
}
