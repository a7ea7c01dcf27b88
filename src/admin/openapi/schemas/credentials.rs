//! The schemas of tokens, the keys that sign them, access tokens and SCRAM credentials.

use serde_json::{Value, json};

use super::{NAMES, any_account, text};

/// Ids of signing keys.
const KEY_IDS: &str = "^[0-9a-f]{16}$";

/// Adds all of them.
pub(super) fn add(schemas: &mut Value) {
    add_tokens(schemas);
    add_signing_keys(schemas);
    add_access_tokens(schemas);
    add_scram(schemas);
}

fn add_signing_keys(schemas: &mut Value) {
    let count = |meaning: &str| json!({ "type": "integer", "minimum": 0, "description": meaning });
    let ended = || count("How many live tokens it ends");
    schemas["SigningKey"] = json!({
        "type": "object",
        "required": ["id", "signs", "liveTokens"],
        "properties": {
            "id": text(KEY_IDS),
            "signs": { "type": "boolean", "description": "Whether new tokens are signed by it; one that does not only verifies" },
            "liveTokens": count("How many tokens that hold now depend on it"),
        },
    });
    schemas["SigningKeyRotation"] = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "retireOld": {
                "type": "boolean",
                "default": false,
                "description": "Whether all keys of before are retired at once: every token that was issued is dead",
            },
        },
    });
    schemas["RotatedSigningKey"] = json!({
        "type": "object",
        "required": ["id", "replaced", "endedTokens", "oldTokens"],
        "properties": {
            "id": { "type": "string", "description": "Of what signs from now on; empty in dry mode" },
            "replaced": text(KEY_IDS),
            "endedTokens": ended(),
            "oldTokens": count("How many live tokens depend on the key that was replaced"),
        },
    });
    schemas["SigningKeyToRetire"] = json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": { "id": text(KEY_IDS) },
    });
    schemas["RetiredSigningKey"] = json!({
        "type": "object",
        "required": ["id", "endedTokens"],
        "properties": { "id": text(KEY_IDS), "endedTokens": ended() },
    });
}

fn add_tokens(schemas: &mut Value) {
    schemas["TokenRequest"] = json!({
        "type": "object",
        "required": ["username", "lifeTimeSeconds"],
        "additionalProperties": false,
        "properties": {
            "username": any_account(),
            "vCluster": text(NAMES),
            "lifeTimeSeconds": { "type": "integer", "minimum": 1, "maximum": 2_147_483_647 },
        },
    });
    schemas["Token"] =
        json!({ "type": "object", "required": ["token"], "properties": { "token": { "type": "string" } } });
    schemas["IssuedToken"] = json!({
        "type": "object",
        "required": ["id", "vCluster", "username", "issuedAt", "expiresAt", "keyId"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "vCluster": text(NAMES),
            "username": any_account(),
            "issuedAt": { "type": "string", "format": "date-time" },
            "expiresAt": { "type": "string", "format": "date-time" },
            "keyId": text(KEY_IDS),
        },
    });
    schemas["TokensToRevoke"] = json!({
        "type": "object",
        "description": "Either id or username.",
        "additionalProperties": false,
        "properties": {
            "vCluster": text(NAMES),
            "id": { "type": "string", "format": "uuid" },
            "username": any_account(),
        },
    });
}

fn add_access_tokens(schemas: &mut Value) {
    let role = || json!({ "type": "string", "enum": ["ADMIN", "READ_ONLY"] });
    let time =
        |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    schemas["AccessTokenRequest"] = json!({
        "type": "object",
        "required": ["name", "lifeTimeSeconds"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 100, "description": "What it is for" },
            "role": {
                "type": "string",
                "enum": ["ADMIN", "READ_ONLY"],
                "default": "READ_ONLY",
                "description": "What whoever shows it may do, and never more than the user who asked for it",
            },
            "lifeTimeSeconds": { "type": "integer", "minimum": 1, "maximum": 2_147_483_647 },
        },
    });
    schemas["AccessToken"] = json!({
        "type": "object",
        "required": ["id", "name", "username", "role", "issuedAt", "expiresAt"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "name": { "type": "string" },
            "username": { "type": "string", "description": "Who asked for it, and as whom it acts" },
            "role": role(),
            "issuedAt": time("When it was made"),
            "expiresAt": time("From then on it lets nobody in"),
            "lastUsedAt": time("To the hour; absent before its first use"),
        },
    });
    let mut new = schemas["AccessToken"].clone();
    new["required"] = json!(["id", "name", "username", "role", "issuedAt", "expiresAt", "token"]);
    new["properties"]["token"] = json!({ "type": "string", "description": "Shown once. Empty in dry mode" });
    schemas["NewAccessToken"] = new;
}

fn add_scram(schemas: &mut Value) {
    let mechanism = || json!({ "type": "string", "enum": ["SCRAM-SHA-256", "SCRAM-SHA-512"] });
    let iterations = || json!({ "type": "integer", "minimum": 4096, "maximum": 16384, "default": 4096 });
    schemas["ScramCredential"] = json!({
        "type": "object",
        "required": ["vCluster", "username", "mechanism", "iterations"],
        "properties": {
            "vCluster": text(NAMES),
            "username": any_account(),
            "mechanism": mechanism(),
            "iterations": { "type": "integer" },
        },
    });
    schemas["ScramPassword"] = json!({
        "type": "object",
        "required": ["username", "mechanism", "password"],
        "additionalProperties": false,
        "properties": {
            "vCluster": text(NAMES),
            "username": any_account(),
            "mechanism": mechanism(),
            "password": { "type": "string", "writeOnly": true },
            "iterations": iterations(),
        },
    });
    schemas["ScramCredentialsToDelete"] = json!({
        "type": "object",
        "description": "Without a mechanism, all of the account.",
        "required": ["username"],
        "additionalProperties": false,
        "properties": { "vCluster": text(NAMES), "username": any_account(), "mechanism": mechanism() },
    });
}
