//! How a CRC-32C changes with a few of the bytes that it covers. The sum is linear: the sum of what changed, as if all else
//! were zero, is what the sum changes by.

/// The polynomial of Castagnoli, its bits reversed, without the highest.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// The polynomial 1, and the polynomial x.
const ONE: u32 = 1 << 31;
const X: u32 = 1 << 30;

/// What a sum changes by when eight bytes change by `difference` (exclusive or), and `rest` bytes after them do not.
pub(super) fn of_change(difference: [u8; 8], rest: usize) -> u32 {
    let changed = difference.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| times_x(sum))
    });
    times(changed, power_of_x(8 * rest as u64))
}

/// x, x², x⁴, and so on: each the square of the one before.
const SQUARES: [u32; 64] = {
    let mut squares = [X; 64];
    let mut at = 1;
    while at < squares.len() {
        squares[at] = times(squares[at - 1], squares[at - 1]);
        at += 1;
    }
    squares
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

fn power_of_x(exponent: u64) -> u32 {
    let bits = (0..64).filter(|bit| exponent >> bit & 1 == 1);
    bits.fold(ONE, |power, bit| times(power, SQUARES[bit]))
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
