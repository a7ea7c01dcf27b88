//! A node that lists at all lists what was acknowledged before, on whatever node.

use crate::history::{Look, Wish};

pub(crate) fn violations(looks: &[Look]) -> Vec<String> {
    let wrong = |look: &Look| match (look.wish, look.is_there) {
        (Wish::Create, true) | (Wish::Delete, false) => None,
        (Wish::Create, false) => Some(format!(
            "account {} was created, and a node left it out",
            look.account
        )),
        (Wish::Delete, true) => Some(format!(
            "account {} was deleted, and a node listed it",
            look.account
        )),
    };
    looks.iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_list_is_found() {
        let check = |wish, is_there, holds| {
            let look = Look {
                account: "a".to_owned(),
                wish,
                is_there,
            };
            assert_eq!(violations(&[look]).is_empty(), holds, "{wish:?} {is_there}");
        };
        check(Wish::Create, true, true);
        check(Wish::Create, false, false);
        check(Wish::Delete, false, true);
        check(Wish::Delete, true, false);
    }
}
