//! Users of a list, whose passwords are checked elsewhere; and how long a login lasts.

use std::sync::Arc;
use std::time::Duration;

use klamm_raft::model::{Mediation, Method, PasswordHash, VclusterState};

use super::*;
use crate::auth::LoginLost;
use crate::auth::password;

/// The list of users: `ursula` with the password `hunter2`.
fn state() -> VclusterState {
    let mut state = samples::state();
    put(&mut state, "ursula", Some("hunter2"));
    state
}

/// Puts a user into the list, or takes one out.
fn put(state: &mut VclusterState, user: &str, password: Option<&str>) {
    for method in &mut state.spec.authentication.0 {
        if let Method::SaslPlain { users, .. } = method {
            let user = user.parse().unwrap();
            let hash: Option<PasswordHash> = password.map(|password| password::hash(password, [3; 16]));
            match hash {
                Some(hash) => drop(users.insert(user, hash)),
                None => drop(users.remove(&user)),
            }
        }
    }
}

/// The first message of a client, and its result.
fn begin(
    conversation: &mut Conversation,
    directory: &Arc<Directory>,
    now: UnixMillis,
    (user, password): (&str, &str),
) -> Turn {
    let request = |api_key, body| SaslRequest {
        api_key,
        api_version: 1,
        correlation_id: 9,
        body,
    };
    let handshake = conversation.request(&request(17, b"\0\x05PLAIN"), directory, moment(now));
    assert_eq!(seen(handshake), Seen::Answered(0));
    let message = format!("\0{user}\0{password}");
    let mut body = (message.len() as i32).to_be_bytes().to_vec();
    body.extend(message.as_bytes());
    conversation.request(&request(36, &body), directory, moment(now))
}

/// Logs in to the end.
fn log_in(conversation: &mut Conversation, directory: &Arc<Directory>, who: (&str, &str)) -> Turn {
    match begin(conversation, directory, samples::NOW, who) {
        Turn::Password(check) => conversation.checked(check.run(), directory, samples::NOW),
        other => other,
    }
}

#[test]
fn a_user_of_the_list_logs_in() {
    let mut conversation = Conversation::default();
    let directory = samples::directory(&state());
    assert_eq!(
        seen(log_in(&mut conversation, &directory, ("ursula", "hunter2"))),
        Seen::LoggedIn
    );
    let login = conversation.login().unwrap();
    assert_eq!(login.principal.as_str(), "User:ursula");
    assert_eq!(login.expires, None);
}

#[test]
fn tokens_log_in_beside_the_list_and_without_a_check() {
    let mut conversation = Conversation::default();
    let turn = begin(
        &mut conversation,
        &samples::directory(&state()),
        samples::NOW,
        ("alice", &samples::token()),
    );
    assert_eq!(seen(turn), Seen::LoggedIn);
}

#[test]
fn a_wrong_password_and_a_wrong_user_look_alike() {
    let directory = samples::directory(&state());
    let answer = |who| match log_in(&mut Conversation::default(), &directory, who) {
        Turn::Refused { kind, answer } => (kind, answer.unwrap().0),
        other => panic!("{other:?}"),
    };
    let (kind, wrong_password) = answer(("ursula", "hunter3"));
    assert_eq!(kind, LoginRefusal::WrongPassword);
    // An account, somebody unknown, and what can be no name: each was computed for as long as the others.
    for user in ["alice", "nobody", "no name"] {
        let (kind, wrong_user) = answer((user, "hunter2"));
        assert_eq!(kind, LoginRefusal::UnknownUser, "{user}");
        assert_eq!(wrong_user, wrong_password, "{user}");
    }
}

#[test]
fn without_a_list_nothing_is_computed() {
    let directory = samples::directory(&samples::state());
    let turn = begin(
        &mut Conversation::default(),
        &directory,
        samples::NOW,
        ("ursula", "hunter2"),
    );
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::InvalidToken, Some(58)));
}

#[test]
fn who_was_removed_during_the_check_is_not_let_in() {
    let mut conversation = Conversation::default();
    let before = samples::directory(&state());
    let Turn::Password(check) = begin(&mut conversation, &before, samples::NOW, ("ursula", "hunter2")) else {
        panic!("no check");
    };
    let mut gone = state();
    put(&mut gone, "ursula", None);
    let turn = conversation.checked(check.run(), &samples::directory(&gone), samples::NOW);
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::Withdrawn, Some(58)));
    assert!(conversation.login().is_none());
}

#[test]
fn a_check_that_was_not_made_says_nothing() {
    let mut conversation = Conversation::default();
    let directory = samples::directory(&state());
    begin(&mut conversation, &directory, samples::NOW, ("ursula", "hunter2"));
    let turn = conversation.checked(PasswordVerdict::NotChecked, &directory, samples::NOW);
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::NotChecked, None));
    let again = conversation.checked(PasswordVerdict::Right, &directory, samples::NOW);
    assert_eq!(seen(again), Seen::Refused(LoginRefusal::IllegalState, None));
}

#[test]
fn a_login_is_lost_with_its_own_entry_only() {
    let mut conversation = Conversation::default();
    log_in(
        &mut conversation,
        &samples::directory(&state()),
        ("ursula", "hunter2"),
    );
    let login = conversation.login().unwrap();
    let mut others = state();
    put(&mut others, "somebody", Some("else"));
    assert_eq!(login.check(&samples::directory(&others)), Ok(()));
    let mut changed = state();
    put(&mut changed, "ursula", Some("other"));
    for lost in [changed, samples::state()] {
        assert_eq!(
            login.check(&samples::directory(&lost)),
            Err(LoginLost::PasswordChanged)
        );
    }
    let mut relayed = state();
    for method in &mut relayed.spec.authentication.0 {
        if let Method::SaslPlain { mediation, .. } = method {
            *mediation = Mediation::Passthrough;
        }
    }
    assert_eq!(
        login.check(&samples::directory(&relayed)),
        Err(LoginLost::MethodChanged)
    );
}

/// The last field of the answer (KIP-368), in milliseconds.
fn lifetime_ms(turn: Turn) -> i64 {
    let Turn::LoggedIn(answer) = turn else {
        panic!("{turn:?}");
    };
    i64::from_be_bytes(*answer.0[0].last_chunk().unwrap())
}

/// The longest time that timers of clients hold, in milliseconds.
const LONGEST_MS: u64 = 0x7fff_ffff;

#[test]
fn a_login_lasts_as_long_as_both_the_credential_and_the_configuration_say() {
    let directory = samples::directory(&state());
    let token = samples::token();
    for (max, who, expected) in [
        (None, ("ursula", "hunter2"), 0),
        (Some(60_000), ("ursula", "hunter2"), 60_000),
        (None, ("alice", &*token), 3_599_500),
        (Some(60_000), ("alice", &token), 60_000),
        (Some(4_000_000), ("alice", &token), 3_599_500),
        (Some(LONGEST_MS), ("ursula", "hunter2"), LONGEST_MS),
        (Some(LONGEST_MS + 1), ("ursula", "hunter2"), LONGEST_MS + 1),
        (Some(3_600_000_000), ("ursula", "hunter2"), 3_600_000_000),
    ] {
        let mut conversation = Conversation::new(max.map(Duration::from_millis));
        let turn = log_in(&mut conversation, &directory, who);
        let told = i64::try_from(expected.min(LONGEST_MS)).unwrap();
        assert_eq!(lifetime_ms(turn), told, "{max:?}, {}", who.0);
        let ends = conversation.login().unwrap().expires;
        let lasts = ends.map_or(0, |ends| ends.since(samples::NOW));
        assert_eq!(lasts, expected, "what is told ends nothing");
    }
}

#[test]
fn a_user_stays_who_it_is_and_may_not_become_an_account() {
    let directory = samples::directory(&state());
    let mut conversation = Conversation::default();
    log_in(&mut conversation, &directory, ("ursula", "hunter2"));
    let turn = begin(&mut conversation, &directory, LATER, ("ursula", "hunter2"));
    let Turn::Password(check) = turn else {
        panic!("{turn:?}");
    };
    let turn = conversation.checked(check.run(), &directory, LATER);
    assert_eq!(seen(turn), Seen::LoggedIn);
    let later = UnixMillis(LATER.0 + 5000);
    let turn = begin(&mut conversation, &directory, later, ("alice", &samples::token()));
    assert_eq!(seen(turn), Seen::Refused(LoginRefusal::ChangedIdentity, Some(58)));
}
