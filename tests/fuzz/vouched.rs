//! Logins for which a provider or a broker vouches, of any order and content: nobody logs in unless the broker said yes,
//! and every turn ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm::auth::oauth::Keyring;
use klamm::auth::{BrokerAnswer, Conversation, Directory, SaslRequest, Turn, UnixMillis};
use klamm_raft::model::{Authentication, Mediation, Method, OauthBearer, ScramHash};

use super::chance::Chance;
use super::login::{moment, wrapped};
use super::mutate::spoil;
use super::runner::run;
use super::world::{NOW, World};

const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;

const MECHANISMS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

#[test]
fn logins_that_others_vouch_for() {
    let world = World::new();
    let directories = [
        Mediation::Passthrough,
        Mediation::ValidateForward,
        Mediation::Terminate,
    ]
    .map(|mediation| world.directory(methods(mediation)));
    run("vouched", |chance| {
        let directory = chance.pick(&directories).as_ref();
        let mut conversation = Conversation::default();
        let mut now = NOW.0;
        for _ in 0..2 + chance.below(10) {
            now += chance.below(3_000) as u64;
            let turn = asked(&mut conversation, directory, UnixMillis(now), chance);
            if !settled(turn, &mut conversation, directory, (UnixMillis(now), chance)) {
                return;
            }
            assert!(conversation.attempted_user().is_none_or(|user| user.len() <= 256));
        }
    });
}

fn methods(oauth: Mediation) -> Authentication {
    let scram = |hash| Method::SaslScram {
        hash,
        mediation: Mediation::Passthrough,
    };
    Authentication(vec![
        Method::SaslPlain {
            mediation: Mediation::Passthrough,
            users: Default::default(),
        },
        scram(ScramHash::Sha256),
        scram(ScramHash::Sha512),
        Method::OauthBearer(OauthBearer {
            mediation: oauth,
            provider: "corporate".parse().unwrap(),
            audiences: Vec::new(),
            required_scopes: Vec::new(),
            principal_claim: "sub".to_owned(),
            scope_claim: "scope".to_owned(),
            rules: Vec::new(),
        }),
    ])
}

/// Sends a handshake or a message, often the one that fits.
fn asked(
    conversation: &mut Conversation,
    directory: &Directory,
    now: UnixMillis,
    chance: &mut Chance,
) -> Turn {
    let message = message(chance);
    if conversation.expects_raw() {
        return conversation.raw(&message, directory, moment(now));
    }
    let fits = if conversation.is_under_way() {
        AUTHENTICATE
    } else {
        HANDSHAKE
    };
    let api_key = if chance.one_in(8) { HANDSHAKE } else { fits };
    let api_version = chance.below(3) as i16;
    let mechanism = chance.pick(&MECHANISMS);
    let body = wrapped((api_key, api_version), (mechanism, &message), chance);
    let request = SaslRequest {
        api_key,
        api_version,
        correlation_id: 5,
        body: &body,
    };
    conversation.request(&request, directory, moment(now))
}

/// Does what a session would do, with any answer of the broker; whether the connection stays.
fn settled(
    mut turn: Turn,
    conversation: &mut Conversation,
    directory: &Directory,
    (now, chance): (UnixMillis, &mut Chance),
) -> bool {
    let mut is_vouched = false;
    let mut keys_asked = 0;
    loop {
        turn = match turn {
            Turn::Answer(_) => return true,
            Turn::LoggedIn(_) => {
                assert!(is_vouched, "nobody said yes");
                let user = conversation.attempted_user().unwrap_or_default();
                let login = conversation.login().unwrap();
                assert_eq!(login.principal.as_str(), format!("User:{user}"));
                return true;
            }
            Turn::Refused { .. } => return false,
            Turn::Keys { need, .. } => {
                keys_asked += 1;
                assert!(keys_asked <= 2, "keys are asked for once, and once again");
                conversation.with_keys(directory, &Keyring::default(), need, now)
            }
            Turn::Relay(_) => {
                let answer = BrokerAnswer {
                    error_code: *chance.pick(&[0, 0, 0, 34, 58, -1]),
                    error_message: chance.one_in(2).then(|| "é".repeat(chance.below(2_000))),
                    bytes: if chance.one_in(2) {
                        chance.bytes(60)
                    } else {
                        Vec::new()
                    },
                    lifetime_ms: chance.next() >> chance.below(64),
                };
                is_vouched = answer.error_code == 0;
                conversation.relayed(answer, directory, now)
            }
            Turn::Password(_) => panic!("there is no list of users"),
        };
    }
}

/// A first or further message of one of the mechanisms.
fn message(chance: &mut Chance) -> Vec<u8> {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"eve","exp":99999999999}"#);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k1"}"#);
    let bearer = format!("n,,\x01auth=Bearer {header}.{claims}.AAAA\x01\x01");
    let mut message = match chance.below(8) {
        0 | 1 => "\0eve\0secret".to_owned(),
        2 | 3 => "n,,n=eve,r=abcdef".to_owned(),
        4 => "c=biws,r=abcdefghi,p=AAAA".to_owned(),
        5 => "\x01".to_owned(),
        _ => bearer,
    }
    .into_bytes();
    if chance.one_in(3) {
        spoil(&mut message, chance);
    }
    message
}
