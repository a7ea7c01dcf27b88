//! The application: everything that is registered, behind what is asked of every request.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, HttpResponse, web};

use super::body::MAX_BODY_BYTES;
use super::credentials::Guard;
use super::problem::ApiError;
use super::services::Services;
use super::{front, handlers, problem_details};

/// The application.
pub(super) fn app(
    guard: web::Data<Guard>,
    services: web::Data<Services>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .wrap(from_fn(front::answer))
        .app_data(guard)
        .app_data(services)
        .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
        .configure(|config| handlers::api().configure(config))
        .default_service(web::to(unknown_path))
}

async fn unknown_path(request: HttpRequest) -> HttpResponse {
    problem_details::response(&ApiError::unknown_path(request.path()), request.path())
}
