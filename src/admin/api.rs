//! The operations of the admin API. An operation is registered once, with the handler that carries it out: its route
//! and its place in the description both come from that.

pub(super) mod parameter;
mod path;
mod body_schema;

use std::borrow::Cow;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, web};
use serde_json::Value;

use super::kind::Kind;
use super::problem_details;
use parameter::Parameter;
use path::Path;

pub(super) use body_schema::{BodySchema, BodySchemas};

/// The rights that an operation needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Public,
    /// Who logs in, or everybody where the configuration says so.
    Visitor,
    Reader,
    Admin,
}

/// The content of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Nothing,
    Text,
    /// A file.
    Bytes,
    Object,
    One(BodySchema),
    Many(BodySchema),
    /// The answer to a PUT.
    Upserted(BodySchema),
}

/// A method on a path: what it takes and answers.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) path: &'static str,
    pub(super) method: Method,
    /// The name of the operation in generated clients.
    pub(super) id: Cow<'static, str>,
    pub(super) summary: Cow<'static, str>,
    pub(super) access: Access,
    pub(super) query: &'static [Parameter],
    pub(super) body: Option<BodySchema>,
    /// Whether it does without the body.
    pub(super) body_is_optional: bool,
    pub(super) example: Option<Value>,
    pub(super) success: (&'static str, Content),
    pub(super) failures: &'static [&'static str],
    /// The name of a kind, and its place among others, for programs that put several.
    pub(super) applies: Option<(&'static str, u8)>,
    /// The name of the action, beside putting and deleting.
    pub(super) action: Option<&'static str>,
    /// The largest body that its path takes, instead of that of all others.
    body_limit: Option<usize>,
}

impl Operation {
    fn new(
        method: Method,
        access: Access,
        path: &'static str,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            path,
            method,
            id: id.into(),
            summary: summary.into(),
            access,
            query: &[],
            body: None,
            body_is_optional: false,
            example: None,
            success: ("204", Content::Nothing),
            failures: &[],
            applies: None,
            action: None,
            body_limit: None,
        }
    }

    /// For whoever may read.
    pub(super) fn get(
        path: &'static str,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Method::GET, Access::Reader, path, id, summary)
    }

    /// For administrators, as everything that follows.
    pub(super) fn put(
        path: &'static str,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Method::PUT, Access::Admin, path, id, summary)
    }

    pub(super) fn post(
        path: &'static str,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Method::POST, Access::Admin, path, id, summary)
    }

    pub(super) fn patch(
        path: &'static str,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Method::PATCH, Access::Admin, path, id, summary)
    }

    pub(super) fn delete(
        path: &'static str,
        id: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Method::DELETE, Access::Admin, path, id, summary)
    }

    pub(super) fn open_to(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Query parameters.
    pub(super) fn by(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    /// The body.
    pub(super) fn takes(self, body: BodySchema) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// The body, or none.
    pub(super) fn takes_perhaps(self, body: BodySchema) -> Self {
        Self {
            body_is_optional: true,
            ..self.takes(body)
        }
    }

    /// A body that is good, which is shown to people as a template.
    pub(super) fn example(self, example: Value) -> Self {
        Self {
            example: Some(example),
            ..self
        }
    }

    pub(super) fn body_up_to(self, bytes: usize) -> Self {
        Self {
            body_limit: Some(bytes),
            ..self
        }
    }

    /// Sets the answer that it gives when it is done.
    pub(super) fn gives(self, content: Content) -> Self {
        let status = match content {
            Content::Nothing => "204",
            _ => "200",
        };
        Self {
            success: (status, content),
            ..self
        }
    }

    /// Its success has another status than most.
    pub(super) fn with_status(self, status: &'static str) -> Self {
        Self {
            success: (status, self.success.1),
            ..self
        }
    }

    /// It is never done.
    pub(super) fn refuses(mut self) -> Self {
        self.success = ("default", Content::One(self.failure("default")));
        self
    }

    /// The statuses of its own failures, beside those that follow from who may call it.
    pub(super) fn fails(self, failures: &'static [&'static str]) -> Self {
        Self { failures, ..self }
    }

    /// It puts resources of a kind that `klamm apply` puts, too.
    pub(super) fn applies(self, kind: &Kind) -> Self {
        let place = kind.applied.as_ref().map(|applied| applied.place);
        self.applies_at(kind.name, place)
    }

    pub(super) fn applies_at(self, kind: &'static str, place: Option<u8>) -> Self {
        Self {
            applies: place.map(|place| (kind, place)),
            ..self
        }
    }

    pub(super) fn runs_as(self, action: &'static str) -> Self {
        Self {
            action: Some(action),
            ..self
        }
    }

    /// The statuses of all its failures: those that follow from who may call it, and its own.
    pub(super) fn failure_statuses(&self) -> impl Iterator<Item = &'static str> + use<> {
        let guarded: &[&str] = match self.access {
            // Browsers are turned away everywhere that name no host, or one that is not this gateway's.
            Access::Public => &["400", "403"],
            Access::Visitor | Access::Reader => &["400", "401", "403", "429", "503"],
            Access::Admin => &["400", "401", "403", "413", "415", "429", "503"],
        };
        let own = self.failures.iter().filter(|status| !guarded.contains(status));
        guarded.iter().chain(own).copied()
    }

    /// The schema of what it answers when it fails with a status.
    pub(super) fn failure(&self, status: &str) -> BodySchema {
        BodySchema::Written(match self.id.as_ref() {
            "getReadiness" if status == "503" => "Readiness",
            _ if problem_details::are_told_at(self.path) => "ProblemDetails",
            _ => "Error",
        })
    }
}

type AddRoute = Box<dyn FnOnce(Path) -> Path>;

/// All operations, each with its route.
#[derive(Default)]
pub(super) struct AdminApi {
    operations: Vec<(Operation, AddRoute)>,
}

impl AdminApi {
    /// Adds an operation with its handler.
    pub(super) fn add<F, Args>(&mut self, operation: Operation, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let method = operation.method.clone();
        let route: AddRoute = Box::new(move |path| path.on(method, handler));
        self.operations.push((operation, route));
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().map(|(operation, _)| operation)
    }

    /// Puts all routes into an application, path by path.
    pub(super) fn configure(self, config: &mut web::ServiceConfig) {
        let mut paths: Vec<Path> = Vec::new();
        for (operation, add_route) in self.operations {
            let at = paths.iter().position(|path| path.is(operation.path));
            let mut path = match at {
                Some(at) => paths.remove(at),
                None => Path::new(operation.path),
            };
            if let Some(bytes) = operation.body_limit {
                path = path.body_limit(bytes);
            }
            paths.insert(at.unwrap_or(paths.len()), add_route(path));
        }
        for path in paths {
            config.service(path);
        }
    }
}
