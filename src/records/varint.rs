//! Writes signed varints. What has 32 bits is written as what has 64 would be.

/// Writes one.
pub(super) fn write(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Writes a length or count.
pub(super) fn write_length(out: &mut Vec<u8>, length: usize) {
    write(out, length as i64);
}

/// The bytes that one takes.
pub(super) fn size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The bytes that a length or count takes.
pub(super) fn length_size(length: usize) -> usize {
    size(length as i64)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Cursor;

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(value: i64, shift in 0_u32..64) {
            let value = value >> shift;
            let mut out = Vec::new();
            write(&mut out, value);
            prop_assert_eq!(out.len(), size(value));
            prop_assert_eq!(Cursor::new(&out, 0).varlong(), Ok(value));
            if let Ok(value) = i32::try_from(value) {
                prop_assert_eq!(Cursor::new(&out, 0).varint(), Ok(value));
            }
        }
    }

    #[test]
    fn one_that_is_too_long_is_refused() {
        for bytes in [
            &[0xff; 11][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x80; 3],
        ] {
            assert!(Cursor::new(bytes, 0).varlong().is_err(), "{bytes:?}");
        }
    }
}
