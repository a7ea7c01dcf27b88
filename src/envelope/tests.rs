//! Sealing and opening, and the header that says what is sealed.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> klamm_raft::model::KeyName {
    text.parse().unwrap()
}

fn pair() -> (SealingKey, DataKey) {
    let bytes = [7; DATA_KEY_BYTES];
    let sealing = SealingKey::new(
        DataKey::new(&bytes).unwrap(),
        Box::from(*b"wrapped"),
        [1, 2, 3, 4],
    );
    (sealing, DataKey::new(&bytes).unwrap())
}

fn with(key: &str, part: SealedPart<'_>, record_key: Option<&[u8]>) -> Vec<u8> {
    let mut out = b"old".to_vec();
    associated(&mut out, &name(key), part, record_key);
    out
}

#[test]
fn a_part_opens_where_it_was_sealed_and_nowhere_else() {
    let (sealing, opening) = pair();
    let here = with("a", SealedPart::Value, Some(b"key"));
    let mut buffer = b"before|secret".to_vec();
    sealing.seal(&here, &mut buffer, 7).unwrap();
    assert_eq!(buffer.len(), 13 + SEALED_BYTES);
    assert!(!buffer.windows(6).any(|six| six == b"secret"));
    for elsewhere in [
        with("b", SealedPart::Value, Some(b"key")),
        with("a", SealedPart::Header(b"key"), Some(b"key")),
        with("a", SealedPart::Value, Some(b"other")),
        with("a", SealedPart::Value, None),
        with("a", SealedPart::Value, Some(b"")),
    ] {
        assert_eq!(opening.open(&elsewhere, &mut buffer.clone(), 7), Err(Forged));
    }
    for at in 7..buffer.len() {
        let mut changed = buffer.clone();
        changed[at] ^= 1;
        assert_eq!(opening.open(&here, &mut changed, 7), Err(Forged), "byte {at}");
    }
    for length in 7..buffer.len() {
        let mut cut = buffer[..length].to_vec();
        assert_eq!(opening.open(&here, &mut cut, 7), Err(Forged), "{length} bytes");
    }
    opening.open(&here, &mut buffer, 7).unwrap();
    assert_eq!(buffer, b"before|secret");
}

#[test]
fn no_nonce_comes_twice() {
    let (sealing, _) = pair();
    let mut nonces = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        let mut buffer = Vec::new();
        sealing.seal(b"", &mut buffer, 0).unwrap();
        assert!(nonces.insert(buffer[16..].to_vec()));
    }
    assert!(nonces.iter().all(|nonce| nonce[..4] == [1, 2, 3, 4]));
}

#[test]
fn a_key_is_due_by_what_it_sealed_and_then_seals_no_more() {
    let (sealing, _) = pair();
    assert_eq!(sealing.due(), DueWhen::Later);
    sealing.count_for_tests((1 << 24) - 1, 0);
    assert_eq!(sealing.due(), DueWhen::Later);
    sealing.seal(b"", &mut Vec::new(), 0).unwrap();
    assert_eq!(sealing.due(), DueWhen::Now);
    sealing.count_for_tests(0, 64 << 30);
    assert_eq!(sealing.due(), DueWhen::Now);
    sealing.count_for_tests(2 << 24, 0);
    assert_eq!(sealing.due(), DueWhen::Spent);
    let mut buffer = b"plain".to_vec();
    assert_eq!(sealing.seal(b"", &mut buffer, 0), Err(SpentKey));
    let (sealing, _) = pair();
    sealing.count_for_tests(0, 64 << 30);
    assert_eq!(sealing.due(), DueWhen::Now);
    sealing.count_for_tests(0, 128 << 30);
    assert_eq!(sealing.seal(b"", &mut buffer, 0), Err(SpentKey));
}

#[test]
fn a_pinned_key_makes_the_same_of_the_same() {
    let key = PinnedKey::new(&[9; DATA_KEY_BYTES], 3).unwrap();
    let here = with("a", SealedPart::Key, None);
    assert_eq!(here, with("a", SealedPart::Key, Some(b"not looked at")));
    let seal = |text: &[u8]| {
        let mut buffer = text.to_vec();
        key.seal(&here, &mut buffer, 0).unwrap();
        buffer
    };
    assert_eq!(seal(b"key-1"), seal(b"key-1"));
    assert_ne!(seal(b"key-1"), seal(b"key-2"));
    let mut sealed = seal(b"key-1");
    key.open(&here, &mut sealed, 0).unwrap();
    assert_eq!(sealed, b"key-1");
    let mut changed = seal(b"key-1");
    changed[0] ^= 1;
    assert_eq!(key.open(&here, &mut changed, 0), Err(Forged));
}

#[test]
fn the_header_is_read_as_it_was_written() {
    let mut value = Vec::new();
    EnvelopeMark::write(
        &mut value,
        &name("payroll"),
        (3, b"wrapped"),
        ["ssn", "iban"].into_iter(),
    );
    let sealed = Sealed {
        value: true,
        headers: true,
        ..Sealed::default()
    };
    EnvelopeMark::say(&mut value, sealed);
    let read = EnvelopeMark::read(&value).unwrap();
    assert_eq!(
        (read.key, read.pinned, read.wrapped, read.sealed),
        ("payroll", 3, &b"wrapped"[..], sealed)
    );
    assert!(read.names(b"ssn") && read.names(b"iban") && !read.names(b"ss"));
    EnvelopeMark::say(&mut value, Sealed::default());
    assert!(!EnvelopeMark::read(&value).unwrap().names(b"ssn"));
    for length in 0..value.len() {
        // Where it ends between two names, it names fewer.
        let cut = EnvelopeMark::read(&value[..length]);
        assert!(cut.is_err() || length >= value.len() - 9, "{length}");
    }
    assert_eq!(EnvelopeMark::read(&[2, 0, 0]), Err(MalformedMark));
}

proptest! {
    #[test]
    fn no_header_makes_it_fall_over(value: Vec<u8>, name: Vec<u8>) {
        if let Ok(mark) = EnvelopeMark::read(&value) {
            mark.names(&name);
        }
    }

    #[test]
    fn nothing_that_was_not_sealed_opens(bytes: Vec<u8>) {
        let ((_, opening), mut bytes) = (pair(), bytes);
        prop_assert_eq!(opening.open(b"", &mut bytes, 0), Err(Forged));
    }
}
