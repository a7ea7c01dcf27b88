//! Holds the record engine against Apache Kafka's own classes: they write random batches in all codecs, compacted and cut
//! off, and read what came of them.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use klamm::records::{
    BatchBounds, Chain, Draft, FetchRange, Fetched, PoisonHandling, ProduceRefusal, Produced, Verdict,
    Workspace, fetched, produced,
};

/// Fields that are fetched, and as many batches that are produced.
const ROUNDS: u64 = 1_000;

/// Does what the values of records say.
struct ByValue;

impl Chain for ByValue {
    type Reason = ();

    fn judge(&mut self, record: &mut Draft<'_>) -> Verdict<()> {
        let value = record.value().unwrap();
        match value.split(|byte| *byte == b' ').next() {
            Some(b"skip") => return Verdict::Skip,
            Some(b"refuse") => return Verdict::Refuse(()),
            Some(b"set") => record.set_header("a", Some(b"new")),
            Some(b"remove") => record.remove_header("a"),
            _ => {}
        }
        Verdict::Keep
    }
}

#[test]
fn kafkas_classes_read_what_was_made_of_their_batches() {
    let seed = crate::seed();
    println!("KLAMM_ORACLE_SEED={seed}");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut java = Command::new(tests.join("kafka/kafka.sh"))
        .arg("tool")
        .arg(tests.join("oracle/Batches.java"))
        .args([seed.cast_signed().to_string(), ROUNDS.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = BufReader::new(java.stdout.take().unwrap());
    let mut answers = BufWriter::new(java.stdin.take().unwrap());
    let mut workspace = Workspace::new(BatchBounds::default());
    // How often each outcome came, of what is fetched and of what is produced.
    let mut outcomes = [[0_u64; 3]; 2];
    let mut asked = Vec::new();
    loop {
        match question(&mut questions) {
            Asked::Batches(kind, offset, field) => asked.push((kind, offset, field)),
            Asked::Answers => {
                for (kind, offset, field) in asked.drain(..) {
                    let (outcome, records) = answer(kind, offset, &field, &mut workspace);
                    outcomes[usize::from(kind == b'P')][usize::from(outcome)] += 1;
                    answers.write_all(&[outcome]).unwrap();
                    answers.write_all(&(records.len() as u32).to_be_bytes()).unwrap();
                    answers.write_all(&records).unwrap();
                }
                answers.flush().unwrap();
            }
            Asked::End => break,
        }
    }
    assert!(java.wait().unwrap().success(), "see above, seed {seed}");
    let least = ROUNDS / 200;
    let is_seldom = |count: &u64| *count < least;
    assert!(
        !outcomes.as_flattened().iter().any(is_seldom),
        "the cases say little: {outcomes:?}"
    );
}

/// The outcome, as the other side counts them (as it came, rewritten, nothing), and the records.
fn answer(kind: u8, offset: i64, field: &[u8], workspace: &mut Workspace) -> (u8, Bytes) {
    if kind == b'P' {
        return match produced(field, &mut ByValue, workspace) {
            Ok(Produced::AsItCame) => (0, Bytes::new()),
            Ok(Produced::Rewritten(records)) => (1, records),
            Err(ProduceRefusal::Records(_)) => (2, Bytes::new()),
            Err(ProduceRefusal::Batch(fault)) => panic!("{fault}"),
        };
    }
    let range = FetchRange {
        from: Some(offset),
        limit: None,
        poison: PoisonHandling::AfterOthers,
    };
    match fetched(field, range, &mut ByValue, workspace) {
        Fetched::AsItCame => (0, Bytes::new()),
        Fetched::Rewritten(records) => (1, records),
        Fetched::Poisoned { .. } => (2, Bytes::new()),
        Fetched::Unreadable { fault, .. } => panic!("{fault}"),
    }
}

enum Asked {
    Batches(u8, i64, Vec<u8>),
    /// To all that were asked before.
    Answers,
    End,
}

fn question(questions: &mut impl Read) -> Asked {
    let mut kind = [0];
    match questions.read_exact(&mut kind).map(|()| kind) {
        Ok([b'A']) => return Asked::Answers,
        Err(_) | Ok([b'E']) => return Asked::End,
        Ok(_) => {}
    }
    let (mut offset, mut length) = ([0; 8], [0; 4]);
    questions.read_exact(&mut offset).unwrap();
    questions.read_exact(&mut length).unwrap();
    let mut field = vec![0; u32::from_be_bytes(length) as usize];
    questions.read_exact(&mut field).unwrap();
    Asked::Batches(kind[0], i64::from_be_bytes(offset), field)
}
