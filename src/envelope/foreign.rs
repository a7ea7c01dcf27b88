//! Records that another gateway has encrypted, Kroxylicious: its header `kroxylicious.io/encryption`, version 2, whose value is a
//! wrapper with a data key that HashiCorp Vault has wrapped.
//!
//! A wrapper is a cipher (0: AES-256-GCM), the length of the wrapped key and that, what is authenticated beside the bytes (0: nothing),
//! 12 bytes of nonce, and the sealed bytes with their tag. What Vault has wrapped begins with the length of the name of its key, and the
//! name. What was sealed is the value with its length, and the headers, of which there are none here (-2). Lengths are
//! varints: those of keys and names without sign.

use super::{DataKey, Forged, MalformedMark};

/// The name of the header.
pub const FOREIGN_MARK: &str = "kroxylicious.io/encryption";

/// The header's value where the format is one that is read here.
const VERSION_2: &[u8] = &[1];

const AES_256_GCM: u8 = 0;
const NOTHING_BESIDE: u8 = 0;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The mark of headers that were not encrypted.
const ABSENT: i64 = -2;

/// A value that another gateway has encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignEnvelope<'a> {
    /// The name of the key at Vault.
    pub key: &'a str,
    pub wrapped: &'a [u8],
    /// Where the nonce is, and the sealed bytes behind it.
    nonce_at: usize,
}

impl<'a> ForeignEnvelope<'a> {
    /// Reads the value of the header, and the value of the record.
    ///
    /// # Errors
    /// It is none that this version understands.
    pub fn read(header: &[u8], value: &'a [u8]) -> Result<Self, MalformedMark> {
        if header != VERSION_2 {
            return Err(MalformedMark);
        }
        let mut at = 0;
        if taken(value, &mut at, 1)? != [AES_256_GCM] {
            return Err(MalformedMark);
        }
        let length = unsigned(value, &mut at)?;
        let wrapped = taken(value, &mut at, length)?;
        if taken(value, &mut at, 1)? != [NOTHING_BESIDE] {
            return Err(MalformedMark);
        }
        let mut in_key = 0;
        let length = unsigned(wrapped, &mut in_key)?;
        let key = taken(wrapped, &mut in_key, length)?;
        Ok(Self {
            key: std::str::from_utf8(key).map_err(|_| MalformedMark)?,
            wrapped: &wrapped[in_key..],
            nonce_at: at,
        })
    }

    /// Where in the value the nonce is.
    pub fn nonce_at(&self) -> usize {
        self.nonce_at
    }

    /// Opens such a value at the end of a buffer, from a place on.
    ///
    /// # Errors
    /// It was not sealed with this key, or not as it is, or holds more than a value.
    pub fn open(key: &DataKey, nonce_at: usize, buffer: &mut Vec<u8>, from: usize) -> Result<(), Forged> {
        let value = buffer.get_mut(from..).ok_or(Forged)?;
        let (nonce, sealed) = value
            .get_mut(nonce_at..)
            .and_then(|rest| rest.split_at_mut_checked(NONCE_BYTES))
            .ok_or(Forged)?;
        let nonce: [u8; NONCE_BYTES] = (&*nonce).try_into().map_err(|_| Forged)?;
        key.open_with(nonce, &[], sealed)?;
        let begin = from + nonce_at + NONCE_BYTES;
        let end = buffer.len() - TAG_BYTES;
        let parcel = &buffer[begin..end];
        let mut at = 0;
        let length = usize::try_from(signed(parcel, &mut at)?).map_err(|_| Forged)?;
        let starts = at;
        taken(parcel, &mut at, length).map_err(|MalformedMark| Forged)?;
        if signed(parcel, &mut at)? != ABSENT || at != parcel.len() {
            return Err(Forged);
        }
        let value = begin + starts..begin + starts + length;
        buffer.copy_within(value, from);
        buffer.truncate(from + length);
        Ok(())
    }
}

fn taken<'a>(bytes: &'a [u8], at: &mut usize, length: usize) -> Result<&'a [u8], MalformedMark> {
    let end = at.checked_add(length).ok_or(MalformedMark)?;
    let taken = bytes.get(*at..end).ok_or(MalformedMark)?;
    *at = end;
    Ok(taken)
}

/// A varint without sign, of 32 bits.
fn unsigned(bytes: &[u8], at: &mut usize) -> Result<usize, MalformedMark> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = taken(bytes, at, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| MalformedMark)?;
            return usize::try_from(value).map_err(|_| MalformedMark);
        }
    }
    Err(MalformedMark)
}

/// A varint with sign, as Kafka's records have them.
fn signed(bytes: &[u8], at: &mut usize) -> Result<i64, Forged> {
    let value = unsigned(bytes, at).map_err(|MalformedMark| Forged)? as i64;
    Ok((value >> 1) ^ -(value & 1))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::*;

    const KEY: [u8; 32] = [5; 32];

    /// Built by hand, after the description of the format.
    fn wrapped(parcel: &[u8]) -> Vec<u8> {
        let mut value = vec![0, 18, 6];
        value.extend_from_slice(b"KEK-t1");
        value.extend_from_slice(b"vault:v1:ab");
        value.push(0);
        let nonce = [9; 12];
        value.extend_from_slice(&nonce);
        let mut sealed = parcel.to_vec();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).unwrap());
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
            .unwrap();
        value.extend_from_slice(&sealed);
        value
    }

    #[test]
    fn a_value_of_another_gateway_is_opened() {
        // The length of the value (5, zigzag), the value, and -2 for headers (zigzag 3).
        let value = wrapped(b"\x0ahello\x03");
        let envelope = ForeignEnvelope::read(&[1], &value).unwrap();
        assert_eq!((envelope.key, envelope.wrapped), ("KEK-t1", &b"vault:v1:ab"[..]));
        let key = DataKey::new(&KEY).unwrap();
        let mut buffer = [b"before", &value[..]].concat();
        ForeignEnvelope::open(&key, envelope.nonce_at(), &mut buffer, 6).unwrap();
        assert_eq!(buffer, b"beforehello");
        for at in envelope.nonce_at()..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1;
            let opened = ForeignEnvelope::open(&key, envelope.nonce_at(), &mut changed, 0);
            assert_eq!(opened, Err(Forged), "byte {at}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let key = DataKey::new(&KEY).unwrap();
        // A null value, headers, more than a value, a length beyond the end.
        for parcel in [
            &b"\x01\x03"[..],
            b"\x02a\x00",
            b"\x02a\x03more",
            b"\x7ea\x03",
            b"",
        ] {
            let mut value = wrapped(parcel);
            let nonce_at = ForeignEnvelope::read(&[1], &value).unwrap().nonce_at();
            assert_eq!(
                ForeignEnvelope::open(&key, nonce_at, &mut value, 0),
                Err(Forged),
                "{parcel:?}"
            );
        }
        let value = wrapped(b"\x02a\x03");
        for header in [&[0][..], &[2], &[], &[1, 1]] {
            assert_eq!(ForeignEnvelope::read(header, &value), Err(MalformedMark));
        }
        for length in 0..21 {
            assert_eq!(
                ForeignEnvelope::read(&[1], &value[..length]),
                Err(MalformedMark),
                "{length}"
            );
        }
        for at in [0, 20] {
            let mut other = value.clone();
            other[at] = 1;
            assert_eq!(
                ForeignEnvelope::read(&[1], &other),
                Err(MalformedMark),
                "byte {at}"
            );
        }
    }
}
