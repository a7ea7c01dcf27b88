//! Whether bytes are JSON (RFC 8259). One look at each byte, and no memory but for how values nest, which is bounded.

/// The deepest nesting, a bit of [`Nesting`] for each. Many readers stop there.
const MAX_NESTING: u32 = u128::BITS;

/// The arrays and objects that are open.
#[derive(Debug, Default)]
struct Nesting {
    depth: u32,
    /// The innermost is the lowest bit; 1 is an object.
    objects: u128,
}

impl Nesting {
    fn open(&mut self, is_object: u128) -> Option<()> {
        self.depth += 1;
        self.objects = self.objects << 1 | is_object;
        (self.depth <= MAX_NESTING).then_some(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn is_in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

/// Whether these bytes are one value, with blanks around it perhaps, that nests 128 deep at most.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && after_value(bytes) == Some(bytes.len())
}

/// The place after the one value and the blanks behind it.
fn after_value(bytes: &[u8]) -> Option<usize> {
    let mut open = Nesting::default();
    let mut at = blanks(bytes, 0);
    loop {
        let opened = at;
        at = match bytes.get(at)? {
            b'{' => {
                open.open(1)?;
                blanks(bytes, at + 1)
            }
            b'[' => {
                open.open(0)?;
                blanks(bytes, at + 1)
            }
            _ => scalar(bytes, at)?,
        };
        let is_opened = matches!(bytes[opened], b'{' | b'[');
        let is_empty = matches!(bytes.get(at), Some(b'}' | b']'));
        if is_opened && !is_empty {
            at = name_if_object(bytes, at, &open)?;
            continue;
        }
        loop {
            at = blanks(bytes, at);
            if open.depth == 0 {
                return Some(at);
            }
            match (bytes.get(at)?, open.is_in_object()) {
                (b',', _) => {
                    at = name_if_object(bytes, blanks(bytes, at + 1), &open)?;
                    break;
                }
                (b'}', true) | (b']', false) => {
                    open.close();
                    at += 1;
                }
                _ => return None,
            }
        }
    }
}

/// The place of the value that begins here, or after the name that begins here.
fn name_if_object(bytes: &[u8], at: usize, open: &Nesting) -> Option<usize> {
    if !open.is_in_object() {
        return Some(at);
    }
    let colon = blanks(bytes, text(bytes, at)?);
    (bytes.get(colon)? == &b':').then(|| blanks(bytes, colon + 1))
}

/// The place after a value without parts.
fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let word = |word: &[u8]| bytes[at..].starts_with(word).then(|| at + word.len());
    match bytes.get(at)? {
        b'"' => text(bytes, at),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => number(bytes, at),
    }
}

fn text(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at)? != &b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    let digits = bytes.get(at + 2..at + 6)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                    at += 6;
                }
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + usize::from(bytes.get(at)? == &b'-');
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let is_signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits(bytes, at + 1 + usize::from(is_signed))?;
    }
    Some(at)
}

/// The place after one digit or more.
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let count = bytes
        .get(at..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (count > 0).then_some(at + count)
}

/// The first place from here that is no blank.
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    at + bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take_while(is_blank)
        .count()
}
