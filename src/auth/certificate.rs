//! The part of a client's certificate that matters to a login: until when it holds, and its subject, written as Java's
//! `X500Principal.getName()` writes it, the form in which Kafka names principals. Pure: DER in (X.690, RFC 5280), RFC
//! 2253 text out.

use super::UnixMillis;

/// Why nothing can be learned from a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate's subject or expiry date cannot be parsed")]
pub struct BadCertificate;

/// A certificate that the client proved to own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// As Java prints it (RFC 2253).
    pub subject: String,
    /// It holds no longer.
    pub not_after: UnixMillis,
}

/// From the first of March of the year 0 to 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

/// The longest subject that is taken, in bytes of DER.
const MAX_SUBJECT_BYTES: usize = 4096;

/// Types whose names RFC 2253 knows, by their object identifier in DER. Java writes all others by number.
const KEYWORDS: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The tags of strings that Java writes as text: UTF-8, Printable, T61, IA5, General, BMP.
const STRINGS: [u8; 6] = [0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1e];

/// Reads a certificate in DER.
///
/// # Errors
/// It does not parse.
pub fn read(certificate: &[u8]) -> Result<ClientCertificate, BadCertificate> {
    let (certificate, _) = Item::take_as(SEQUENCE, certificate)?;
    let (fields, _) = Item::take_as(SEQUENCE, certificate.content)?;
    let mut rest = fields.content;
    let (first, after) = Item::take(rest)?;
    if first.tag == VERSION {
        rest = after;
    }
    // Serial number, signature algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = Item::take_as(tag, rest)?;
    }
    let (validity, rest) = Item::take_as(SEQUENCE, rest)?;
    let (_, not_after) = Item::take(validity.content)?;
    let (not_after, _) = Item::take(not_after)?;
    Ok(ClientCertificate {
        subject: name(rest)?,
        not_after: time(not_after)?,
    })
}

/// A time in UTC to the second, as certificates have it (RFC 5280 §4.1.2.5). One before 1970 is 1970.
fn time(item: Item<'_>) -> Result<UnixMillis, BadCertificate> {
    let text = std::str::from_utf8(item.content).map_err(|_| BadCertificate)?;
    let digits = text.strip_suffix('Z').ok_or(BadCertificate)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadCertificate);
    }
    let (year, rest) = match item.tag {
        UTC_TIME if digits.len() == 12 => {
            let year = number(&digits[..2])?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => (number(&digits[..4])?, &digits[4..]),
        _ => return Err(BadCertificate),
    };
    let mut parts = [0; 5];
    for (at, part) in parts.iter_mut().enumerate() {
        *part = number(&rest[2 * at..2 * at + 2])?;
    }
    let [month, day, hour, minute, second] = parts;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(BadCertificate);
    }
    if year < 1970 {
        return Ok(UnixMillis(0));
    }
    // Years begin in March, so that a leap day is the last one of a year.
    let year = year - u64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    Ok(UnixMillis::from_secs(
        (((days - DAYS_BEFORE_1970) * 24 + hour) * 60 + minute) * 60 + second,
    ))
}

fn number(digits: &str) -> Result<u64, BadCertificate> {
    digits.parse().map_err(|_| BadCertificate)
}

/// A name in DER.
fn name(bytes: &[u8]) -> Result<String, BadCertificate> {
    let (subject, _) = Item::take_as(SEQUENCE, bytes)?;
    if subject.content.len() > MAX_SUBJECT_BYTES {
        return Err(BadCertificate);
    }
    let mut names = Vec::new();
    let mut rest = subject.content;
    while !rest.is_empty() {
        let (name, after) = Item::take_as(SET, rest)?;
        names.push(relative_name(name.content)?);
        rest = after;
    }
    // The last one first (RFC 2253 §2.1).
    names.reverse();
    Ok(names.join(","))
}

/// One type and value of DER.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    tag: u8,
    content: &'a [u8],
    /// With its tag and length.
    whole: &'a [u8],
}

impl<'a> Item<'a> {
    /// The first item, and what follows.
    fn take(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BadCertificate> {
        let [tag, length, after @ ..] = bytes else {
            return Err(BadCertificate);
        };
        // The length in one byte, or how many bytes hold it.
        let (length, header) = match length {
            0..=0x7f => (usize::from(*length), 2),
            0x81..=0x84 => {
                let count = usize::from(length & 0x7f);
                let digits = after.get(..count).ok_or(BadCertificate)?;
                let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                (length, 2 + count)
            }
            _ => return Err(BadCertificate),
        };
        let end = header.checked_add(length).ok_or(BadCertificate)?;
        let whole = bytes.get(..end).ok_or(BadCertificate)?;
        let item = Self {
            tag: *tag,
            content: &whole[header..],
            whole,
        };
        Ok((item, &bytes[end..]))
    }

    /// The first item, if it has this tag.
    fn take_as(tag: u8, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BadCertificate> {
        match Self::take(bytes)? {
            taken if taken.0.tag == tag => Ok(taken),
            _ => Err(BadCertificate),
        }
    }
}

/// One or more types with their values.
fn relative_name(mut rest: &[u8]) -> Result<String, BadCertificate> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (pair, after) = Item::take_as(SEQUENCE, rest)?;
        let (id, value) = Item::take_as(OBJECT_ID, pair.content)?;
        let (value, nothing) = Item::take(value)?;
        if !nothing.is_empty() {
            return Err(BadCertificate);
        }
        parts.push(attribute(id.content, value)?);
        rest = after;
    }
    match parts.is_empty() {
        true => Err(BadCertificate),
        false => Ok(parts.join("+")),
    }
}

fn attribute(id: &[u8], value: Item<'_>) -> Result<String, BadCertificate> {
    let keyword = KEYWORDS
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| *name);
    match keyword {
        Some(keyword) if STRINGS.contains(&value.tag) => {
            // As UTF-8 whatever the tag says: Java does so.
            let text = String::from_utf8_lossy(value.content);
            Ok(format!("{keyword}={}", escaped(&text)))
        }
        _ => {
            let name = match keyword {
                Some(keyword) => keyword.to_owned(),
                None => dotted(id)?,
            };
            let hex: String = value.whole.iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(format!("{name}=#{hex}"))
        }
    }
}

/// An object identifier in decimal.
fn dotted(id: &[u8]) -> Result<String, BadCertificate> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in id {
        if number >> 56 != 0 {
            return Err(BadCertificate);
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let is_cut = id.last().is_none_or(|last| last & 0x80 != 0);
    let Some((first, others)) = numbers.split_first().filter(|_| !is_cut) else {
        return Err(BadCertificate);
    };
    // The first two numbers are in one.
    let top = (first / 40).min(2);
    let head = [top, first - 40 * top];
    let texts: Vec<String> = head.iter().chain(others).map(u64::to_string).collect();
    Ok(texts.join("."))
}

/// A value with what must be escaped: the characters of RFC 2253 §2.4 and some that Java adds, a NUL, and spaces at
/// either end.
fn escaped(text: &str) -> String {
    let is_space = |c: char| c == ' ' || c == '\r';
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\' => plain.extend(['\\', c]),
            '\0' => plain.push_str("\\00"),
            c => plain.push(c),
        }
    }
    let inner = plain.trim_matches(is_space);
    let lead = plain.len() - plain.trim_start_matches(is_space).len();
    let (before, after) = match inner.is_empty() {
        true => (plain.as_str(), ""),
        false => (&plain[..lead], &plain[lead + inner.len()..]),
    };
    let spaces = |text: &str| text.chars().flat_map(|c| ['\\', c]).collect::<String>();
    format!("{}{inner}{}", spaces(before), spaces(after))
}

#[cfg(test)]
mod tests;
