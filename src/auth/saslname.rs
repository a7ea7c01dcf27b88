//! A `saslname` (RFC 5802 §7): `,` and `=` are written `=2C` and `=3D`.

/// The longest name that is looked at, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// The name that is meant; none when it is written in another way, empty, too long, or holds control characters.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len().min(MAX_NAME_BYTES));
    let mut parts = text.split('=');
    name.push_str(parts.next()?);
    for part in parts {
        if let Some(rest) = part.strip_prefix("2C") {
            name.push(',');
            name.push_str(rest);
        } else {
            name.push('=');
            name.push_str(part.strip_prefix("3D")?);
        }
    }
    let fits =
        (1..=MAX_NAME_BYTES).contains(&name.len()) && !text.contains(',') && !name.contains(char::is_control);
    fits.then_some(name)
}

/// How a name is written.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(unescaped(text).as_deref(), expected, "{text:?}");
        check("alice", Some("alice"));
        check("a=2Cb=3D=3D2C", Some("a,b==2C"));
        for text in [
            "",
            "=",
            "a=",
            "a=2c",
            "a=2",
            "a,b",
            "a\0b",
            "a\nb",
            &"x".repeat(257),
        ] {
            check(text, None);
        }
    }
}
