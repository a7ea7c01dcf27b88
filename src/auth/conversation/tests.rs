//! Whole conversations, as a client would have them.

use bytes::Buf;
use klamm_raft::model::{TokenId, TokenRecord};

mod passwords;
mod vouched;

use super::*;
use crate::auth::token::{self, samples};

const LATER: UnixMillis = UnixMillis(samples::NOW.0 + 5000);

/// The answer of one step, as a client sees it.
#[derive(Debug, PartialEq)]
enum Seen {
    Answered(i16),
    LoggedIn,
    Refused(LoginRefusal, Option<i16>),
}

fn moment(now: UnixMillis) -> Moment {
    Moment {
        now,
        nonce: Nonce([5; 24]),
    }
}

struct Client {
    conversation: Conversation,
    now: UnixMillis,
}

impl Client {
    fn new() -> Self {
        Self {
            conversation: Conversation::default(),
            now: samples::NOW,
        }
    }

    fn send(&mut self, api_key: i16, api_version: i16, body: &[u8]) -> Seen {
        let request = SaslRequest {
            api_key,
            api_version,
            correlation_id: 9,
            body,
        };
        let mut state = samples::state();
        let bobs = TokenRecord {
            account: "bob".parse().unwrap(),
            account_created: klamm_raft::model::Revision(6),
            ..samples::record()
        };
        state.tokens.insert(TokenId([8; 16]), bobs);
        seen(
            self.conversation
                .request(&request, &samples::directory(&state), moment(self.now)),
        )
    }

    fn handshake(&mut self, mechanism: &str) -> Seen {
        let mut body = (mechanism.len() as i16).to_be_bytes().to_vec();
        body.extend(mechanism.as_bytes());
        self.send(17, 1, &body)
    }

    fn authenticate(&mut self, user: &str, password: &str) -> Seen {
        let message = format!("\0{user}\0{password}");
        let mut body = (message.len() as i32).to_be_bytes().to_vec();
        body.extend(message.as_bytes());
        self.send(36, 1, &body)
    }
}

fn error_code(segments: &Segments) -> i16 {
    let mut frame = segments.0[0].clone();
    frame.advance(8);
    frame.get_i16()
}

fn seen(turn: Turn) -> Seen {
    match turn {
        Turn::Answer(answer) => Seen::Answered(error_code(&answer)),
        Turn::LoggedIn(answer) => {
            assert_eq!(error_code(&answer), 0);
            Seen::LoggedIn
        }
        Turn::Refused { kind, answer } => Seen::Refused(kind, answer.as_ref().map(error_code)),
        Turn::Keys { .. } | Turn::Password(_) | Turn::Relay(_) => panic!("a token is judged at once"),
    }
}

fn bobs_token() -> String {
    let record = TokenRecord {
        account: "bob".parse().unwrap(),
        ..samples::record()
    };
    token::issue(&samples::key(), &samples::vcluster(), TokenId([8; 16]), &record).unwrap()
}

fn logged_in() -> Client {
    let mut client = Client::new();
    assert_eq!(client.handshake("PLAIN"), Seen::Answered(0));
    assert!(client.conversation.is_under_way());
    assert_eq!(client.authenticate("alice", &samples::token()), Seen::LoggedIn);
    assert!(!client.conversation.is_under_way());
    client
}

#[test]
fn a_token_logs_in() {
    let client = logged_in();
    assert_eq!(
        client.conversation.login().unwrap().principal.as_str(),
        "User:alice"
    );
}

#[test]
fn the_answer_names_the_tokens_remaining_life() {
    let mut client = Client::new();
    client.handshake("PLAIN");
    let message = format!("\0alice\0{}", samples::token());
    let mut body = (message.len() as i32).to_be_bytes().to_vec();
    body.extend(message.as_bytes());
    let request = SaslRequest {
        api_key: 36,
        api_version: 1,
        correlation_id: 9,
        body: &body,
    };
    let directory = samples::directory(&samples::state());
    let Turn::LoggedIn(answer) = client
        .conversation
        .request(&request, &directory, moment(samples::NOW))
    else {
        panic!("the login failed");
    };
    let frame = &answer.0[0];
    let lifetime_ms = i64::from_be_bytes(*frame.last_chunk().unwrap());
    assert_eq!(lifetime_ms, 3_599_500);
}

#[test]
fn a_wrong_password_is_refused_whatever_is_wrong_with_it() {
    for (user, password) in [
        ("alice", "guess"),
        ("nobody", "guess"),
        ("bob", &samples::token()),
        ("alice", ""),
    ] {
        let mut client = Client::new();
        client.handshake("PLAIN");
        let Seen::Refused(_, code) = client.authenticate(user, password) else {
            panic!("{user} got in");
        };
        assert_eq!(code, Some(58));
        assert!(client.conversation.login().is_none());
    }
}

#[test]
fn an_unknown_mechanism_is_refused() {
    for name in ["SCRAM-SHA-1", "plain", "", "PLAIN\0"] {
        let refused = Seen::Refused(LoginRefusal::UnsupportedMechanism, Some(33));
        assert_eq!(Client::new().handshake(name), refused);
    }
}

#[test]
fn an_exchange_needs_one_handshake() {
    let illegal = || Seen::Refused(LoginRefusal::IllegalState, Some(34));
    assert_eq!(Client::new().authenticate("alice", &samples::token()), illegal());

    let mut twice = Client::new();
    twice.handshake("PLAIN");
    assert_eq!(twice.handshake("PLAIN"), illegal());
}

#[test]
fn versions_that_do_not_exist_are_refused() {
    for (key, version) in [(17, 2), (17, -1), (36, 3), (36, -1)] {
        assert_eq!(
            Client::new().send(key, version, b""),
            Seen::Refused(LoginRefusal::MalformedMessage, None)
        );
    }
}

#[test]
fn raw_messages_follow_a_handshake_of_version_0() {
    let mut client = Client::new();
    assert_eq!(client.send(17, 0, b"\0\x05PLAIN"), Seen::Answered(0));
    assert!(client.conversation.expects_raw());
    let message = format!("\0alice\0{}", samples::token());
    let directory = samples::directory(&samples::state());
    let Turn::LoggedIn(answer) =
        client
            .conversation
            .raw(message.as_bytes(), &directory, moment(samples::NOW))
    else {
        panic!("the login failed");
    };
    assert_eq!(answer.0[0].as_ref(), [0; 4]);
    assert!(!client.conversation.expects_raw());
}

#[test]
fn a_session_authenticates_again_as_the_same_principal() {
    let mut client = logged_in();
    client.now = LATER;
    assert_eq!(client.handshake("PLAIN"), Seen::Answered(0));
    assert_eq!(client.authenticate("alice", &samples::token()), Seen::LoggedIn);
}

#[test]
fn a_session_does_not_become_another_principal() {
    let mut client = logged_in();
    client.now = LATER;
    client.handshake("PLAIN");
    let changed = Seen::Refused(LoginRefusal::ChangedIdentity, Some(58));
    assert_eq!(client.authenticate("bob", &bobs_token()), changed);
}

#[test]
fn sasl_after_login_is_illegal_unless_it_starts_over() {
    let mut client = logged_in();
    assert_eq!(
        client.handshake("PLAIN"),
        Seen::Answered(34),
        "less than a second after the login"
    );
    assert_eq!(
        client.authenticate("alice", &samples::token()),
        Seen::Answered(34)
    );
    assert!(client.conversation.login().is_some());
}
