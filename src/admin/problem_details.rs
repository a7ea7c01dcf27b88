//! Failures as RFC 9457 has them, for clients of the API of event gateways: how they are told, never what they are.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use serde::Serialize;

use super::problem::ApiError;
use super::resources::event_gateway::spelled;

/// The beginning of the paths of that API.
const ROOT: &str = "/v1/";

/// The media type of the answers.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

#[derive(Serialize)]
struct Details<'a> {
    status: u16,
    title: &'a str,
    /// Nothing more is to be known of this kind of failure than its status (RFC 9457 section 4.2.1).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The path that was asked for.
    instance: &'a str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_parameters: Option<[InvalidParameter; 1]>,
}

/// Where the mistake is.
#[derive(Serialize)]
struct InvalidParameter {
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    reason: String,
}

/// Middleware that turns the failures of handlers into problem details (RFC 9457).
pub(super) async fn tell<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let path = request.path().to_owned();
    let answer = next.call(request).await?;
    let failure = answer.response().error().and_then(Error::as_error::<ApiError>);
    let Some(told) = failure.map(|error| details(error, &path)) else {
        return Ok(answer.map_into_boxed_body());
    };
    let (request, before) = answer.into_parts();
    let mut told = told;
    for name in [WWW_AUTHENTICATE, RETRY_AFTER, ALLOW] {
        for value in before.headers().get_all(&name) {
            told.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(ServiceResponse::new(request, told))
}

/// Whether clients of this path are told of failures so.
pub(super) fn are_told_at(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// The answer that tells of `error` as clients of the path expect it.
pub(super) fn response(error: &ApiError, path: &str) -> HttpResponse {
    match are_told_at(path) {
        true => details(error, path),
        false => error.error_response(),
    }
}

fn details(error: &ApiError, path: &str) -> HttpResponse {
    let told = &error.msg;
    let (detail, named) = spelled(told);
    let invalid = (error.status == StatusCode::BAD_REQUEST).then(|| {
        let (field, rule) = place(told, named);
        [InvalidParameter {
            field,
            rule,
            reason: detail.clone(),
        }]
    });
    let mut response = HttpResponse::build(error.status);
    response.insert_header((CONTENT_TYPE, MEDIA_TYPE));
    response.json(Details {
        status: error.status.as_u16(),
        title: error.status.canonical_reason().unwrap_or("Error"),
        kind: "about:blank",
        instance: path,
        detail,
        invalid_parameters: invalid,
    })
}

/// The field that a text speaks of, and which rule it breaks: the first that is named, or the whole body.
fn place(told: &str, named: Option<String>) -> (String, Option<&'static str>) {
    for (says, rule) in [
        (" is unknown", "unknown_property"),
        (" is missing", "required"),
        (" is given twice", "invalid"),
    ] {
        let name = told
            .split_once("the field ")
            .and_then(|(_, rest)| rest.split_once(says));
        if let Some((name, _)) = name.filter(|(name, _)| is_place(name)) {
            return (name.to_owned(), Some(rule));
        }
    }
    match named {
        Some(field) => (field, None),
        None => (begins(told).unwrap_or("body").to_owned(), None),
    }
}

/// The place that the text begins with.
fn begins(told: &str) -> Option<&str> {
    [":", " must be"]
        .into_iter()
        .filter_map(|end| told.split_once(end))
        .map(|(place, _)| place)
        .find(|place| is_place(place))
}

/// Whether a text is the place of a field, as `spec.acls[0].operation`.
fn is_place(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    !text.is_empty() && text.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_mistake_is_named() {
        let check = |told: &str, field: &str, rule| {
            let (_, named) = spelled(told);
            assert_eq!(place(told, named), (field.to_owned(), rule), "{told}");
        };
        check(
            "the field a.x is unknown; the fields are y, z",
            "a.x",
            Some("unknown_property"),
        );
        check("the field name is missing", "name", Some("required"));
        check("spec.dnsLabel: DNS label \"A\" is invalid", "dns_label", None);
        check("destination.id: there is none", "destination.id", None);
        check("page[size] must be: something", "page[size]", None);
        check("name must be a text, but is the number 5", "name", None);
        check("nothing of it", "body", None);
    }
}
