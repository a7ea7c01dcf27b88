//! Kinds that this gateway does not have: their lists are empty, and nothing of them is put.

use actix_web::HttpResponse;

use crate::admin::absent::Absent;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;

pub(in crate::admin) async fn list(_: Reader) -> HttpResponse {
    HttpResponse::Ok().json([(); 0])
}

pub(in crate::admin) async fn put(_: Writer, absent: &'static Absent) -> Result<HttpResponse, ApiError> {
    let Absent { kind, why, .. } = absent;
    Err(ApiError::invalid(format!(
        "this gateway has no resources of the kind {kind}: {why}"
    )))
}

pub(in crate::admin) async fn get(_: Reader, absent: &'static Absent) -> Result<HttpResponse, ApiError> {
    Err(none(absent))
}

pub(in crate::admin) async fn delete(_: Writer, absent: &'static Absent) -> Result<HttpResponse, ApiError> {
    Err(none(absent))
}

fn none(Absent { kind, why, .. }: &Absent) -> ApiError {
    ApiError::not_found(format!("there is no {kind}: {why}"))
}
