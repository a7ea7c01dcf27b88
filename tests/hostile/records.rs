//! Batches that are made to hurt whoever looks into them, in a topic with policies: from a client, and from a broker. None is
//! let through unjudged, the memory for them is bounded, and others are served.

use std::io::Write;

use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;
use serde_json::{Value, json};

use super::client::{Client, produce_records, request};
use super::gateway::Gateway;

const CORRUPT_MESSAGE: i16 = 2;
const UNSUPPORTED_FOR_MESSAGE_FORMAT: i16 = 43;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
const INVALID_RECORD: i16 = 87;

/// The memory that policies may take at once, in bytes. A principal has a quarter.
const POLICY_BYTES: usize = 64 << 20;

/// As many of these at once would take more memory than the process may.
const CONNECTIONS: usize = 8;
const LARGE: usize = 12 << 20;

/// How often they are sent, until somebody had to wait.
const ROUNDS: usize = 20;

const CODECS: [(&str, u8); 4] = [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)];

/// The head of a batch, field by field, and what follows it.
#[derive(Clone)]
struct Batch {
    magic: u8,
    attributes: u8,
    count: i32,
    payload: Vec<u8>,
}

impl Batch {
    fn new(codec: u8, payload: &[u8]) -> Self {
        Self {
            magic: 2,
            attributes: codec,
            count: 1,
            payload: payload.to_vec(),
        }
    }

    /// The whole batch with its check sum.
    fn bytes(&self) -> Vec<u8> {
        let mut summed = vec![0, self.attributes];
        summed.extend((self.count - 1).to_be_bytes());
        // Two timestamps, then nobody's producer id, epoch and sequence.
        summed.extend([0; 16]);
        summed.extend([0xff; 14]);
        summed.extend(self.count.to_be_bytes());
        summed.extend(&self.payload);
        let length = (summed.len() + 9) as i32;
        let head = [&[0; 8], &length.to_be_bytes()[..], &[0xff; 4], &[self.magic]].concat();
        [&head, &crc32c::crc32c(&summed).to_be_bytes()[..], &summed].concat()
    }
}

fn varint(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A record without key: these lengths are announced, and these headers.
fn record(value: &[u8], value_length: i64, headers: i64) -> Vec<u8> {
    let body = [&[0, 0, 0, 1], &varint(value_length)[..], value, &varint(headers)].concat();
    [varint(body.len() as i64), body].concat()
}

fn honest(value: &[u8]) -> Vec<u8> {
    record(value, value.len() as i64, 0)
}

fn packed(codec: u8, bytes: &[u8]) -> Vec<u8> {
    match codec {
        1 => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        2 => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
        3 => {
            let mut encoder = FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::bulk::compress(bytes, 1).unwrap(),
    }
}

/// Zeros without end, as nobody can tell beforehand.
fn bomb(codec: u8) -> Vec<u8> {
    match codec {
        // It compresses too little to be one, so that it lies: a length of 4 GiB.
        2 => [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0; 64]].concat(),
        4 => {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
            let zeros = vec![0; 1 << 20];
            (0..1 << 10).for_each(|_| encoder.write_all(&zeros).unwrap());
            encoder.finish().unwrap()
        }
        _ => packed(codec, &vec![0; 32 << 20]),
    }
}

/// A name for a batch, its bytes, the error that a producer gets for it, and whether a consumer cannot be given it either.
type Case = (String, Vec<u8>, i16, bool);

fn cases() -> Vec<Case> {
    let good = honest(b"ok");
    let whole = Batch::new(0, &good);
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, error, is_unreadable| {
        cases.push((name.to_owned(), bytes, error, is_unreadable));
    };
    for magic in [0, 1] {
        let old = Batch {
            magic,
            ..whole.clone()
        };
        let name = format!("format {magic}");
        add(&name, old.bytes(), UNSUPPORTED_FOR_MESSAGE_FORMAT, true);
    }
    let unknown = Batch::new(7, &good).bytes();
    add("an unknown codec", unknown, UNSUPPORTED_COMPRESSION_TYPE, true);
    let mut forged = whole.bytes();
    // Of its value.
    let at = forged.len() - 2;
    forged[at] ^= 1;
    add("a wrong check sum", forged, CORRUPT_MESSAGE, true);
    let control = Batch::new(1 << 5, &good).bytes();
    add("a control batch", control, INVALID_RECORD, false);
    let two = whole.bytes().repeat(2);
    add("two batches", two, INVALID_RECORD, false);
    let mut cut = whole.bytes();
    cut.truncate(cut.len() - 1);
    add("a batch that is cut off", cut, INVALID_RECORD, false);
    let many = Batch {
        count: i32::MAX,
        ..whole
    };
    add("records without end", many.bytes(), INVALID_RECORD, true);
    for (name, body) in [
        ("headers without end", record(b"ok", 2, i32::MAX.into())),
        ("a value without end", record(b"ok", i32::MAX.into(), 0)),
        ("a value of a negative length", record(b"ok", -7, 0)),
        ("a record without end", varint(i32::MAX.into())),
        ("a length that does not end", vec![0xff; 20]),
    ] {
        add(name, Batch::new(0, &body).bytes(), INVALID_RECORD, true);
        for (codec, number) in CODECS {
            let packed = Batch::new(number, &packed(number, &body)).bytes();
            add(&format!("{name}, in {codec}"), packed, INVALID_RECORD, true);
        }
    }
    for (codec, number) in CODECS {
        let bomb = Batch::new(number, &bomb(number)).bytes();
        add(&format!("a bomb of {codec}"), bomb, INVALID_RECORD, true);
        let cut = packed(number, &honest(&[b'x'; 5_000]));
        let cut = Batch::new(number, &cut[..cut.len() / 2]).bytes();
        add(&format!("half of {codec}"), cut, INVALID_RECORD, true);
        let noise = Batch::new(number, &[0xa5; 300]).bytes();
        add(&format!("what is no {codec}"), noise, INVALID_RECORD, true);
    }
    cases
}

fn policy(name: &str, phase: &str, condition: Option<&str>, action: &Value) -> Value {
    let mut spec = json!({"phase": phase, "action": action});
    if let Some(condition) = condition {
        spec["condition"] = json!(condition);
    }
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": {"name": name, "vCluster": "tenant"}, "spec": spec,
    })
}

/// Every record is looked at and changed on both ways.
fn put_policies(gateway: &Gateway) {
    let set = json!({"type": "modify_headers", "actions": [{"op": "set", "key": "seen", "value": "yes"}]});
    let require = json!({"type": "require", "description": "no secrets"});
    let no_secret = Some("!('secret' in record.headers)");
    for policy in [
        policy("require", "produce", no_secret, &require),
        policy("mark", "produce", None, &set),
        policy(
            "filter",
            "consume",
            Some("'secret' in record.headers"),
            &json!({"type": "skip_record"}),
        ),
    ] {
        gateway.admin().put("policy", &policy).unwrap();
    }
}

/// Fetch v4 of the partition that there is.
fn fetch() -> Vec<u8> {
    let start = b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\0";
    request(1, 4, &[&start[..], &[0; 8], &[0x7f, 0xff, 0xff, 0xff]].concat())
}

/// The error of the only partition, which begins there in an answer.
fn error(answer: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([answer[at], answer[at + 1]])
}

/// The errors of Produce v3 and of Fetch v4: behind correlation id, time of throttling, topic and number.
const PRODUCED: usize = 4 + 4 + 8 + 4 + 4;
const FETCHED: usize = 4 + 4 + 4 + 8 + 4 + 4;

#[test]
fn batches_on_topics_with_policies() {
    let budget = POLICY_BYTES.to_string();
    let mut gateway = Gateway::with(&[("KLAMM_LIMITS_POLICY_BYTES", &budget)]);
    let other = gateway.open_vcluster("other");
    put_policies(&gateway);
    let mut client = gateway.login();
    for (name, bytes, expected, is_unreadable) in cases() {
        client.send(&produce_records("orders", &bytes));
        let answer = client.receive().unwrap_or_else(|| panic!("{name}: closed"));
        assert_eq!(error(&answer, PRODUCED), expected, "{name}, produced");
        gateway.broker.gives(&bytes);
        client.send(&fetch());
        let answer = client.receive().unwrap_or_else(|| panic!("{name}: closed"));
        let expected = if is_unreadable { CORRUPT_MESSAGE } else { 0 };
        assert_eq!(error(&answer, FETCHED), expected, "{name}, fetched");
    }
    large_batches(&gateway, &mut other.login());
    gateway.serves();
    drop(client);
    gateway.is_well();
}

/// Batches of honest size, many at once: they wait for one another, and nobody else does.
fn large_batches(gateway: &Gateway, other: &mut Client) {
    let mut value = vec![0; LARGE];
    // Its size is then within the bounds of what it may become.
    let mut noise = 1_u64;
    for byte in &mut value[..LARGE / 100] {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (noise >> 56) as u8;
    }
    let large = produce_records("orders", &Batch::new(4, &packed(4, &honest(&value))).bytes());
    let small = produce_records("orders", &Batch::new(0, &honest(b"ok")).bytes());
    let waits = || gateway.metric("klamm_policy_waits_total{share=\"principal\"}");
    let changed = "klamm_policy_records_total{outcome=\"changed\",policy=\"mark\",vcluster=\"tenant\"}";
    let (waited, before) = (waits(), gateway.metric(changed));
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| gateway.login()).collect();
    let mut sent = 0;
    while waits() == waited {
        assert!(sent < (ROUNDS * CONNECTIONS) as u64, "nobody had to wait");
        for client in &mut clients {
            client.send(&large);
        }
        other.send(&small);
        assert!(other.receive().is_some(), "another virtual cluster");
        for client in &mut clients {
            assert!(client.receive().is_some(), "{}", gateway.log());
        }
        sent += CONNECTIONS as u64;
    }
    assert_eq!(gateway.metric(changed), before + sent, "all were judged");
}
