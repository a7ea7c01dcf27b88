//! Where a session stands, and what a request of each kind means there. Pure.

use super::end::End;

/// Kafka's ApiVersions, which is answered before login too.
const API_VERSIONS: i16 = 18;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionStage {
    /// Nobody has logged in.
    Accepted,
    /// A SASL exchange is under way, the first one or a later one.
    Exchanging,
    /// Requests are served.
    Serving,
    /// Nothing more is read; the session ends when what is in flight is answered and written.
    Draining(End),
}

/// The handling of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    Sasl,
    ApiVersions,
    Serve,
    /// It is answered by an error, where there is such an answer, and ends the session.
    OutOfTurn,
    /// It is served to whoever is logged in without a word; otherwise it ends the session.
    LogIn,
    /// It ends the session.
    Refuse(End),
}

impl SessionStage {
    /// The handling of a request with this key. `is_sasl` keys are the login's own.
    pub(super) fn route(self, api_key: i16, is_sasl: fn(i16) -> bool) -> Handling {
        match self {
            Self::Draining(end) => Handling::Refuse(end),
            _ if is_sasl(api_key) => Handling::Sasl,
            _ if api_key == API_VERSIONS => Handling::ApiVersions,
            Self::Serving => Handling::Serve,
            Self::Accepted => Handling::LogIn,
            Self::Exchanging => Handling::OutOfTurn,
        }
    }

    /// Whether anything more may be read from the client.
    pub(super) fn reads(self) -> bool {
        !matches!(self, Self::Draining(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Conversation;

    fn check(stage: SessionStage, keys: &[i16], expected: Handling) {
        for key in keys {
            assert_eq!(
                stage.route(*key, Conversation::is_sasl),
                expected,
                "{stage:?}, key {key}"
            );
        }
    }

    #[test]
    fn nothing_but_login_is_served_before_login() {
        let others = [0, 1, 3, 10, 29, 60, -1, i16::MAX];
        for (stage, expected) in [
            (SessionStage::Accepted, Handling::LogIn),
            (SessionStage::Exchanging, Handling::OutOfTurn),
        ] {
            check(stage, &others, expected);
            check(stage, &[18], Handling::ApiVersions);
            check(stage, &[17, 36], Handling::Sasl);
        }
    }

    #[test]
    fn a_session_that_serves_may_log_in_again() {
        check(SessionStage::Serving, &[0, 1, 3, 60, 999], Handling::Serve);
        check(SessionStage::Serving, &[17, 36], Handling::Sasl);
        check(SessionStage::Serving, &[18], Handling::ApiVersions);
    }

    #[test]
    fn a_draining_session_takes_nothing() {
        check(
            SessionStage::Draining(End::Drained),
            &[0, 17, 18],
            Handling::Refuse(End::Drained),
        );
        assert!(!SessionStage::Draining(End::Drained).reads());
    }
}
