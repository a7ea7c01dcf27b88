//! The vectors of RFC 7677 and of clients, whole exchanges, and messages that belong to no exchange.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::pbkdf2;
use klamm_raft::model::{ScramHash, ScramUser};
use proptest::prelude::*;

use super::*;
use crate::auth::scram::credential_of;
use crate::auth::token::samples;

const NONCE: Nonce = Nonce([9; 24]);
const PASSWORD: &str = "pencil";

/// A directory in which `alice` has this password.
fn directory(hash: ScramHash) -> Arc<Directory> {
    let mut state = samples::state();
    let user = ScramUser {
        account: samples::account(),
        hash,
    };
    state.scram.insert(user, credential(hash));
    samples::directory(&state)
}

fn credential(hash: ScramHash) -> ScramCredential {
    let iterations = NonZeroU32::new(MIN_ITERATIONS).unwrap();
    credential_of(hash, PASSWORD, Salt::from_random([1; 25]), iterations)
}

/// The other side of an exchange, as RFC 5802 §3 has it.
fn last_message(hash: ScramHash, password: &str, bare: &str, challenge: &str) -> String {
    last_message_with(hash, password, (bare, challenge), challenge)
}

/// The last message of a client, with the nonce of another challenge.
fn last_message_with(
    hash: ScramHash,
    password: &str,
    (bare, challenge): (&str, &str),
    repeated: &str,
) -> String {
    let nonce = repeated.split(',').next().unwrap();
    let mut parts = challenge.split(',').skip(1);
    let salt = STANDARD.decode(&parts.next().unwrap()[2..]).unwrap();
    let iterations: NonZeroU32 = parts.next().unwrap()[2..].parse().unwrap();
    let mut salted = vec![0; mix::length(hash)];
    let algorithm = match hash {
        ScramHash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        ScramHash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    pbkdf2::derive(algorithm, iterations, &salt, password.as_bytes(), &mut salted);
    let client_key = mix::sign(hash, &salted, b"Client Key");
    let without_proof = format!("c=biws,{nonce}");
    let signed = format!("{bare},{challenge},{without_proof}");
    let signature = mix::sign(hash, &mix::digest_of(hash, &client_key), signed.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    format!("{without_proof},p={}", STANDARD.encode(proof))
}

fn exchange(hash: ScramHash, user: &str, password: &str) -> Result<Proven, LoginRefusal> {
    let bare = format!("n={user},r=clientnonce");
    let first = format!("n,,{bare}");
    let (exchange, challenge) = Exchange::begin(hash, first.as_bytes(), &directory(hash), NONCE)?;
    let challenge = String::from_utf8(challenge).unwrap();
    exchange.finish(last_message(hash, password, &bare, &challenge).as_bytes())
}

#[test]
fn the_vector_of_rfc_7677() {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let credential = credential_of(
        ScramHash::Sha256,
        PASSWORD,
        Salt(salt),
        NonZeroU32::new(4096).unwrap(),
    );
    let user = ScramUser {
        account: "user".parse().unwrap(),
        hash: ScramHash::Sha256,
    };
    let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let exchange = Exchange {
        hash: ScramHash::Sha256,
        user: "user".to_owned(),
        known: Some(user),
        credential,
        header: "n,,".to_owned(),
        client_nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
        nonce: nonce.to_owned(),
        so_far: format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
    };
    let last = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    let proven = exchange.finish(last.as_bytes()).unwrap();
    assert_eq!(proven.answer, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#[test]
fn the_right_password_proves_and_a_wrong_one_does_not() {
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        let proven = exchange(hash, "alice", PASSWORD).unwrap();
        assert_eq!((proven.user.account.as_str(), proven.user.hash), ("alice", hash));
        assert!(proven.answer.starts_with(b"v="));
        assert_eq!(
            exchange(hash, "alice", "pencils").err(),
            Some(LoginRefusal::WrongPassword)
        );
        assert_eq!(
            exchange(hash, "nobody", PASSWORD).err(),
            Some(LoginRefusal::UnknownUser)
        );
        assert_eq!(
            exchange(hash, "not=2Ca name", PASSWORD).err(),
            Some(LoginRefusal::UnknownUser)
        );
    }
}

#[test]
fn nobody_is_challenged_like_somebody() {
    let begin = |user: &str, nonce| {
        let first = format!("n,,n={user},r=abc");
        let (_, challenge) = Exchange::begin(
            ScramHash::Sha512,
            first.as_bytes(),
            &directory(ScramHash::Sha512),
            nonce,
        )
        .unwrap();
        String::from_utf8(challenge).unwrap()
    };
    let salt = |challenge: &str| challenge.split(',').nth(1).unwrap().to_owned();
    let (once, again) = (begin("nobody", NONCE), begin("nobody", Nonce([8; 24])));
    assert_ne!(once, again, "nonces differ");
    assert_eq!(salt(&once), salt(&again));
    assert_ne!(salt(&once), salt(&begin("noone", NONCE)));
    assert!(once.ends_with(",i=4096") && begin("alice", NONCE).ends_with(",i=4096"));
    let length = STANDARD.decode(&salt(&once)[2..]).unwrap().len();
    assert_eq!(length, Salt::from_random([7; 25]).0.len());
}

/// Users are made with the iterations that their administrator likes, which are not always the fewest.
#[test]
fn nobody_has_as_many_iterations_as_somebody() {
    let hash = ScramHash::Sha256;
    let mut state = samples::state();
    for (account, hash, iterations) in [
        ("alice", ScramHash::Sha256, 8192),
        ("alice", ScramHash::Sha512, 5000),
        ("mary", ScramHash::Sha256, 10_000),
    ] {
        let account = account.parse().unwrap();
        let iterations = NonZeroU32::new(iterations).unwrap();
        let credential = credential_of(hash, PASSWORD, Salt(vec![1; 16]), iterations);
        state.scram.insert(ScramUser { account, hash }, credential);
    }
    let directory = samples::directory(&state);
    let iterations = |user: &str| {
        let first = format!("n,,n={user},r=abc");
        let (_, challenge) = Exchange::begin(hash, first.as_bytes(), &directory, NONCE).unwrap();
        let challenge = String::from_utf8(challenge).unwrap();
        challenge.rsplit_once(",i=").unwrap().1.to_owned()
    };
    for (user, expected) in [
        ("alice", "8192"),
        ("aaron", "8192"),
        ("bob", "10000"),
        ("mary", "10000"),
        ("zoe", "8192"),
        ("not=2Ca name ", "8192"),
    ] {
        assert_eq!(iterations(user), expected, "{user}");
    }
}

/// How far apart the means of two samples are.
#[derive(Debug)]
struct Apart {
    /// Welch's t: in standard errors.
    errors: f64,
    /// As a part of the mean.
    part: f64,
}

impl Apart {
    fn of(one: &[f64], other: &[f64]) -> Self {
        let moments = |sample: &[f64]| {
            let count = f64::from(u32::try_from(sample.len()).unwrap());
            let mean = sample.iter().sum::<f64>() / count;
            let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
            (mean, squares / (count - 1.0) / count)
        };
        let ((mean, error), (other_mean, other_error)) = (moments(one), moments(other));
        Self {
            errors: (mean - other_mean) / (error + other_error).sqrt(),
            part: (mean - other_mean) / mean,
        }
    }

    fn is_told(&self) -> bool {
        self.errors.abs() >= T_LIMIT && self.part.abs() >= LEAST_PART
    }
}

/// The least part of the time that a check must take. A network takes thousands of times as long over a message: half a
/// microsecond of 20, in a build that is not optimized.
const LEAST_PART: f64 = 0.025;

/// Beyond it, two samples have other means (Reparaz et al., "Dude, is my code constant time?", 2017).
const T_LIMIT: f64 = 4.5;

/// How far apart the times are that a wrong proof takes for somebody and for nobody. Both take turns at random, and the
/// slowest tenth, in which the machine did something else, counts for neither.
fn time_of_somebody_and_nobody(hash: ScramHash) -> Apart {
    const TURNS: usize = 3_000;
    let directory = directory(hash);
    let mut turns = [0; TURNS];
    aws_lc_rs::rand::fill(&mut turns).unwrap();
    let mut times: Vec<(bool, f64)> = turns
        .map(|turn| {
            let is_somebody = turn & 1 == 0;
            let user = if is_somebody { "alice" } else { "aline" };
            let bare = format!("n={user},r=clientnonce");
            let first = format!("n,,{bare}");
            let begun = Instant::now();
            let (exchange, challenge) = Exchange::begin(hash, first.as_bytes(), &directory, NONCE).unwrap();
            let challenged = begun.elapsed();
            let challenge = String::from_utf8(challenge).unwrap();
            let nonce = challenge.split(',').next().unwrap();
            let proof = STANDARD.encode(vec![7; mix::length(hash)]);
            let last = format!("c=biws,{nonce},p={proof}");
            let begun = Instant::now();
            let refused = exchange.finish(last.as_bytes()).is_err();
            let all = challenged + begun.elapsed();
            assert!(refused);
            (is_somebody, all.as_secs_f64())
        })
        .to_vec();
    times.sort_by(|one, other| one.1.total_cmp(&other.1));
    times.truncate(TURNS / 10 * 9);
    let of = |who: bool| -> Vec<f64> {
        let of = times.iter().filter(|(is_somebody, _)| *is_somebody == who);
        of.map(|(_, time)| *time).collect()
    };
    Apart::of(&of(true), &of(false))
}

/// Most of five samples: a machine that is busy with something else spoils one of them now and then.
#[test]
fn the_time_does_not_tell_somebody_from_nobody() {
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        let samples = [(); 5].map(|()| time_of_somebody_and_nobody(hash));
        let told = samples.iter().filter(|apart| apart.is_told()).count();
        assert!(told < 3, "{hash:?}: {samples:?}");
    }
}

#[test]
fn messages_of_another_exchange_are_refused() {
    let hash = ScramHash::Sha256;
    let bare = "n=alice,r=clientnonce";
    let begin = || Exchange::begin(hash, format!("n,,{bare}").as_bytes(), &directory(hash), NONCE).unwrap();
    let (_, challenge) = begin();
    let last = last_message(hash, PASSWORD, bare, &String::from_utf8(challenge).unwrap());
    begin().0.finish(last.as_bytes()).unwrap();
    for (from, to) in [
        ("c=biws", "c=eSws"),
        ("r=clientnonce", "r=clientnonces"),
        (",p=", ",x=1,p="),
    ] {
        let changed = last.replacen(from, to, 1);
        assert!(begin().0.finish(changed.as_bytes()).is_err(), "{changed}");
    }
}

/// The nonce with something before it, under a proof that is right for that.
#[test]
fn a_nonce_that_repeats_the_clients_part_is_taken_and_no_other_one() {
    let hash = ScramHash::Sha256;
    let bare = "n=alice,r=clientnonce";
    let finish = |before: &str| {
        let (exchange, challenge) =
            Exchange::begin(hash, format!("n,,{bare}").as_bytes(), &directory(hash), NONCE).unwrap();
        let challenge = String::from_utf8(challenge).unwrap();
        let changed = challenge.replacen("r=", &format!("r={before}"), 1);
        // The proof is over the challenge as it was sent, and over the nonce as it is repeated.
        let last = last_message_with(hash, PASSWORD, (bare, &challenge), &changed);
        exchange.finish(last.as_bytes()).map(|proven| proven.user.account)
    };
    assert_eq!(finish(""), Ok(samples::account()));
    assert_eq!(finish("clientnonce"), Ok(samples::account()));
    for other in ["x", "clientnonc", "clientnonceclientnonce"] {
        assert_eq!(finish(other), Err(LoginRefusal::MalformedMessage), "{other}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(first in prop::collection::vec(any::<u8>(), 0..80), last in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok((exchange, _)) = Exchange::begin(ScramHash::Sha256, &first, &directory(ScramHash::Sha256), NONCE) {
            prop_assert!(exchange.finish(&last).is_err());
        }
    }

    #[test]
    fn no_changed_byte_of_the_last_message_is_accepted(at in 0..120_usize, bit in 0..8_u8) {
        let hash = ScramHash::Sha256;
        let bare = "n=alice,r=clientnonce";
        let (exchange, challenge) =
            Exchange::begin(hash, format!("n,,{bare}").as_bytes(), &directory(hash), NONCE).unwrap();
        let mut last = last_message(hash, PASSWORD, bare, &String::from_utf8(challenge).unwrap()).into_bytes();
        let at = at % last.len();
        last[at] ^= 1 << bit;
        prop_assert!(exchange.finish(&last).is_err());
    }
}

/// Somebody else's client, which checks the server's signature too.
#[test]
fn an_independent_client_logs_in() {
    let log_in = |password: &str| {
        let client = scram::ScramClient::new("alice", password, None);
        let (client, first) = client.client_first();
        let directory = directory(ScramHash::Sha256);
        let (exchange, challenge) =
            Exchange::begin(ScramHash::Sha256, first.as_bytes(), &directory, NONCE).unwrap();
        let challenge = String::from_utf8(challenge).unwrap();
        let (client, last) = client.handle_server_first(&challenge).unwrap().client_final();
        let proven = exchange.finish(last.as_bytes())?;
        let answer = String::from_utf8(proven.answer).unwrap();
        client.handle_server_final(&answer).unwrap();
        Ok(proven.user.account)
    };
    assert_eq!(log_in(PASSWORD), Ok(samples::account()));
    assert_eq!(log_in("pencils"), Err(LoginRefusal::WrongPassword));
}

/// Messages of which one or both are spoiled prove nothing.
#[test]
fn fuzz_messages_of_scram() {
    use crate::fuzz::{chance::Chance, mutate::spoil, runner::run};

    let maybe_spoiled = |sound: &str, chance: &mut Chance| {
        let mut bytes = sound.as_bytes().to_vec();
        if chance.one_in(2) {
            spoil(&mut bytes, chance);
        }
        bytes
    };
    let hash = ScramHash::Sha256;
    let (directory, bare) = (directory(hash), "n=alice,r=abc");
    let sound = format!("n,,{bare}");
    let challenge = Exchange::begin(hash, sound.as_bytes(), &directory, NONCE)
        .unwrap()
        .1;
    let last = last_message(hash, PASSWORD, bare, &String::from_utf8(challenge).unwrap());
    run("messages of SCRAM", |chance| {
        let first_sent = maybe_spoiled(&sound, chance);
        let Ok((exchange, _)) = Exchange::begin(hash, &first_sent, &directory, NONCE) else {
            assert_ne!(first_sent, sound.as_bytes());
            return;
        };
        let last_sent = maybe_spoiled(&last, chance);
        let is_sound = first_sent == sound.as_bytes() && last_sent == last.as_bytes();
        assert_eq!(
            exchange.finish(&last_sent).is_ok(),
            is_sound,
            "{first_sent:?} {last_sent:?}"
        );
    });
}
