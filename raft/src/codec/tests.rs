use super::*;

use crate::model::Revision;

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let sound = encode(&vec!["one".to_owned(), "two".to_owned()]).unwrap();
    for bit in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let read = decode::<Vec<String>>(&damaged);
        assert!(
            matches!(read, Err(CodecError::Checksum { .. })),
            "bit {bit}: {read:?}"
        );
    }
}

#[test]
fn bytes_left_over_and_other_versions_are_refused() {
    let seal = |content: &[u8]| {
        let mut bytes = content.to_vec();
        bytes.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
        bytes
    };
    assert_eq!(decode::<Revision>(&seal(&[1, 7])).unwrap(), Revision(7));
    assert!(matches!(
        decode::<Revision>(&seal(&[1, 7, 0])),
        Err(CodecError::LeftOver { bytes: 1 })
    ));
    assert!(matches!(
        decode::<Revision>(&seal(&[2, 7])),
        Err(CodecError::Version(2))
    ));
    assert!(matches!(
        decode::<Revision>(&seal(&[])),
        Err(CodecError::Short { .. })
    ));
    assert!(matches!(
        decode::<Revision>(&[1, 2, 3]),
        Err(CodecError::Short { .. })
    ));
}

#[test]
fn a_length_beyond_the_limit_allocates_nothing() {
    let mut content = vec![1, 253];
    content.extend_from_slice(&u64::MAX.to_le_bytes());
    let checksum = crc32c::crc32c(&content).to_le_bytes();
    content.extend_from_slice(&checksum);
    assert!(matches!(decode::<String>(&content), Err(CodecError::Decode(_))));
}
