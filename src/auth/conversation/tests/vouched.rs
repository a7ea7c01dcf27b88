//! Logins for which somebody else vouches: a provider's keys, or the broker.

use std::collections::BTreeMap;

use klamm_raft::model::{
    AccountKind, AccountSpec, Authentication, Mediation, Method, OauthBearer, Revision, ServiceAccount,
    VclusterState,
};
use serde_json::{Value as Json, json};

use super::*;
use crate::auth::LoginLost;
use crate::auth::oauth::{Provider, samples as provider};

const NOW: UnixMillis = provider::NOW;

/// A virtual cluster with one method.
fn state(method: Method) -> VclusterState {
    let mut state = samples::state();
    state.spec.authentication = Authentication(vec![method]);
    state
}

fn oauth(mediation: Mediation) -> Method {
    Method::OauthBearer(OauthBearer {
        mediation,
        provider: "corporate".parse().unwrap(),
        audiences: Vec::new(),
        required_scopes: vec!["write".to_owned()],
        principal_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
        rules: Vec::new(),
    })
}

fn plain() -> Method {
    Method::SaslPlain {
        mediation: Mediation::Passthrough,
        users: BTreeMap::new(),
    }
}

fn ring() -> Keyring {
    let provider: Provider = provider::provider();
    let entry = (provider.into(), Some(provider::keys().into()));
    Keyring {
        providers: BTreeMap::from([("corporate".parse().unwrap(), entry)]),
    }
}

fn bearer(changed: &Json) -> String {
    let mut claims = provider::claims();
    for (name, value) in changed.as_object().unwrap() {
        claims[name] = value.clone();
    }
    format!("n,,\x01auth=Bearer {}\x01\x01", provider::token(&claims))
}

/// Handshake and first message.
fn begin(
    conversation: &mut Conversation,
    state: &VclusterState,
    (mechanism, message): (&str, &str),
    now: UnixMillis,
) -> Turn {
    let directory = samples::directory(state);
    let mut body = (mechanism.len() as i16).to_be_bytes().to_vec();
    body.extend(mechanism.as_bytes());
    let request = |api_key, body| SaslRequest {
        api_key,
        api_version: 1,
        correlation_id: 9,
        body,
    };
    let turn = conversation.request(&request(17, &body), &directory, moment(now));
    assert!(
        matches!(&turn, Turn::Answer(answer) if error_code(answer) == 0),
        "{turn:?}"
    );
    let mut body = (message.len() as i32).to_be_bytes().to_vec();
    body.extend(message.as_bytes());
    conversation.request(&request(36, &body), &directory, moment(now))
}

/// Logs in with a token, judged by the keys that are there.
fn show(conversation: &mut Conversation, state: &VclusterState, changed: &Json) -> Turn {
    let turn = begin(conversation, state, ("OAUTHBEARER", &bearer(changed)), NOW);
    let Turn::Keys { need, .. } = turn else {
        panic!("{turn:?}");
    };
    assert_eq!(need, KeyNeed::AsTheyAre);
    conversation.with_keys(&samples::directory(state), &ring(), need, NOW)
}

fn answered(error_code: i16, message: Option<&str>, lifetime_ms: u64) -> BrokerAnswer {
    BrokerAnswer {
        error_code,
        error_message: message.map(str::to_owned),
        bytes: Vec::new(),
        lifetime_ms,
    }
}

fn principal(conversation: &Conversation) -> &str {
    conversation.login().unwrap().principal.as_str()
}

#[test]
fn a_good_token_logs_in_for_as_long_as_it_is_good() {
    let state = state(oauth(Mediation::Terminate));
    let mut conversation = Conversation::default();
    let turn = show(&mut conversation, &state, &json!({}));
    assert!(matches!(turn, Turn::LoggedIn(_)), "{turn:?}");
    assert_eq!(principal(&conversation), "User:alice");
    let expires = conversation.login().unwrap().expires;
    assert_eq!(expires, Some(UnixMillis(NOW.0 + 300_000)));
}

#[test]
fn a_bad_token_is_refused_once_the_client_has_read_that() {
    let state = state(oauth(Mediation::Terminate));
    let mut conversation = Conversation::default();
    let turn = show(&mut conversation, &state, &json!({"scope": "read"}));
    assert!(
        matches!(&turn, Turn::Answer(answer) if error_code(answer) == 0),
        "{turn:?}"
    );
    assert_eq!(conversation.doom(), Some(LoginRefusal::MissingScope));
    let body = [0, 0, 0, 1, 1];
    let request = SaslRequest {
        api_key: 36,
        api_version: 1,
        correlation_id: 9,
        body: &body,
    };
    let turn = conversation.request(&request, &samples::directory(&state), moment(NOW));
    let Turn::Refused {
        answer: Some(answer), ..
    } = &turn
    else {
        panic!("{turn:?}");
    };
    let text = String::from_utf8_lossy(&answer.0[0]).into_owned();
    assert!(text.contains("invalid_token"), "{text}");
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::MissingScope, Some(58)));
    assert!(conversation.login().is_none());
}

#[test]
fn an_unknown_key_is_asked_for_once() {
    let state = state(oauth(Mediation::Terminate));
    let directory = samples::directory(&state);
    let mut conversation = Conversation::default();
    let turn = begin(
        &mut conversation,
        &state,
        ("OAUTHBEARER", &bearer(&json!({}))),
        NOW,
    );
    assert!(matches!(turn, Turn::Keys { .. }), "{turn:?}");
    let mut empty = ring();
    empty.providers.values_mut().for_each(|(_, keys)| *keys = None);
    let turn = conversation.with_keys(&directory, &empty, KeyNeed::AsTheyAre, NOW);
    let Turn::Keys { need, .. } = turn else {
        panic!("{turn:?}");
    };
    assert_eq!(need, KeyNeed::Fresher);
    // Nobody can say: the client hears nothing, and comes again.
    let turn = conversation.with_keys(&directory, &empty, need, NOW);
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::NoKeys, None));
}

#[test]
fn only_a_good_token_is_sent_on() {
    let state = state(oauth(Mediation::ValidateForward));
    let mut conversation = Conversation::default();
    let turn = show(&mut conversation, &state, &json!({"aud": "elsewhere"}));
    assert!(matches!(turn, Turn::Answer(_)), "{turn:?}");

    let mut conversation = Conversation::default();
    let directory = samples::directory(&state);
    let shown = bearer(&json!({}));
    begin(&mut conversation, &state, ("OAUTHBEARER", &shown), NOW);
    let turn = conversation.with_keys(&directory, &ring(), KeyNeed::AsTheyAre, NOW);
    let Turn::Relay(sent) = turn else {
        panic!("{turn:?}");
    };
    assert!(sent.is_first);
    assert_eq!(sent.message.reveal(), shown);
    // The token ends before the broker's session would.
    let answer = answered(0, None, 900_000);
    let turn = conversation.relayed(answer, &directory, NOW);
    assert!(matches!(turn, Turn::LoggedIn(_)), "{turn:?}");
    let expires = conversation.login().unwrap().expires;
    assert_eq!(expires, Some(UnixMillis(NOW.0 + 300_000)));
}

#[test]
fn the_broker_judges_and_its_words_are_the_clients() {
    let state = state(plain());
    let directory = samples::directory(&state);
    let mut conversation = Conversation::default();
    let turn = begin(&mut conversation, &state, ("PLAIN", "\0eve\0wrong"), NOW);
    assert!(matches!(turn, Turn::Relay(_)), "{turn:?}");
    let turn = conversation.relayed(answered(58, Some("no such user"), 0), &directory, NOW);
    let Turn::Refused {
        kind: LoginRefusal::BrokerRefused,
        answer: Some(answer),
    } = turn
    else {
        panic!("{turn:?}");
    };
    let text = String::from_utf8_lossy(&answer.0[0]).into_owned();
    assert!(text.contains("no such user"), "{text}");
    assert!(conversation.login().is_none());

    let turn = begin(&mut conversation, &state, ("PLAIN", "\0eve\0right"), NOW);
    assert!(matches!(turn, Turn::Relay(_)), "{turn:?}");
    let turn = conversation.relayed(answered(0, None, 5000), &directory, NOW);
    assert!(matches!(turn, Turn::LoggedIn(_)), "{turn:?}");
    assert_eq!(principal(&conversation), "User:eve");
    assert_eq!(
        conversation.login().unwrap().expires,
        Some(UnixMillis(NOW.0 + 5000))
    );

    // Somebody else is not even shown to the broker.
    let later = UnixMillis(NOW.0 + 2000);
    let turn = begin(&mut conversation, &state, ("PLAIN", "\0mallory\0right"), later);
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::ChangedIdentity, Some(58)));
}

#[test]
fn a_name_elsewhere_is_an_account_here_while_it_is_one() {
    let mut state = state(plain());
    let account = |names: &[&str]| ServiceAccount {
        spec: AccountSpec {
            kind: AccountKind::External {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            },
            upstream_credentials: None,
        },
        created: Revision(7),
    };
    state
        .accounts
        .insert("orders".parse().unwrap(), account(&["svc-1"]));
    let mut conversation = Conversation::default();
    let turn = begin(&mut conversation, &state, ("PLAIN", "\0svc-1\0right"), NOW);
    assert!(matches!(turn, Turn::Relay(_)), "{turn:?}");
    conversation.relayed(answered(0, None, 0), &samples::directory(&state), NOW);
    assert_eq!(principal(&conversation), "User:orders");
    let login = conversation.login().unwrap().clone();
    assert_eq!(login.expires, None);
    let check = |state: &VclusterState, expected| {
        assert_eq!(login.check(&samples::directory(state)), expected);
    };
    check(&state, Ok(()));

    let mut renamed = state.clone();
    renamed
        .accounts
        .insert("orders".parse().unwrap(), account(&["svc-2"]));
    check(&renamed, Err(LoginLost::AccountChanged));
    let mut terminated = state.clone();
    terminated.spec.authentication = Authentication::default();
    check(&terminated, Err(LoginLost::MethodChanged));
    let mut withdrawn = state.clone();
    withdrawn.spec.authentication = Authentication(vec![oauth(Mediation::Terminate)]);
    check(&withdrawn, Err(LoginLost::MechanismWithdrawn));
}
