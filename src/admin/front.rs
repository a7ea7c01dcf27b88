//! The checks that every request passes, and the headers that every answer carries, whatever path it is about.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::credentials::{Guard, HeldBack};
use super::port::SeatPlace;
use super::problem::ApiError;
use super::{audit, cross_site, problem_details};

/// Answers a request.
pub(super) async fn answer<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let place = request.conn_data::<Arc<SeatPlace>>().cloned();
    if let Some(place) = &place {
        place.is_asked();
    }
    let checked = match request.app_data::<web::Data<Guard>>() {
        Some(guard) => cross_site::check(&guard.names, request.request().head()),
        None => Err(ApiError::internal("the admin API is not set up")),
    };
    let mut answer = match checked {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(error) => {
            audit::turned_away(request.request(), &error);
            let response = problem_details::response(&error, request.path());
            request.into_response(response)
        }
    };
    let held_back = answer.request().extensions().get::<HeldBack>().copied();
    if let Some(HeldBack(wait)) = held_back {
        tokio::time::sleep(wait).await;
    }
    harden(answer.headers_mut());
    if let Some(place) = &place {
        place.has_answered();
    }
    Ok(answer)
}

/// Has nobody but the caller keep the answer, and nobody take it for something else.
fn harden(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
