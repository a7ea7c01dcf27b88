//! SaslHandshake and SaslAuthenticate: the session answers them, which logs clients in.

use super::description::{AnsweredBy, Api, ServedVersions};

pub(super) const SASL_HANDSHAKE: Api = Api {
    key: 17,
    versions: ServedVersions::new(0, 1),
    rights: "none",
    on_the_way: "",
    answered_by: AnsweredBy::Session,
};

pub(super) const SASL_AUTHENTICATE: Api = Api {
    key: 36,
    versions: ServedVersions::new(0, 2),
    rights: "none",
    on_the_way: "",
    answered_by: AnsweredBy::Session,
};
