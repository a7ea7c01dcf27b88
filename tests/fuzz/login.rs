//! SASL conversations of any order and content: nobody logs in without the right token, and every turn ends.

use klamm::auth::scram::Nonce;
use klamm::auth::{Conversation, Moment, SaslRequest, Turn, UnixMillis};

use super::chance::Chance;
use super::mutate::spoil;
use super::runner::run;
use super::world::{NOW, World};

const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;

#[test]
fn conversations() {
    let world = World::new();
    run("conversations", |chance| {
        let mut conversation = Conversation::default();
        let mut now = NOW.0;
        for _ in 0..1 + chance.below(8) {
            now += chance.below(3_000) as u64;
            let (message, is_right) = message(&world.token, chance);
            let before = conversation.login().cloned();
            let turn = if conversation.expects_raw() {
                conversation.raw(&message, &world.view.directory, moment(UnixMillis(now)))
            } else {
                let (api_key, api_version) =
                    (*chance.pick(&[HANDSHAKE, AUTHENTICATE]), chance.below(4) as i16);
                let body = wrapped((api_key, api_version), ("PLAIN", &message), chance);
                let request = SaslRequest {
                    api_key,
                    api_version,
                    correlation_id: 5,
                    body: &body,
                };
                conversation.request(&request, &world.view.directory, moment(UnixMillis(now)))
            };
            match turn {
                Turn::LoggedIn(_) => {
                    assert!(is_right, "logged in by {message:?}");
                    assert_eq!(conversation.login().unwrap().principal.as_str(), "User:admin");
                }
                Turn::Answer(_) => assert_eq!(conversation.login(), before.as_ref(), "nothing changed"),
                Turn::Refused { .. } => return,
                Turn::Keys { .. } | Turn::Password(_) | Turn::Relay(_) => panic!("a token is judged at once"),
            }
            assert!(conversation.attempted_user().is_none_or(|user| user.len() <= 256));
        }
    });
}

pub(crate) fn moment(now: UnixMillis) -> Moment {
    Moment {
        now,
        nonce: Nonce([5; 24]),
    }
}

/// A message of SASL/PLAIN, and whether it may log somebody in.
fn message(token: &str, chance: &mut Chance) -> (Vec<u8>, bool) {
    let right = format!("\0admin\0{token}");
    let with_authzid = format!("admin\0admin\0{token}");
    let mut message = match chance.below(8) {
        0 => format!("root\0admin\0{token}"),
        1 => format!("\0alice\0{token}"),
        2 => format!("\0\0{}", "x".repeat(70_000)),
        3 => "\0".repeat(chance.below(9)),
        4 => with_authzid.clone(),
        _ => right.clone(),
    }
    .into_bytes();
    if chance.one_in(3) {
        spoil(&mut message, chance);
    }
    let is_right = [right, with_authzid]
        .iter()
        .any(|right| right.as_bytes() == message);
    (message, is_right)
}

/// The message, or the mechanism, in the body of a request, not always a right one.
pub(crate) fn wrapped(
    (key, version): (i16, i16),
    (mechanism, message): (&str, &[u8]),
    chance: &mut Chance,
) -> Vec<u8> {
    let mut body = Vec::new();
    match (key, version) {
        (HANDSHAKE, _) => {
            let name: &[u8] = if chance.one_in(5) {
                b"SCRAM-SHA-1"
            } else {
                mechanism.as_bytes()
            };
            body.extend((name.len() as u16).to_be_bytes());
            body.extend(name);
        }
        (_, 0 | 1) => {
            body.extend((message.len() as u32).to_be_bytes());
            body.extend(message);
        }
        _ => {
            let mut length = message.len() + 1;
            while length >= 0x80 {
                body.push(length as u8 | 0x80);
                length >>= 7;
            }
            body.push(length as u8);
            body.extend(message);
            body.push(0);
        }
    }
    if chance.one_in(5) {
        spoil(&mut body, chance);
    }
    body
}
