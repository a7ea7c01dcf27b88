//! Walks over one value in Avro's binary form.

use super::{AvroSchema, AvroType, MAX_DEPTH, TypeId};
use crate::schemas::schema::SchemaMismatch;

/// The most values that a value is made of: so many, and so many for each of its bytes.
const VALUES: usize = 64 << 10;
const VALUES_PER_BYTE: usize = 4;

/// The bytes that are left, and the work.
struct AvroWalk<'a> {
    types: &'a [AvroType],
    rest: &'a [u8],
    values: usize,
}

pub(super) fn validate(schema: &AvroSchema, bytes: &[u8]) -> Result<(), SchemaMismatch> {
    let mut walk = AvroWalk {
        types: &schema.types,
        rest: bytes,
        values: VALUES + VALUES_PER_BYTE * bytes.len(),
    };
    walk.value(schema.root, 0)?;
    match walk.rest.is_empty() {
        true => Ok(()),
        false => Err(SchemaMismatch::Longer),
    }
}

impl<'a> AvroWalk<'a> {
    fn value(&mut self, id: TypeId, depth: u32) -> Result<(), SchemaMismatch> {
        self.values = self.values.checked_sub(1).ok_or(SchemaMismatch::TooMuchWork)?;
        if depth >= MAX_DEPTH {
            return Err(SchemaMismatch::TooMuchWork);
        }
        match &self.types[id] {
            AvroType::Begun | AvroType::Null => Ok(()),
            AvroType::Boolean => match self.take(1)? {
                [0 | 1] => Ok(()),
                _ => Err(SchemaMismatch::Avro("boolean")),
            },
            AvroType::Int => match i32::try_from(self.long()?) {
                Ok(_) => Ok(()),
                Err(_) => Err(SchemaMismatch::Avro("int")),
            },
            AvroType::Long => self.long().map(drop),
            AvroType::Float => self.take(4).map(drop),
            AvroType::Double => self.take(8).map(drop),
            AvroType::Bytes => self.counted("bytes").map(drop),
            AvroType::Text => self.text(),
            AvroType::Fixed { bytes } => self.take(*bytes).map(drop),
            AvroType::Enum { symbols } => self.below(*symbols, "enum").map(drop),
            AvroType::Union(branches) => {
                let branch = self.below(branches.len(), "union")?;
                self.value(branches[branch], depth + 1)
            }
            AvroType::Record(fields) => fields.iter().try_for_each(|id| self.value(*id, depth + 1)),
            AvroType::Array(items) => self.blocks(|walk| walk.value(*items, depth + 1)),
            AvroType::Map(values) => self.blocks(|walk| {
                walk.text()?;
                walk.value(*values, depth + 1)
            }),
        }
    }

    /// Items, in blocks that each say how many there are.
    fn blocks(
        &mut self,
        item: impl Fn(&mut Self) -> Result<(), SchemaMismatch>,
    ) -> Result<(), SchemaMismatch> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            // A block whose count is negative says how long it is, too.
            let end = match count < 0 {
                true => {
                    let bytes = usize::try_from(self.long()?).ok();
                    let left = bytes.and_then(|bytes| self.rest.len().checked_sub(bytes));
                    Some(left.ok_or(SchemaMismatch::Avro("block"))?)
                }
                false => None,
            };
            for _ in 0..count.unsigned_abs() {
                self.values = self.values.checked_sub(1).ok_or(SchemaMismatch::TooMuchWork)?;
                item(self)?;
            }
            if end.is_some_and(|end| end != self.rest.len()) {
                return Err(SchemaMismatch::Avro("block"));
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], SchemaMismatch> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SchemaMismatch::Shorter)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Bytes behind their number.
    fn counted(&mut self, kind: &'static str) -> Result<&'a [u8], SchemaMismatch> {
        let count = usize::try_from(self.long()?).map_err(|_| SchemaMismatch::Avro(kind))?;
        self.take(count)
    }

    fn text(&mut self) -> Result<(), SchemaMismatch> {
        match std::str::from_utf8(self.counted("string")?) {
            Ok(_) => Ok(()),
            Err(_) => Err(SchemaMismatch::Avro("string")),
        }
    }

    /// A number below another.
    fn below(&mut self, most: usize, kind: &'static str) -> Result<usize, SchemaMismatch> {
        let number = usize::try_from(self.long()?).ok();
        number
            .filter(|number| *number < most)
            .ok_or(SchemaMismatch::Avro(kind))
    }

    /// A number in steps of seven bits, the sign in the lowest.
    fn long(&mut self) -> Result<i64, SchemaMismatch> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(SchemaMismatch::Avro("number"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(SchemaMismatch::Avro("number"))
    }
}
