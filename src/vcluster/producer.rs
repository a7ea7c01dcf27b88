//! Producer ids of one physical cluster where they are used on another one. They are marked there: a plain one could be
//! somebody else's, whose sequence numbers would make records look like duplicates, and be lost.

/// Ids of brokers are below it: a marked id is none of theirs.
const MARK: i64 = 1 << 62;
/// Where the number of the cluster begins, in bits.
const TAG_SHIFT: u32 = 45;
/// The numbers of clusters that there is room for.
const TAGS: u32 = 1 << 17;

/// The number of the physical cluster that gave out an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerTag(u32);

impl ProducerTag {
    /// None when there is no room for the number.
    pub fn new(number: u32) -> Option<Self> {
        (number < TAGS).then_some(Self(number))
    }

    /// The id on another cluster than the one that gave it out. None when there is no room for it.
    pub fn mark(self, producer_id: i64) -> Option<i64> {
        let has_room = (0..1 << TAG_SHIFT).contains(&producer_id);
        has_room.then(|| MARK | (i64::from(self.0) << TAG_SHIFT) | producer_id)
    }

    /// The id that was given out, of one that was marked so.
    pub fn unmark(self, marked: i64) -> Option<i64> {
        let producer_id = marked & ((1 << TAG_SHIFT) - 1);
        (self.mark(producer_id) == Some(marked)).then_some(producer_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_ids_differ_between_clusters_and_from_what_brokers_give_out() {
        let (one, two) = (ProducerTag::new(0).unwrap(), ProducerTag::new(TAGS - 1).unwrap());
        for id in [0, 1, 7_000, (1 << 45) - 1] {
            let (a, b) = (one.mark(id).unwrap(), two.mark(id).unwrap());
            assert!(a != b && a >= MARK && b >= MARK);
            assert_eq!((one.unmark(a), two.unmark(b)), (Some(id), Some(id)));
            assert_eq!((one.unmark(b), one.unmark(id)), (None, None));
        }
    }

    #[test]
    fn what_has_no_room_is_not_marked() {
        assert_eq!(ProducerTag::new(TAGS), None);
        let tag = ProducerTag::new(3).unwrap();
        assert_eq!((tag.mark(1 << 45), tag.mark(-1)), (None, None));
    }
}
