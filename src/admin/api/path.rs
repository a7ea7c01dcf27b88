//! One path of the API: the methods that it takes. HEAD is answered as GET, and any other method with those there are.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};

use crate::admin::problem::ApiError;
use crate::admin::problem_details;

/// A path and its handlers.
pub(super) struct Path {
    path: String,
    resource: Resource,
    methods: Vec<Method>,
}

impl Path {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            resource: web::resource(path),
            methods: Vec::new(),
        }
    }

    /// The largest body that is taken here, instead of that of all other paths.
    pub(super) fn body_limit(mut self, bytes: usize) -> Self {
        self.resource = self.resource.app_data(web::PayloadConfig::new(bytes));
        self
    }

    /// Whether it is this one.
    pub(super) fn is(&self, path: &str) -> bool {
        self.path == path
    }

    /// Adds a method. What answers GET answers HEAD, too.
    pub(super) fn on<F, Args>(self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        match method {
            Method::GET => self
                .with(Method::GET, handler.clone())
                .with(Method::HEAD, handler),
            method => self.with(method, handler),
        }
    }

    fn with<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.push(method.clone());
        self.resource = self.resource.route(web::method(method).to(handler));
        self
    }
}

impl HttpServiceFactory for Path {
    fn register(self, config: &mut AppService) {
        let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        let allowed = names.join(", ");
        let other = move |request: HttpRequest| {
            let answer = other_method(&request, &allowed);
            async { answer }
        };
        let resource = self.resource.default_service(web::to(other));
        match problem_details::are_told_at(&self.path) {
            true => resource.wrap(from_fn(problem_details::tell)).register(config),
            false => resource.register(config),
        }
    }
}

/// The answer to a method that the path does not take (RFC 9110, 15.5.6).
fn other_method(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let error = ApiError::method_not_allowed(request.method(), allowed);
    let mut answer = problem_details::response(&error, request.path());
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        answer.headers_mut().insert(ALLOW, allowed);
    }
    answer
}
