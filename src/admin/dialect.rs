//! Which edition of the API a client speaks, by a header of its.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::resources::Spelling;

/// Sent by command line tools and Terraform providers that were made for the edition with properties by method.
pub(super) const CLIENT: &str = "x-cdk-client";

impl FromRequest for Spelling {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(match request.headers().contains_key(CLIENT) {
            true => Self::ByMethod,
            false => Self::Flat,
        }))
    }
}
