//! The OpenAPI 3 description of the admin API. A test holds it against the routes.

mod clients;
mod event_gateways;
mod operations;
mod schemas;

use serde_json::{Map, Value, json};

use super::absent::{ABSENT, Absent, Shape};
use super::problem_details;
use operations::{Access, Content, OPERATIONS, Operation};
use schemas::schemas;

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS.iter().chain(event_gateways::OPERATIONS) {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method] = describe(operation);
    }
    for kind in &ABSENT {
        describe_absent(kind, &mut paths);
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Klamm admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Resources of the gateway. A PUT creates or changes; what a GET answers can be put back.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "access token" },
            },
            "schemas": schemas(),
        },
    })
}

/// Describes the operations of a kind that there is nothing of.
fn describe_absent(kind: &'static Absent, paths: &mut Map<String, Value>) {
    let Absent { kind: name, why, .. } = kind;
    let mut add = |path: &'static str, method: &'static str, verb: &str, failures| {
        let is_list = verb == "list";
        let mut described = describe(&Operation {
            path,
            method,
            id: "",
            summary: "",
            access: if method == "get" {
                Access::Reader
            } else {
                Access::Admin
            },
            query: &[],
            body: (method == "put").then_some("Absent"),
            success: match is_list {
                true => ("200", Content::Many("Absent")),
                false => ("default", Content::One("Error")),
            },
            failures,
        });
        let plural = if is_list { "s" } else { "" };
        described["operationId"] = json!(format!("{verb}{name}{plural}"));
        described["summary"] = json!(format!("There is no {name}: {why}"));
        if let (true, Some(order)) = (method == "put", kind.order()) {
            described["tags"] = json!([clients::tag(&clients::kebab(name), order)]);
        }
        paths.entry(path).or_insert_with(|| json!({}))[method] = described;
    };
    add(kind.path, "get", "list", &[]);
    match kind.shape {
        Shape::Listed => return,
        Shape::InVcluster { .. } => add(kind.path, "delete", "delete", &["404"]),
        Shape::Named { one, .. } => {
            add(one, "get", "get", &["404"]);
            add(one, "delete", "delete", &["404"]);
        }
    }
    add(kind.path, "put", "put", &["400"]);
}

fn describe(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let (status, content) = operation.success;
    responses.insert(status.to_owned(), response("Success", content));
    let guarded: &[&str] = match operation.access {
        Access::Public => &[],
        Access::Visitor | Access::Reader => &["401", "429"],
        Access::Admin => &["401", "403", "413", "415", "429"],
    };
    for status in guarded.iter().chain(operation.failures) {
        responses.insert(
            (*status).to_owned(),
            response(meaning(status), Content::One(operation.failure())),
        );
    }
    if problem_details::are_told_at(operation.path) {
        responses.values_mut().for_each(as_problem);
    }
    let mut parameters: Vec<Value> = operation.query.iter().map(|name| parameter(name)).collect();
    let in_path = operation
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    parameters.extend(in_path.map(|name| {
        json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        })
    }));
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    });
    match operation.access {
        Access::Public => {}
        // The empty one: where everybody is meant.
        Access::Visitor => described["security"] = json!([{ "basic": [] }, { "bearer": [] }, {}]),
        Access::Reader | Access::Admin => {
            described["security"] = json!([{ "basic": [] }, { "bearer": [] }]);
        }
    }
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": reference(body) } },
        });
    }
    clients::mark(&mut described, operation);
    described
}

fn parameter(name: &str) -> Value {
    let (kind, meaning) = match name {
        "dryMode" => ("boolean", "Say what would happen, and change nothing"),
        "showDefaults" => ("boolean", "Without effect"),
        "vcluster" => ("string", "Only of this virtual cluster"),
        "username" => ("string", "Only of this service account"),
        "type" => ("string", "Only of this type"),
        "page[size]" => (
            "integer",
            "How many items a page has: 1 to 1000, 100 if nothing is said",
        ),
        "page[after]" => (
            "string",
            "The page after this: from meta.page.next of the page before",
        ),
        "filter[name][contains]" => ("string", "Only with this in the name, in capitals or not"),
        "filter[backend_cluster_id][eq]" => ("string", "Only on the physical cluster with this id"),
        "filter[virtual_cluster_id][eq]" => ("string", "Only what leads to the virtual cluster with this id"),
        _ => ("string", "Only of this name"),
    };
    // That it is not required is said, because some readers do not know the default.
    json!({ "name": name, "in": "query", "required": false, "description": meaning, "schema": { "type": kind } })
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "The request cannot be meant",
        "401" => "No user, a wrong password, or no good access token",
        "403" => "The user may only read, or a browser asks for a page of somebody else",
        "404" => "Something that is named does not exist",
        "409" => "It contradicts what there is",
        "413" => "The body is too large",
        "415" => "The body is not said to be JSON",
        "429" => "Too many wrong passwords of this user came from this address",
        "500" => "The gateway failed",
        _ => "It may work later",
    }
}

/// Problem details have a media type of their own.
fn as_problem(response: &mut Value) {
    let told = json!({ "application/json": { "schema": reference("ProblemDetails") } });
    if let Some(content) = response.get_mut("content").filter(|content| **content == told) {
        *content = json!({ problem_details::MEDIA_TYPE: { "schema": reference("ProblemDetails") } });
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn response(description: &str, content: Content) -> Value {
    let schema = match content {
        Content::Nothing => return json!({ "description": description }),
        Content::Text => {
            let text = json!({ "schema": { "type": "string" } });
            return json!({ "description": description, "content": { "text/plain": text } });
        }
        Content::Object => json!({ "type": "object" }),
        Content::One(schema) => reference(schema),
        Content::Many(schema) => json!({ "type": "array", "items": reference(schema) }),
        Content::Upserted(schema) => json!({
            "type": "object",
            "required": ["resource", "upsertResult"],
            "properties": {
                "resource": reference(schema),
                "upsertResult": { "type": "string", "enum": ["CREATED", "UPDATED", "NOT_CHANGED"] },
                "topics": {
                    "type": "object",
                    "description": "In a dry run: topics that clients would see come and go",
                    "properties": {
                        "appear": { "type": "array", "items": { "type": "string" } },
                        "vanish": { "type": "array", "items": { "type": "string" } },
                    },
                },
            },
        }),
    };
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}
