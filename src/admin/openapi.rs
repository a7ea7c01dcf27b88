//! The OpenAPI 3 description of the admin API, made of the operations that are registered.

mod clients;
mod event_gateways;
mod schemas;

use serde_json::{Map, Value, json};

use super::api::parameter::Parameter;
use super::api::{Access, AdminApi, BodySchemas, Content, Operation};
use super::problem_details;
use schemas::schemas;

/// The whole document.
pub(super) fn document(api: &AdminApi) -> Value {
    let (mut paths, mut bodies) = (Map::new(), BodySchemas::new());
    for operation in api.operations() {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method.as_str().to_lowercase()] = describe(operation, &mut bodies);
    }
    let mut schemas = schemas();
    schemas.extend(bodies.collected());
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Klamm admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Resources of the gateway. A PUT creates or changes one; the answer to a GET can be put back.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "access token" },
            },
            "schemas": schemas,
        },
    })
}

fn describe(operation: &Operation, bodies: &mut BodySchemas) -> Value {
    let mut responses = Map::new();
    let (status, content) = operation.success;
    responses.insert(status.to_owned(), response("Success", content, bodies));
    for status in operation.failure_statuses() {
        responses.insert(
            status.to_owned(),
            response(meaning(status), Content::One(operation.failure(status)), bodies),
        );
    }
    if problem_details::are_told_at(operation.path) {
        responses.values_mut().for_each(as_problem);
    }
    let mut parameters: Vec<Value> = operation.query.iter().map(parameter).collect();
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
            "required": !operation.body_is_optional,
            "content": { "application/json": { "schema": bodies.of(body) } },
        });
    }
    clients::mark(&mut described, operation);
    described
}

fn parameter(Parameter { name, kind, meaning }: &Parameter) -> Value {
    // That it is not required is said, because some readers do not know the default.
    json!({ "name": name, "in": "query", "required": false, "description": meaning, "schema": { "type": kind } })
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "The request is invalid",
        "401" => "No user, a wrong password, or an invalid access token",
        "403" => "The user may only read, or a browser asks on behalf of another site's page",
        "404" => "Something that the request names does not exist",
        "409" => "The request contradicts the current state",
        "413" => "The body is too large",
        "415" => "The body is not declared as JSON",
        "429" => "Too many wrong passwords for this user came from this address",
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

fn response(description: &str, content: Content, bodies: &mut BodySchemas) -> Value {
    let schema = match content {
        Content::Nothing => return json!({ "description": description }),
        Content::Text => {
            let text = json!({ "schema": { "type": "string" } });
            return json!({ "description": description, "content": { "text/plain": text } });
        }
        Content::Bytes => {
            let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
            return json!({ "description": description, "content": { "application/octet-stream": bytes } });
        }
        Content::Object => json!({ "type": "object" }),
        Content::One(schema) => bodies.of(schema),
        Content::Many(schema) => json!({ "type": "array", "items": bodies.of(schema) }),
        Content::Upserted(schema) => json!({
            "type": "object",
            "required": ["resource", "upsertResult"],
            "properties": {
                "resource": bodies.of(schema),
                "upsertResult": { "type": "string", "enum": ["CREATED", "UPDATED", "NOT_CHANGED"] },
                "topics": {
                    "type": "object",
                    "description": "In a dry run: topics that would appear or vanish for clients",
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
