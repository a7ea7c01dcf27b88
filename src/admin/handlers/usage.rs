//! `/gateway/v2/usage`: what accounts used of which topics, hour by hour, of all nodes.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::warn;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::Query;
use crate::admin::credentials::Reader;
use crate::admin::problem::ApiError;
use crate::admin::resources::vcluster_name;
use crate::admin::services::Services;
use crate::unix_time;
use crate::usage::{Grouping, Hour, HourRange, NodeReport, TooManyRows, UsageQuestion, UsageReport, csv};

/// Registers the operation.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/gateway/v2/usage",
            "getUsage",
            "What accounts used of which topics, in hours of UTC, summed over all nodes; nodes that do not answer are named",
        )
        .by(parameter::USAGE)
        .gives(Content::One(BodySchema::shown::<UsageReport>()))
        .fails(&["400"]),
        usage,
    );
}

/// The usage that is wanted, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct UsageQuery {
    from: Option<String>,
    to: Option<String>,
    vcluster: Option<String>,
    account: Option<String>,
    topic: Option<String>,
    by: Option<String>,
    format: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsageFormat {
    Json,
    Csv,
}

impl UsageQuery {
    fn format(&self) -> Result<UsageFormat, ApiError> {
        match self.format.as_deref() {
            None | Some("json") => Ok(UsageFormat::Json),
            Some("csv") => Ok(UsageFormat::Csv),
            Some(other) => Err(ApiError::invalid(format!(
                "format: {other:?} is unknown; use one of json, csv"
            ))),
        }
    }

    fn question(self) -> Result<UsageQuestion, ApiError> {
        let hour = |field: &str, text: &str| {
            text.parse::<Hour>()
                .map_err(|error| ApiError::invalid(format!("{field}: {error}")))
        };
        let from = self.from.ok_or_else(|| {
            ApiError::invalid(
                "from is missing: the first hour that is meant, as 2026-11-30 or 2026-11-30T07:00:00Z",
            )
        })?;
        let from = hour("from", &from)?;
        let to = match &self.to {
            Some(to) => hour("to", to)?,
            None => Hour::of(unix_time::now_s().unwrap_or(0)).next(),
        };
        if from >= to {
            let what = format!(
                "from, {from}, must be before to, {to}: the hour that begins then is not meant any more"
            );
            return Err(ApiError::invalid(what));
        }
        let by = self.by.as_deref().unwrap_or(Grouping::USUAL).parse();
        let vcluster = self.vcluster.as_deref();
        Ok(UsageQuestion {
            hours: HourRange { from, to },
            vcluster: vcluster
                .map(|name| vcluster_name("vcluster", Some(name)))
                .transpose()?,
            account: self.account,
            topic: self.topic,
            by: by.map_err(|error| ApiError::invalid(format!("by: {error}")))?,
        })
    }
}

pub(in crate::admin) async fn usage(
    services: web::Data<Services>,
    _: Reader,
    Query(query): Query<UsageQuery>,
) -> Result<HttpResponse, ApiError> {
    let format = query.format()?;
    let question = query.question()?;
    let (by, vcluster) = (question.by, question.vcluster.clone());
    let report = (services.usage)(question).await?;
    let mut answer = match format {
        UsageFormat::Json => HttpResponse::Ok().json(&report),
        UsageFormat::Csv => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8; header=present")
            .body(csv(&report, by)),
    };
    report
        .missing()
        .for_each(|node| warn(&mut answer, &missing(node)));
    if let Some(name) = vcluster.filter(|name| !services.state().vclusters.contains_key(name)) {
        let what = format!("there is no virtual cluster {name} now; usage of one that was deleted is kept");
        warn(&mut answer, &what);
    }
    Ok(answer)
}

/// The part of a node that is not in the sums, in words.
fn missing(node: &NodeReport) -> String {
    match &node.reason {
        Some(reason) => format!("the usage of node {} is missing: {reason}", node.id),
        None => format!(
            "the usage of node {} is missing for hours whose files are damaged: {}",
            node.id,
            node.damaged.join(", ")
        ),
    }
}

impl From<TooManyRows> for ApiError {
    fn from(error: TooManyRows) -> Self {
        Self::invalid(error.to_string())
    }
}
