//! Codecs: what they write they read, and what other libraries write.

use proptest::prelude::*;

use super::*;

const ALL: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// Opens bytes, which are never more than was said before.
#[track_caller]
fn opened(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let bounds = BatchBounds::default();
    Codecs::default().open(codec, bytes, &bounds, &mut out).unwrap();
    assert!(
        out.len() <= codec.most(bytes, &bounds),
        "{codec:?}: {}",
        out.len()
    );
    out
}

fn closed(codec: Codec, records: &[u8]) -> Vec<u8> {
    let mut out = vec![1, 2, 3];
    assert_eq!(Codecs::default().close(codec, records, &mut out), codec);
    out
}

/// Text that compresses, longer than a block of any codec.
fn text() -> Vec<u8> {
    let words = (0_u32..40_000).map(|number| format!("{} ", number.wrapping_mul(2_654_435_761) >> 20));
    words.collect::<String>().into_bytes()
}

#[test]
fn what_is_closed_is_opened() {
    for codec in ALL {
        for records in [&b""[..], b"x", &text(), &vec![0; 300_000]] {
            assert_eq!(opened(codec, &closed(codec, records)), records, "{codec:?}");
        }
        assert!(closed(codec, &text()).len() < text().len(), "{codec:?}");
    }
}

#[test]
fn states_are_used_again() {
    let mut codecs = Codecs::default();
    let (mut packed, mut out) = (Vec::new(), Vec::new());
    for codec in ALL.repeat(3) {
        codecs.close(codec, &text(), &mut packed);
        assert_eq!(packed, closed(codec, &text()), "{codec:?}");
        codecs
            .open(codec, &packed, &BatchBounds::default(), &mut out)
            .unwrap();
        assert_eq!(out, text(), "{codec:?}");
        // One that fails leaves nothing behind.
        assert!(
            codecs
                .open(
                    codec,
                    &packed[..packed.len() / 2],
                    &BatchBounds::default(),
                    &mut out
                )
                .is_err()
        );
    }
}

#[test]
fn snappy_is_read_raw_and_in_frames_that_follow_each_other() {
    let raw = |part: &[u8]| snap::raw::Encoder::new().compress_vec(part).unwrap();
    assert_eq!(opened(Codec::Snappy, &raw(&text())), text());
    let framed = closed(Codec::Snappy, &text());
    assert_eq!(opened(Codec::Snappy, &framed.repeat(2)), text().repeat(2));
    assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
}

#[test]
fn lz4_is_read_in_any_form() {
    let text = text();
    let (first, second) = text.split_at(60_000);
    let packed = lz4_flex::block::compress(first);
    let linked = lz4_flex::block::compress_with_dict(second, first);
    let block = |bytes: &[u8], plain: u32, sum: &[u8]| {
        let word = bytes.len() as u32 | plain;
        [&word.to_le_bytes(), bytes, sum].concat()
    };
    let frame = |head: &[u8], blocks: &[Vec<u8>]| {
        let magic = &[0x04, 0x22, 0x4d, 0x18][..];
        [magic, head, &blocks.concat(), &[0; 4]].concat()
    };
    // Blocks of 4 MiB that refer to those before, with check sums of block and content, and the size of the content.
    let head = [&[0b0101_1100, 0x70][..], &[0; 8], &[0]].concat();
    let sum = &[9; 4];
    let blocks = [block(&packed, 0, sum), block(&linked, 0, sum)];
    let with_sum = [frame(&head, &blocks), vec![0; 4]].concat();
    assert_eq!(opened(Codec::Lz4, &with_sum), text);
    // One that is not compressed.
    let blocks = [block(first, 1 << 31, &[]), block(&linked, 0, &[])];
    assert_eq!(opened(Codec::Lz4, &frame(&[0x40, 0x60, 0], &blocks)), text);
}

#[test]
fn zstd_is_read_without_the_size_and_with_frames_that_are_skipped() {
    let text = text();
    let streamed = ::zstd::stream::encode_all(&text[..], 3).unwrap();
    assert_eq!(opened(Codec::Zstd, &streamed), text);
    let skipped = [&0x184d_2a53_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat();
    let several = [&streamed, &skipped[..], &closed(Codec::Zstd, b"end")].concat();
    assert_eq!(opened(Codec::Zstd, &several), [&text[..], b"end"].concat());
}

#[test]
fn gzip_is_read_with_a_name_and_a_comment() {
    let mut with_name = closed(Codec::Gzip, &text());
    with_name[3] = 1 << 3 | 1 << 4;
    with_name.splice(10..10, *b"name\0comment\0");
    assert_eq!(opened(Codec::Gzip, &with_name), text());
}

#[test]
fn what_is_only_claimed_takes_no_memory() {
    let length = (60_u32 << 20).to_le_bytes();
    let block = [5, 0, 0, 0, 0x10, b'x', 0, 0, 0, 0, 0, 0];
    for (codec, bytes) in [
        // 60 MiB, and a literal.
        (Codec::Snappy, vec![0x80, 0x80, 0x80, 0x1e, 0, b'x']),
        // Blocks of 4 MiB, one of a few bytes.
        (
            Codec::Lz4,
            [&[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0][..], &block].concat(),
        ),
        // 60 MiB in one segment, of which there is one byte.
        (
            Codec::Zstd,
            [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0][..], &length, &[9, 0, 0, b'x']].concat(),
        ),
    ] {
        let mut out = Vec::new();
        let bounds = BatchBounds::default();
        let result = Codecs::default().open(codec, &bytes, &bounds, &mut out);
        assert_eq!(result, Err(BatchFault::Malformed), "{codec:?}");
        assert!(out.capacity() < 10_000, "{codec:?}: {}", out.capacity());
        assert!(codec.most(&bytes, &bounds) < 10_000, "{codec:?}");
    }
}

/// The limit holds to the byte.
#[test]
fn what_is_as_large_as_it_may_be_is_opened() {
    let records = text();
    for codec in ALL {
        let packed = closed(codec, &records);
        let open = |floor| {
            let bounds = BatchBounds {
                most: usize::MAX,
                ratio: 1,
                floor,
            };
            Codecs::default().open(codec, &packed, &bounds, &mut Vec::new())
        };
        let limit = records.len() - 1;
        assert_eq!(open(records.len()), Ok(()), "{codec:?}");
        assert_eq!(open(limit), Err(BatchFault::TooLarge { limit }), "{codec:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_come_back(records: Vec<u8>, zeros in 0_usize..70_000) {
        let records = [records, vec![0; zeros]].concat();
        for codec in ALL {
            prop_assert_eq!(opened(codec, &closed(codec, &records)), &records[..]);
        }
    }

    #[test]
    fn any_bytes_are_opened_or_refused(bytes: Vec<u8>, codec in 0_usize..4) {
        let mut out = Vec::new();
        let _ = Codecs::default().open(ALL[codec], &bytes, &BatchBounds::default(), &mut out);
        let _ = ALL[codec].most(&bytes, &BatchBounds::default());
    }
}
