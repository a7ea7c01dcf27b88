//! Plugins that encrypt and decrypt whole values, keys and headers. The keys are those that the nodes have in their configuration,
//! by name: where they are is no matter of a resource.

use std::collections::BTreeSet;

use klamm_raft::model::{
    FailureMode, HeaderKey, KeyName, OpenedParts, Policy, PolicyAction, PolicyPhase, SealedParts,
};
use serde::Deserialize;
use serde_json::Value;

use super::super::invalid::{Invalid, required};
use super::plugins::{configuration, of_phase};
use super::topics;

/// The only algorithm that there is.
const ALGORITHM: &str = "AES256_GCM";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Encryption {
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    schema_registry_config: Option<Value>,
    #[serde(default)]
    schema_data_mode: Option<Value>,
    #[serde(default)]
    external_storage: bool,
    #[serde(default)]
    kms_config: Option<Value>,
    #[serde(default)]
    compression_type: Option<String>,
    #[serde(default)]
    enable_audit_log_on_error: Option<bool>,
    #[serde(default)]
    record_value: Option<EncryptedPart>,
    #[serde(default)]
    record_key: Option<EncryptedPart>,
    #[serde(default)]
    record_header: Option<EncryptedHeader>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EncryptedPart {
    #[serde(default)]
    payload: Option<Payload>,
    #[serde(default)]
    fields: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EncryptedHeader {
    header: String,
    #[serde(default)]
    payload: Option<Payload>,
    #[serde(default)]
    fields: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    key_secret_id: String,
    #[serde(default)]
    algorithm: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Decryption {
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    schema_registry_config: Option<Value>,
    #[serde(default)]
    kms_config: Option<Value>,
    #[serde(default)]
    record_value_fields: Option<Vec<Value>>,
    #[serde(default)]
    record_key_fields: Option<Vec<Value>>,
    #[serde(default)]
    record_header_fields: Option<Vec<Value>>,
    #[serde(default)]
    error_policy: Option<String>,
    #[serde(default)]
    enable_audit_log_on_error: Option<bool>,
}

/// Encrypts records that are written.
pub(super) fn encrypt(config: &str) -> Result<Policy, Invalid> {
    let config: Encryption = configuration(config)?;
    no_registry(&config.schema_registry_config)?;
    no_services(&config.kms_config)?;
    audited(config.enable_audit_log_on_error)?;
    if config.schema_data_mode.is_some() {
        return Err(Invalid::new(
            "spec.config.schemaDataMode is about fields of values, which are not encrypted yet: whole values are",
        ));
    }
    if config.external_storage {
        return Err(Invalid::new(
            "spec.config.externalStorage: a record carries its data key itself, in a header",
        ));
    }
    if config.compression_type.is_some_and(|codec| codec != "none") {
        return Err(Invalid::new(
            "spec.config.compressionType: values are not compressed before they are encrypted; none is the only one",
        ));
    }
    let mut key = None;
    let value = part(config.record_value, "recordValue", &mut key)?;
    let record_key = part(config.record_key, "recordKey", &mut key)?;
    let headers: BTreeSet<HeaderKey> = match config.record_header {
        Some(EncryptedHeader {
            header,
            payload,
            fields,
        }) => {
            part(Some(EncryptedPart { payload, fields }), "recordHeader", &mut key)?;
            headers(&header)?
        }
        None => BTreeSet::new(),
    };
    let key = key.ok_or_else(|| {
        Invalid::new(
            "spec.config: it encrypts nothing: recordValue, recordKey or recordHeader says what, by payload",
        )
    })?;
    let parts = SealedParts {
        value,
        key: record_key,
        headers,
    };
    Ok(Policy {
        topics: topics::patterns(config.topic.as_deref())?,
        ..of_phase(PolicyPhase::Produce, PolicyAction::Encrypt { key, parts })
    })
}

/// Decrypts records that are read.
pub(super) fn decrypt(config: &str) -> Result<Policy, Invalid> {
    let config: Decryption = configuration(config)?;
    no_registry(&config.schema_registry_config)?;
    no_services(&config.kms_config)?;
    audited(config.enable_audit_log_on_error)?;
    for (name, fields) in [
        ("recordValueFields", &config.record_value_fields),
        ("recordKeyFields", &config.record_key_fields),
        ("recordHeaderFields", &config.record_header_fields),
    ] {
        if fields.as_ref().is_some_and(|fields| !fields.is_empty()) {
            return Err(Invalid::new(format!(
                "spec.config.{name}: single fields are not decrypted yet: leave it out, and all that is encrypted as a whole is"
            )));
        }
    }
    let failure_mode = match config.error_policy.as_deref() {
        // That of the other gateway.
        None | Some("return_encrypted") => FailureMode::Passthrough,
        Some("fail_fetch") => FailureMode::Refuse,
        Some(other) => {
            return Err(Invalid::new(format!(
                "spec.config.errorPolicy {other:?} is not supported: there are return_encrypted and fail_fetch"
            )));
        }
    };
    let action = PolicyAction::Decrypt {
        keys: BTreeSet::new(),
        parts: OpenedParts {
            value: true,
            key: true,
            headers: true,
        },
    };
    Ok(Policy {
        topics: topics::patterns(config.topic.as_deref())?,
        failure_mode: Some(failure_mode),
        ..of_phase(PolicyPhase::Consume, action)
    })
}

/// Whether a part is encrypted, all of it, with the one key of the policy.
fn part(part: Option<EncryptedPart>, name: &'static str, key: &mut Option<KeyName>) -> Result<bool, Invalid> {
    let Some(EncryptedPart { payload, fields }) = part else {
        return Ok(false);
    };
    if fields.is_some() {
        return Err(Invalid::new(format!(
            "spec.config.{name}.fields: single fields are not encrypted yet; payload encrypts all of it"
        )));
    }
    let at = format!("spec.config.{name}.payload");
    let Some(Payload {
        key_secret_id,
        algorithm,
    }) = payload
    else {
        return Err(Invalid::new(format!("{at} is missing")));
    };
    if algorithm.as_deref() != Some(ALGORITHM) {
        return Err(Invalid::new(format!(
            "{at}.algorithm must be {ALGORITHM}: there is no other"
        )));
    }
    let named: KeyName = required(&format!("{at}.keySecretId"), &key_secret_id).map_err(|invalid| {
        Invalid::new(format!(
            "{invalid}. It is the name of a key in the configuration of the nodes (klamm.keys), which says where the key is"
        ))
    })?;
    match key.replace(named.clone()) {
        Some(other) if other != named => Err(Invalid::new(format!(
            "{at}.keySecretId: all parts of a record are encrypted with one key: {other} or {named}"
        ))),
        _ => Ok(true),
    }
}

/// The headers that an expression means, if it lists their names.
fn headers(expression: &str) -> Result<BTreeSet<HeaderKey>, Invalid> {
    const AT: &str = "spec.config.recordHeader.header";
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let listed = expression
        .strip_prefix('(')
        .and_then(|inside| inside.strip_suffix(')'));
    let names = listed.unwrap_or(expression).split('|');
    let read = |name: &str| match name.bytes().all(is_name) {
        true => required(AT, name),
        false => Err(Invalid::new(format!(
            "{AT}: {expression:?} is not supported: name the headers, as in ssn or ssn|iban"
        ))),
    };
    names.map(read).collect()
}

fn no_services(config: &Option<Value>) -> Result<(), Invalid> {
    match config {
        None => Ok(()),
        Some(_) => Err(Invalid::new(
            "spec.config.kmsConfig: where keys are is in the configuration of the nodes (klamm.keys), with the secrets for it; leave it out",
        )),
    }
}

fn no_registry(config: &Option<Value>) -> Result<(), Invalid> {
    match config {
        None => Ok(()),
        Some(_) => Err(Invalid::new(
            "spec.config.schemaRegistryConfig: whole values are encrypted, whatever their schema; leave it out",
        )),
    }
}

fn audited(wanted: Option<bool>) -> Result<(), Invalid> {
    match wanted {
        None | Some(true) => Ok(()),
        Some(false) => Err(Invalid::new(
            "spec.config.enableAuditLogOnError: refused records are always in the audit log",
        )),
    }
}
