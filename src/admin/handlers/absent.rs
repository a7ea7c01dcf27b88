//! Kinds that this gateway does not have: their lists are empty, and nothing of them is put.

use actix_web::HttpResponse;

use crate::admin::absent::{ABSENT, Absent, BodyForm};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;

/// Registers the operations of all of them.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    for kind in &ABSENT {
        let name = kind.kind;
        let of = |new: fn(&'static str, String, String) -> Operation, path, verb: &str, plural: &str| {
            new(
                path,
                format!("{verb}{name}{plural}"),
                format!("There is no {name}: {}", kind.why),
            )
        };
        let all =
            of(Operation::get, kind.path, "list", "s").gives(Content::Many(BodySchema::Written("Absent")));
        api.add(all, list);
        let delete_one = move |writer: Writer| delete(writer, kind);
        let failing = |operation: Operation| operation.refuses().fails(&["404"]);
        match kind.shape {
            BodyForm::Listed => continue,
            BodyForm::InVcluster { .. } => {
                api.add(
                    failing(of(Operation::delete, kind.path, "delete", "")),
                    delete_one,
                );
            }
        }
        let put_one = move |writer: Writer| put(writer, kind);
        let refused = of(Operation::put, kind.path, "put", "")
            .takes(BodySchema::Written("Absent"))
            .refuses()
            .fails(&["400"])
            .applies_at(name, kind.order());
        api.add(refused, put_one);
    }
}

pub(in crate::admin) async fn list(_: Reader) -> HttpResponse {
    HttpResponse::Ok().json([(); 0])
}

pub(in crate::admin) async fn put(_: Writer, absent: &'static Absent) -> Result<HttpResponse, ApiError> {
    let Absent { kind, why, .. } = absent;
    Err(ApiError::invalid(format!(
        "this gateway has no resources of the kind {kind}: {why}"
    )))
}

pub(in crate::admin) async fn delete(_: Writer, absent: &'static Absent) -> Result<HttpResponse, ApiError> {
    let Absent { kind, why, .. } = absent;
    Err(ApiError::not_found(format!("there is no {kind}: {why}")))
}
