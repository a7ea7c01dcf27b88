//! Finds all prefixed patterns that cover a name, the longest first.
//!
//! A name is looked up by binary search over the *lengths* that prefixes have, one hash lookup per step (Waldvogel,
//! Varghese, Turner, Plattner: "Scalable High Speed IP Routing Lookups", SIGCOMM 1997). So that a miss means "nothing
//! longer either", each prefix leaves marks at the shorter lengths where a search for it turns right. From the longest
//! prefix that covers the name, the others are its parents.

use super::{FastMap, Span};

/// The place of a prefix in its table.
type PrefixId = u32;

/// The prefixed patterns of one resource type.
#[derive(Debug, Default)]
pub(super) struct PrefixTable {
    /// The distinct lengths in bytes, ascending.
    lengths: Vec<usize>,
    /// For each prefix and each mark: the longest prefix that covers it.
    marks: FastMap<Box<[u8]>, Option<PrefixId>>,
    prefixes: Vec<Prefix>,
}

#[derive(Debug)]
struct Prefix {
    grants: Span,
    /// The longest other prefix that covers this one.
    parent: Option<PrefixId>,
    length: usize,
}

impl PrefixTable {
    /// Builds the table of distinct prefixes in ascending byte order.
    pub(super) fn build(sorted: &[(&str, Span)]) -> Self {
        let mut lengths: Vec<usize> = sorted.iter().map(|(text, _)| text.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut table = Self {
            lengths,
            marks: FastMap::default(),
            prefixes: Vec::with_capacity(sorted.len()),
        };
        // In byte order, all that a prefix covers follows it directly: the open ones form a stack.
        let mut open: Vec<PrefixId> = Vec::new();
        for (id, &(text, grants)) in (0..).zip(sorted) {
            while let Some(&top) = open.last() {
                let covers = text.starts_with(sorted[top as usize].0);
                if covers {
                    break;
                }
                open.pop();
            }
            table.prefixes.push(Prefix {
                grants,
                parent: open.last().copied(),
                length: text.len(),
            });
            table.mark(id, text.as_bytes());
            open.push(id);
        }
        table
    }

    /// Leaves a prefix and its marks, each knowing the longest prefix that covers it.
    fn mark(&mut self, id: PrefixId, text: &[u8]) {
        let (mut low, mut high) = (0, self.lengths.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let length = self.lengths[middle];
            if length > text.len() {
                high = middle;
                continue;
            }
            let covering = self
                .chain(Some(id))
                .find(|&id| self.prefixes[id as usize].length <= length);
            self.marks.insert(text[..length].into(), covering);
            low = middle + 1;
        }
    }

    /// The grants of all prefixes that cover a name, longest prefix first.
    pub(super) fn covering(&self, name: &str) -> impl Iterator<Item = Span> {
        self.chain(self.longest(name.as_bytes()))
            .map(|id| self.prefixes[id as usize].grants)
    }

    fn longest(&self, name: &[u8]) -> Option<PrefixId> {
        let (mut low, mut high) = (0, self.lengths.len());
        let mut longest = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match name
                .get(..self.lengths[middle])
                .and_then(|head| self.marks.get(head))
            {
                Some(&covering) => {
                    longest = covering;
                    low = middle + 1;
                }
                None => high = middle,
            }
        }
        longest
    }

    fn chain(&self, from: Option<PrefixId>) -> impl Iterator<Item = PrefixId> {
        std::iter::successors(from, |&id| self.prefixes[id as usize].parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_name_is_found_longest_first() {
        let mut texts = vec![
            "",
            "a",
            "aa",
            "ab",
            "abc",
            "abcdefgh",
            "b",
            "bcdefghijkl",
            "zz",
            "ä",
            "äö",
        ];
        texts.sort_unstable();
        let sorted: Vec<_> = (0..)
            .zip(&texts)
            .map(|(n, text)| (*text, Span { start: n, end: n }))
            .collect();
        let table = PrefixTable::build(&sorted);
        for name in [
            "",
            "a",
            "abcd",
            "abcdefghi",
            "bcd",
            "bcdefghijklm",
            "z",
            "zzz",
            "äöü",
            "ä",
            "c",
        ] {
            let found: Vec<&str> = table
                .covering(name)
                .map(|span| texts[span.start as usize])
                .collect();
            let mut wanted: Vec<&str> = texts
                .iter()
                .copied()
                .filter(|text| name.starts_with(text))
                .collect();
            wanted.reverse();
            assert_eq!(found, wanted, "{name:?}");
        }
    }
}
