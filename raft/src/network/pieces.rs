//! A snapshot on its way from one node to another, in pieces: each is answered before the next one leaves, so that no
//! message is large, and how long one may take does not depend on the size of the state.

use serde::{Deserialize, Serialize};

use crate::codec::MAX_VALUE_BYTES;
use crate::codec::layout::VoteV1;

/// The size of all pieces but the last.
pub(super) const PIECE_BYTES: usize = 1024 * 1024;

/// A part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// Of the leader that sends it.
    pub(super) vote: VoteV1,
    /// CRC-32C of all of the snapshot: which one it is.
    pub(super) snapshot: u32,
    /// How many bytes the snapshot has.
    pub(super) total: u64,
    /// How many come before these.
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// Cuts a snapshot.
pub(super) fn cut(vote: VoteV1, snapshot: &[u8]) -> impl Iterator<Item = Piece> {
    let (sum, total) = (crc32c::crc32c(snapshot), snapshot.len() as u64);
    snapshot
        .chunks(PIECE_BYTES)
        .enumerate()
        .map(move |(number, bytes)| Piece {
            vote,
            snapshot: sum,
            total,
            offset: (number * PIECE_BYTES) as u64,
            bytes: bytes.to_vec(),
        })
}

/// The pieces of one snapshot that have come, in order. A leader sends one at a time, so there is never more than one.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    of: Option<(VoteV1, u32, u64)>,
    bytes: Vec<u8>,
}

/// The result of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gathered {
    /// More are to come.
    Part,
    /// It was the last: this is the snapshot.
    Whole(Vec<u8>),
    /// It is not the next one, or too much: the sender begins again.
    OutOfPlace,
}

impl Gathering {
    /// Adds a piece. The first of a snapshot drops what came of another one.
    pub(super) fn add(&mut self, piece: Piece) -> Gathered {
        let Piece {
            vote,
            snapshot,
            total,
            offset,
            bytes,
        } = piece;
        let of = Some((vote, snapshot, total));
        if offset == 0 {
            *self = Self {
                of,
                bytes: Vec::new(),
            };
        }
        let here = self.bytes.len() as u64;
        let end = offset.saturating_add(bytes.len() as u64);
        if self.of != of || bytes.is_empty() || end > total || total > MAX_VALUE_BYTES as u64 {
            return Gathered::OutOfPlace;
        }
        // A piece may come twice, because its answer was lost.
        match offset {
            offset if offset == here => self.bytes.extend_from_slice(&bytes),
            _ if end == here => {}
            _ => return Gathered::OutOfPlace,
        }
        match end == total {
            true => Gathered::Whole(std::mem::take(self).bytes),
            false => Gathered::Part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Vote;

    fn pieces(bytes: usize) -> (Vec<u8>, Vec<Piece>) {
        let snapshot: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
        let cut = cut(Vote::new(3, 1).into(), &snapshot).collect();
        (snapshot, cut)
    }

    #[test]
    fn a_snapshot_comes_out_as_it_went_in() {
        for (bytes, count) in [
            (1, 1),
            (PIECE_BYTES, 1),
            (PIECE_BYTES + 1, 2),
            (3 * PIECE_BYTES, 3),
        ] {
            let (snapshot, pieces) = pieces(bytes);
            assert_eq!(pieces.len(), count);
            let mut gathering = Gathering::default();
            for piece in &pieces[..count - 1] {
                assert_eq!(gathering.add(piece.clone()), Gathered::Part);
                assert_eq!(gathering.add(piece.clone()), Gathered::Part, "it came twice");
            }
            assert_eq!(
                gathering.add(pieces[count - 1].clone()),
                Gathered::Whole(snapshot)
            );
        }
    }

    #[test]
    fn pieces_that_do_not_belong_together_make_nothing() {
        let (_, mine) = pieces(3 * PIECE_BYTES);
        let (_, other) = pieces(2 * PIECE_BYTES);
        let mut gathering = Gathering::default();
        assert_eq!(
            gathering.add(mine[1].clone()),
            Gathered::OutOfPlace,
            "it is not the first"
        );
        gathering.add(mine[0].clone());
        assert_eq!(
            gathering.add(mine[2].clone()),
            Gathered::OutOfPlace,
            "one is left out"
        );
        assert_eq!(
            gathering.add(other[1].clone()),
            Gathered::OutOfPlace,
            "of another snapshot"
        );
        assert_eq!(
            gathering.add(other[0].clone()),
            Gathered::Part,
            "another one begins"
        );
        assert_eq!(gathering.add(mine[1].clone()), Gathered::OutOfPlace);

        let huge = Piece {
            total: u64::MAX,
            ..mine[0].clone()
        };
        assert_eq!(gathering.add(huge), Gathered::OutOfPlace);
        let longer = Piece {
            total: 10,
            ..mine[0].clone()
        };
        assert_eq!(gathering.add(longer), Gathered::OutOfPlace);
        let nothing = Piece {
            bytes: Vec::new(),
            ..mine[0].clone()
        };
        assert_eq!(gathering.add(nothing), Gathered::OutOfPlace);
    }
}
