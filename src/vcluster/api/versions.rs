//! ApiVersions: answered before and after login, in any version that a client may think of (KIP-511).

use super::table::{Api, VersionRange};
use crate::backend::topology::Features;
use crate::vcluster::view::View;
use crate::wire::{Item, RequestHeader, Segments, WireError, field};

use super::error_code::ErrorCode;

/// The version in which clients of any version understand an answer.
const FALLBACK_VERSION: i16 = 0;

/// Features that stand for APIs which are not served. A client that saw them finalized would use those APIs.
const HIDDEN_FEATURES: [&str; 3] = ["share.version", "streams.version", "transaction.version"];

/// The answer to an ApiVersions request with this header.
pub(super) fn answer(view: &View, header: &RequestHeader) -> Result<Segments, WireError> {
    let key = Api::ApiVersions.key();
    let known = view
        .apis
        .range(Api::ApiVersions)
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
    for (api, range) in view.apis.announced() {
        let item = api_item(&response, api, range);
        response.push(field::API_KEYS, item);
    }
    if known {
        add_features(&mut response, &view.features);
    }
    response.response_frame((key, version), header.correlation_id)
}

fn api_item(response: &Item, api: Api, range: VersionRange) -> Item {
    let mut item = response.item(field::API_KEYS);
    item.set(field::API_KEY, api.key())
        .set(field::MIN_VERSION, range.min)
        .set(field::MAX_VERSION, range.max);
    item
}

fn add_features(response: &mut Item, features: &Features) {
    let shown = |name: &str| !HIDDEN_FEATURES.contains(&name);
    for (name, min, max) in features.supported.iter().filter(|(name, ..)| shown(name)) {
        let mut item = response.item(field::SUPPORTED_FEATURES);
        item.set(field::NAME, name.as_str())
            .set(field::MIN_VERSION, *min)
            .set(field::MAX_VERSION, *max);
        response.push(field::SUPPORTED_FEATURES, item);
    }
    for (name, min, max) in features.finalized.iter().filter(|(name, ..)| shown(name)) {
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
