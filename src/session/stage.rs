//! Where a session stands, and what a request of each kind means there. Pure.

use super::end::End;

/// Kafka's ApiVersions, which is answered before login too.
const API_VERSIONS: i16 = 18;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody has logged in.
    Accepted,
    /// A SASL exchange is under way, the first one or a later one.
    Exchanging,
    /// Requests are served.
    Serving,
    /// Nothing more is read; the session ends when what is in flight is answered and written.
    Draining(End),
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
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

impl Stage {
    /// What a request with this key means. `is_sasl` keys are the login's own.
    pub(super) fn route(self, api_key: i16, is_sasl: fn(i16) -> bool) -> Route {
        match self {
            Self::Draining(end) => Route::Refuse(end),
            _ if is_sasl(api_key) => Route::Sasl,
            _ if api_key == API_VERSIONS => Route::ApiVersions,
            Self::Serving => Route::Serve,
            Self::Accepted => Route::LogIn,
            Self::Exchanging => Route::OutOfTurn,
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

    fn check(stage: Stage, keys: &[i16], expected: Route) {
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
            (Stage::Accepted, Route::LogIn),
            (Stage::Exchanging, Route::OutOfTurn),
        ] {
            check(stage, &others, expected);
            check(stage, &[18], Route::ApiVersions);
            check(stage, &[17, 36], Route::Sasl);
        }
    }

    #[test]
    fn a_session_that_serves_may_log_in_again() {
        check(Stage::Serving, &[0, 1, 3, 60, 999], Route::Serve);
        check(Stage::Serving, &[17, 36], Route::Sasl);
        check(Stage::Serving, &[18], Route::ApiVersions);
    }

    #[test]
    fn a_draining_session_takes_nothing() {
        check(
            Stage::Draining(End::Drained),
            &[0, 17, 18],
            Route::Refuse(End::Drained),
        );
        assert!(!Stage::Draining(End::Drained).reads());
    }
}
