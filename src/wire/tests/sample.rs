//! Random valid messages of every API and version, written by an encoder that shares nothing with the engine but the
//! schema table.

use crate::wire::header;
use crate::wire::schema::{self, Class, Default, Direction, Field, FieldDef, Kind, MessageDef};

/// A small generator of numbers (xorshift64*): the same seed gives the same message.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A writer of sample messages.
#[derive(Clone, Copy)]
pub(super) struct Sampler {
    pub(super) version: i16,
    pub(super) is_flexible: bool,
    /// The change of topic names.
    pub(super) rename: fn(&str) -> String,
    pub(super) odd_tags: OddTags,
    /// The value that fields of a class hold instead of something random.
    pub(super) plant: Plant,
}

/// A value for fields of a class, chosen by a random number.
pub(crate) type Plant = fn(Class, usize) -> Option<Value>;

/// A value that is planted. The variant must fit the type of the fields.
pub(crate) enum Value {
    Text(String),
    Bytes(Vec<u8>),
    Uuid([u8; 16]),
    Byte(i8),
    Number(i32),
}

/// Which tagged fields are written that an ordinary encoder would not write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OddTags {
    None,
    Unknown,
    UnknownAndDefaults,
}

const NAMES: [&str; 6] = [
    "",
    "t",
    "orders.v1",
    "größe-und-länge",
    "a-name-that-is-rather-long-for-a-topic",
    "x_y",
];

impl Sampler {
    pub(super) fn new(def: &MessageDef, version: i16) -> Self {
        Self {
            version,
            is_flexible: version >= def.flexible_from,
            rename: str::to_owned,
            odd_tags: OddTags::Unknown,
            plant: |_, _| None,
        }
    }

    /// A message without header.
    pub(super) fn message(self, def: &MessageDef, seed: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.fields(def.fields, &mut Random::new(seed), &mut out);
        out
    }

    fn fields(self, fields: &[FieldDef], random: &mut Random, out: &mut Vec<u8>) {
        let mut tagged = Vec::new();
        for def in fields.iter().filter(|def| def.versions.contains(self.version)) {
            match def.tag_in(self.version) {
                None => self.field(def, false, random, out),
                Some(tag) => {
                    if random.one_in(2) {
                        let mut body = Vec::new();
                        self.field(def, true, random, &mut body);
                        tagged.push((tag, body));
                    }
                }
            }
        }
        if self.is_flexible {
            for _ in 0..if self.odd_tags == OddTags::None {
                0
            } else {
                random.below(3)
            } {
                let tag = 100 + tagged.len() as u32 * 1000;
                let body = b"s3cret".iter().copied().cycle();
                tagged.push((tag, body.take(random.below(200)).collect()));
            }
            tagged.sort();
            uvarint(out, tagged.len());
            for (tag, body) in tagged {
                uvarint(out, tag as usize);
                uvarint(out, body.len());
                out.extend(body);
            }
        }
    }

    fn field(self, def: &FieldDef, is_tagged: bool, random: &mut Random, out: &mut Vec<u8>) {
        // A tagged field that holds its default is normally left out.
        let avoid_default = is_tagged && self.odd_tags != OddTags::UnknownAndDefaults;
        let is_nullable = def.nullable.contains(self.version);
        let may_be_null = is_nullable && !(avoid_default && def.default == Default::Null);
        let is_null = may_be_null && random.one_in(5);
        if def.is_array {
            let count = random.below(4).max(usize::from(avoid_default));
            self.length((!is_null).then_some(count), 4, out);
            for _ in 0..if is_null { 0 } else { count } {
                match def.kind {
                    Kind::Struct(fields) => self.fields(fields, random, out),
                    _ => self.plain(def, (false, false), random, out),
                }
            }
        } else if let Kind::Struct(fields) = def.kind {
            if is_nullable {
                out.push(if is_null { 0xff } else { 1 });
            }
            if !is_null {
                self.fields(fields, random, out);
            }
        } else {
            self.plain(def, (is_null, avoid_default), random, out);
        }
    }

    fn plain(
        self,
        def: &FieldDef,
        (is_null, avoid_default): (bool, bool),
        random: &mut Random,
        out: &mut Vec<u8>,
    ) {
        let planted = (self.plant)(def.class, random.below(1 << 16)).filter(|_| !is_null);
        match (planted, def.kind) {
            // The high half of a number marks it.
            (Some(Value::Number(number)), Kind::Uint16) => {
                return out.extend(((number >> 16) as u16).to_be_bytes());
            }
            (Some(planted), _) => return self.planted(&planted, out),
            (None, _) => {}
        }
        let number = (random.next() << 40 ^ random.next()) | u64::from(avoid_default);
        match def.kind {
            Kind::Bool if avoid_default => out.push(u8::from(def.default == Default::Zero)),
            Kind::Bool => out.push((number >> 1 & 1) as u8),
            Kind::Int8 => out.extend((number as i8).to_be_bytes()),
            Kind::Int16 => out.extend((number as i16).to_be_bytes()),
            Kind::Uint16 => out.extend((number as u16).to_be_bytes()),
            Kind::Int32 => out.extend((number as i32).to_be_bytes()),
            Kind::Int64 => out.extend((number as i64).to_be_bytes()),
            Kind::Float64 => out.extend((number as f64).to_be_bytes()),
            Kind::Uuid => {
                out.extend(number.to_be_bytes());
                out.extend(number.to_le_bytes());
            }
            Kind::Text => {
                let drawn = NAMES[random.below(NAMES.len())];
                let drawn = if avoid_default && drawn.is_empty() {
                    "full"
                } else {
                    drawn
                };
                let text = if def.class == Class::TopicName {
                    (self.rename)(drawn)
                } else {
                    drawn.to_owned()
                };
                self.length((!is_null).then_some(text.len()), 2, out);
                if !is_null {
                    out.extend(text.as_bytes());
                }
            }
            Kind::Bytes | Kind::Records => {
                let length = random.below(300) + usize::from(avoid_default);
                self.length((!is_null).then_some(length), 4, out);
                if !is_null {
                    out.resize(out.len() + length, number as u8);
                }
            }
            Kind::Struct(_) => unreachable!("written by its fields"),
        }
    }

    fn planted(self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Text(text) => {
                self.length(Some(text.len()), 2, out);
                out.extend(text.as_bytes());
            }
            Value::Bytes(bytes) => {
                self.length(Some(bytes.len()), 4, out);
                out.extend(bytes);
            }
            Value::Uuid(uuid) => out.extend(uuid),
            Value::Byte(byte) => out.extend(byte.to_be_bytes()),
            Value::Number(number) => out.extend(number.to_be_bytes()),
        }
    }

    fn length(self, length: Option<usize>, size: usize, out: &mut Vec<u8>) {
        if self.is_flexible {
            uvarint(out, length.map_or(0, |length| length + 1));
        } else {
            let signed = length.map_or(-1, |length| length as i32);
            out.extend(&signed.to_be_bytes()[4 - size..]);
        }
    }
}

fn uvarint(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte + 128);
    }
}

/// A random response of an API, with values planted, in a frame without length prefix.
pub(crate) fn planted_response(api: (i16, i16), seed: u64, plant: Plant) -> Vec<u8> {
    let mut frame = 1_i32.to_be_bytes().to_vec();
    if header::has_tags(api) {
        frame.extend(*b"\x01\x09\x06s3cret");
    }
    planted(api, Direction::Response, (seed, plant), frame)
}

/// A random request, likewise.
pub(crate) fn planted_request((key, version): (i16, i16), seed: u64, plant: Plant) -> Vec<u8> {
    let mut frame = [key.to_be_bytes(), version.to_be_bytes()].concat();
    frame.extend(1_i32.to_be_bytes());
    frame.extend((-1_i16).to_be_bytes());
    if schema::is_flexible(key, version) {
        frame.push(0);
    }
    planted((key, version), Direction::Request, (seed, plant), frame)
}

fn planted(
    (key, version): (i16, i16),
    direction: Direction,
    (seed, plant): (u64, Plant),
    mut frame: Vec<u8>,
) -> Vec<u8> {
    let def = schema::message(key, direction).expect("a known API");
    let sampler = Sampler {
        plant,
        // What clients say passes, and what brokers say does not.
        odd_tags: match direction {
            Direction::Response => OddTags::Unknown,
            _ => OddTags::None,
        },
        ..Sampler::new(def, version)
    };
    frame.extend(sampler.message(def, seed));
    frame
}

/// The field of a struct by its name.
pub(super) fn field_of(fields: &'static [FieldDef], name: Field) -> &'static FieldDef {
    fields
        .iter()
        .find(|def| def.name == name)
        .expect("a field of the struct")
}
