//! Spoils bytes the way attackers and accidents do: lengths that lie, pieces cut, doubled, exchanged.

use super::chance::Chance;

/// Lengths and counts that have hurt somebody.
const LENGTHS: [i32; 14] = [
    i32::MAX,
    i32::MIN,
    -1,
    -2,
    0,
    1,
    0x7f,
    0x80,
    0x7fff,
    0x8000,
    0xffff,
    0x0100_0000,
    100 << 20,
    0x7fff_fff0,
];

/// Varints likewise: too long, too large, not minimal, without end.
const VARINTS: [&[u8]; 9] = [
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    &[0x80, 0x00],
    &[0xfe, 0xff, 0xff, 0xff, 0x07],
    &[0x81, 0x80, 0x04],
    &[0xff],
    &[0x00],
];

/// A buffer grows by no more than this.
const MOST_BYTES: usize = 1 << 16;

/// Spoils a buffer in one to four places.
pub(crate) fn spoil(bytes: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        spoil_once(bytes, chance);
    }
}

fn spoil_once(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    match chance.below(12) {
        0 => flip(bytes, at, chance),
        1 => overwrite(bytes, at, &[chance.next() as u8]),
        2 => overwrite(bytes, at, &chance.pick(&LENGTHS).to_be_bytes()),
        3 => overwrite(bytes, at, &(*chance.pick(&LENGTHS) as i16).to_be_bytes()),
        4 => overwrite(bytes, at, chance.pick::<&[u8]>(&VARINTS)),
        5 => bytes.truncate(at),
        6 => {
            let end = (at + chance.below(16)).min(bytes.len());
            bytes.drain(at..end);
        }
        7 => {
            let end = (at + chance.below(64)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            insert(bytes, at, &piece.repeat(1 + chance.below(40)));
        }
        8 => insert(bytes, at, chance.pick::<&[u8]>(&VARINTS)),
        9 => {
            let length = chance.below(40);
            let piece = chance.bytes(length);
            insert(bytes, at, &piece);
        }
        10 => tag(bytes, chance),
        _ => {
            let (length, byte) = (chance.below(3000), *chance.pick(&[0, 1, 2, 0x7f, 0xff]));
            insert(bytes, at, &vec![byte; length]);
        }
    }
}

fn flip(bytes: &mut [u8], at: usize, chance: &mut Chance) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, with: &[u8]) {
    let end = (at + with.len()).min(bytes.len());
    bytes.splice(at..end, with.iter().copied());
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    if bytes.len() + what.len() <= MOST_BYTES {
        bytes.splice(at..at, what.iter().copied());
    }
}

/// Makes a tagged field of what may be the count of none.
fn tag(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let zeros: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == 0).collect();
    if zeros.is_empty() {
        return;
    }
    let at = *chance.pick(&zeros);
    let length = chance.below(20);
    let mut field = vec![1, chance.below(6) as u8, length as u8];
    field.extend(chance.bytes(length));
    bytes.splice(at..=at, field);
}
