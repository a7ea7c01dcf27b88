//! How a CRC-32C changes with a few of the bytes that it covers. The sum is linear: the sum of what changed, as if all
//! else were zero, is what the sum changes by.

/// The polynomial of Castagnoli, its bits reversed, without the highest.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// The polynomial 1.
const ONE: u32 = 1 << 31;

/// The change of a sum when eight bytes change by `difference` (exclusive or), and `rest` bytes after them, fewer than
/// 2^32, do not.
pub(super) fn of_change(difference: [u8; 8], rest: usize) -> u32 {
    let changed = difference
        .iter()
        .fold(0, |sum, byte| (sum >> 8) ^ BYTES[usize::from(sum as u8 ^ byte)]);
    let counts = rest.to_le_bytes();
    let rounds = POWERS.iter().zip(counts).filter(|(_, count)| *count != 0);
    rounds.fold(changed, |sum, (powers, count)| {
        times(sum, powers[usize::from(count)])
    })
}

/// The sum of each byte.
const BYTES: [u32; 256] = {
    let mut sums = [0; 256];
    let mut byte = 0;
    while byte < sums.len() {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = times_x(sum);
            bit += 1;
        }
        sums[byte] = sum;
        byte += 1;
    }
    sums
};

/// The factors of a sum for so many bytes that follow, so many times 256, and so on.
const POWERS: [[u32; 256]; 4] = {
    let mut powers = [[ONE; 256]; 4];
    // x to the power of 8: one byte.
    let mut step = ONE >> 8;
    let mut place = 0;
    while place < powers.len() {
        let mut count = 1;
        while count < 256 {
            powers[place][count] = times(powers[place][count - 1], step);
            count += 1;
        }
        step = times(powers[place][255], step);
        place += 1;
    }
    powers
};

const fn times_x(a: u32) -> u32 {
    (a >> 1) ^ POLYNOMIAL & (a & 1).wrapping_neg()
}

const fn times(a: u32, b: u32) -> u32 {
    let (mut product, mut shifted) = (0, b);
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        // All bits or none, because no processor can guess them.
        product ^= shifted & (a >> bit & 1).wrapping_neg();
        shifted = times_x(shifted);
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sum by its definition.
    fn crc32c(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| times_x(sum))
        })
    }

    #[test]
    fn the_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283, "RFC 3720, appendix B.4");
    }

    #[test]
    fn it_does_not_matter_how_many_bytes_follow() {
        for rest in [0, 1, 255, 256, 257, 65_535, 65_536, 70_000] {
            let before = vec![0; 8 + rest];
            let mut after = before.clone();
            after[..8].copy_from_slice(b"changed!");
            let change = of_change(*b"changed!", rest);
            assert_eq!(crc32c(&after), crc32c(&before) ^ change, "{rest}");
        }
    }

    proptest! {
        #[test]
        fn a_change_is_what_it_makes_of_the_sum(
            before in proptest::collection::vec(any::<u8>(), 8..2_000),
            at in any::<prop::sample::Index>(),
            difference: [u8; 8],
        ) {
            let at = at.index(before.len() - 7);
            let mut after = before.clone();
            for (byte, change) in after[at..at + 8].iter_mut().zip(difference) {
                *byte ^= change;
            }
            let rest = before.len() - at - 8;
            prop_assert_eq!(crc32c(&after), crc32c(&before) ^ of_change(difference, rest));
        }
    }
}
