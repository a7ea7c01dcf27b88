//! ApiVersions: answered before and after login, in any version that a client may think of (KIP-511).

use super::description::VersionRange;
use super::description::{AnsweredBy, Api, ServedVersions};
use crate::backend::topology::Features;
use crate::vcluster::view::View;
use crate::wire::{Detail, Item, RequestHeader, Segments, Tape, WireError, field, walk_request};

use super::error_code::ErrorCode;

pub(super) const API_VERSIONS: Api = Api {
    key: 18,
    versions: ServedVersions::new(0, 4),
    rights: "none",
    on_the_way: "In an unknown version: answered in version 0, with the versions of ApiVersions only.",
    answered_by: AnsweredBy::Session,
};

/// The version in which clients of any version understand an answer.
const FALLBACK_VERSION: i16 = 0;

/// The first version in which clients say what software they are.
const SOFTWARE_FROM: i16 = 3;
/// The first version whose answers may tell of a feature that starts at level 0: older clients refuse such answers.
const LEVEL_ZERO_FROM: i16 = 4;

/// The answer to an ApiVersions request with this header.
pub(super) fn answer(view: &View, header: &RequestHeader, frame: &[u8]) -> Result<Segments, WireError> {
    let key = API_VERSIONS.key;
    let known = view
        .apis
        .range(&API_VERSIONS)
        .is_some_and(|range| range.contains(header.api_version));
    let version = if known {
        header.api_version
    } else {
        FALLBACK_VERSION
    };
    let mut response = Item::response(key, version)?;
    if !known {
        response.set(field::ERROR_CODE, ErrorCode::UnsupportedVersion);
    }
    if known && version >= SOFTWARE_FROM && !names_software(header, frame)? {
        response.set(field::ERROR_CODE, ErrorCode::InvalidRequest);
        return response.response_frame((key, version), header.correlation_id);
    }
    // Who asked in a version that is not known is told those of this API alone (KIP-511).
    let is_told = |api: &Api| known || *api == API_VERSIONS;
    for (api, range) in view.apis.announced().filter(|(api, _)| is_told(api)) {
        let item = api_item(&response, api, range);
        response.push(field::API_KEYS, item);
    }
    if known {
        let least = if version >= LEVEL_ZERO_FROM { 0 } else { 1 };
        add_features(&mut response, &view.features, least);
    }
    response.response_frame((key, version), header.correlation_id)
}

fn api_item(response: &Item, api: &Api, range: VersionRange) -> Item {
    let mut item = response.item(field::API_KEYS);
    item.set(field::API_KEY, api.key)
        .set(field::MIN_VERSION, range.min)
        .set(field::MAX_VERSION, range.max);
    item
}

/// Whether the client's software has a name and a version that a broker takes.
fn names_software(header: &RequestHeader, frame: &[u8]) -> Result<bool, WireError> {
    let mut tape = Tape::new();
    let message = walk_request(header, frame, Detail::Everything, &mut tape)?;
    let root = message.root();
    let mut fields = [field::CLIENT_SOFTWARE_NAME, field::CLIENT_SOFTWARE_VERSION].into_iter();
    Ok(fields.all(|field| is_software(root.text_in(field).unwrap_or_default())))
}

/// Letters and digits, with dots and dashes between them (KIP-511).
fn is_software(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    is_end(bytes.first()) && is_end(bytes.last()) && bytes.iter().all(is_inside)
}

/// Adds the features, of the supported ones those that start at `least` or above.
fn add_features(response: &mut Item, features: &Features, least: i16) {
    for (name, min, max) in features.supported.iter().filter(|(_, min, _)| *min >= least) {
        let mut item = response.item(field::SUPPORTED_FEATURES);
        item.set(field::NAME, name.as_str())
            .set(field::MIN_VERSION, *min)
            .set(field::MAX_VERSION, *max);
        response.push(field::SUPPORTED_FEATURES, item);
    }
    for (name, min, max) in &features.finalized {
        let mut item = response.item(field::FINALIZED_FEATURES);
        item.set(field::NAME, name.as_str());
        item.set(field::MIN_VERSION_LEVEL, *min)
            .set(field::MAX_VERSION_LEVEL, *max);
        response.push(field::FINALIZED_FEATURES, item);
    }
    if !features.finalized.is_empty() {
        response.set(field::FINALIZED_FEATURES_EPOCH, features.finalized_epoch);
    }
    response.set(field::ZK_MIGRATION_READY, features.zk_migration_ready);
}
