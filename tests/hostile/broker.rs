//! A broker on loopback that tells the truth or lies, as the test wants it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use klamm::quickstart::node::write_clusters;
use klamm::wire::{Item, RequestHeader, api_keys, api_versions, field};

/// The way in which a broker treats a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    Honest,
    /// A length of 2 GiB, and then some bytes.
    HugeLength,
    NegativeLength,
    OtherCorrelationId,
    /// Half of the answer, then the end.
    Cut,
    /// An answer of the right size, of 0xff.
    Garbage,
    /// An answer of the right size that is all counts of two thousand million.
    AbsurdCounts,
    /// Two answers for one request.
    Twice,
    /// The right answer and bytes after it in the same frame.
    TooLong,
    Closes,
}

impl Manners {
    pub(crate) const LIES: [Self; 9] = [
        Self::HugeLength,
        Self::NegativeLength,
        Self::OtherCorrelationId,
        Self::Cut,
        Self::Garbage,
        Self::AbsurdCounts,
        Self::Twice,
        Self::TooLong,
        Self::Closes,
    ];
}

#[derive(Debug, Clone)]
pub(crate) struct FakeBroker {
    pub(crate) port: u16,
    manners: Arc<Mutex<Manners>>,
    /// The id of its Kafka cluster.
    cluster: Arc<Mutex<&'static str>>,
    /// The answer to every fetch.
    records: Arc<Mutex<Vec<u8>>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl FakeBroker {
    /// A file of physical clusters in this directory, in which the broker is `main`.
    pub(crate) fn as_main(&self, directory: &Path) -> PathBuf {
        let clusters = directory.join("clusters.yaml");
        let address = format!("127.0.0.1:{}", self.port);
        write_clusters(&clusters, &[("main", &[("bootstrap.servers", &address)])]).unwrap();
        clusters
    }

    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let broker = Self {
            port: listener.local_addr().unwrap().port(),
            manners: Arc::new(Mutex::new(Manners::Honest)),
            cluster: Arc::new(Mutex::new("fake")),
            records: Arc::default(),
            connections: Arc::default(),
        };
        let serving = broker.clone();
        // It ends with the process of the test.
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let broker = serving.clone();
                let connection = socket.try_clone().unwrap();
                let kept = socket.try_clone().unwrap();
                broker.connections.lock().unwrap().push(kept);
                thread::spawn(move || {
                    broker.serve(socket);
                    // What is kept of it does not keep it open.
                    connection.shutdown(Shutdown::Both).ok();
                });
            }
        });
        broker
    }

    pub(crate) fn behaves(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }

    /// Every fetch gets these from now on.
    pub(crate) fn gives(&self, records: &[u8]) {
        *self.records.lock().unwrap() = records.to_vec();
    }

    /// It ends, and in its place is a broker of another Kafka cluster.
    pub(crate) fn is_of(&self, cluster: &'static str) {
        *self.cluster.lock().unwrap() = cluster;
        for connection in self.connections.lock().unwrap().drain(..) {
            // It may have ended already.
            connection.shutdown(Shutdown::Both).ok();
        }
    }

    fn serve(&self, mut socket: TcpStream) -> Option<()> {
        loop {
            let mut length = [0; 4];
            socket.read_exact(&mut length).ok()?;
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            socket.read_exact(&mut frame).ok()?;
            let truth = self.answer(&frame)?;
            let manners = *self.manners.lock().unwrap();
            socket.write_all(&told(manners, truth)).ok()?;
            if matches!(manners, Manners::Cut | Manners::Closes) {
                return None;
            }
        }
    }

    /// The true answer, with its length prefix.
    fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let header = RequestHeader::parse(frame).ok()?;
        let api = (header.api_key, header.api_version);
        let mut answer = Item::response(api.0, api.1).ok()?;
        match api.0 {
            1 => self.give(&mut answer),
            3 => self.describe(&mut answer),
            18 => offer(&mut answer),
            _ => {}
        }
        let segments = answer.response_frame(api, header.correlation_id).ok()?;
        Some(segments.0.iter().flat_map(|segment| segment.to_vec()).collect())
    }

    fn give(&self, answer: &mut Item) {
        let mut topic = answer.item(field::RESPONSES);
        topic.set(field::TOPIC, "orders");
        let mut partition = topic.item(field::PARTITIONS);
        partition.set(field::RECORDS, self.records.lock().unwrap().clone());
        topic.push(field::PARTITIONS, partition);
        answer.push(field::RESPONSES, topic);
    }

    fn describe(&self, answer: &mut Item) {
        let mut broker = answer.item(field::BROKERS);
        broker
            .set(field::NODE_ID, 1)
            .set(field::HOST, "127.0.0.1")
            .set(field::PORT, i32::from(self.port));
        answer.push(field::BROKERS, broker);
        let cluster = *self.cluster.lock().unwrap();
        answer
            .set(field::CLUSTER_ID, cluster)
            .set(field::CONTROLLER_ID, 1);
        let mut topic = answer.item(field::TOPICS);
        topic.set(field::NAME, "orders").set(field::TOPIC_ID, [3; 16]);
        let mut partition = topic.item(field::PARTITIONS);
        partition.set(field::LEADER_ID, 1);
        topic.push(field::PARTITIONS, partition);
        answer.push(field::TOPICS, topic);
    }
}

/// All that the wire engine knows.
fn offer(answer: &mut Item) {
    for (key, range) in api_keys().filter_map(|key| Some((key, api_versions(key)?))) {
        let mut api = answer.item(field::API_KEYS);
        api.set(field::API_KEY, key)
            .set(field::MIN_VERSION, range.lo)
            .set(field::MAX_VERSION, range.hi);
        answer.push(field::API_KEYS, api);
    }
}

fn told(manners: Manners, mut truth: Vec<u8>) -> Vec<u8> {
    match manners {
        Manners::Honest => {}
        Manners::HugeLength => truth[..4].copy_from_slice(&i32::MAX.to_be_bytes()),
        Manners::NegativeLength => truth[..4].copy_from_slice(&[0xff; 4]),
        Manners::OtherCorrelationId => truth[7] ^= 0x55,
        Manners::Cut => truth.truncate(truth.len() / 2),
        Manners::Garbage => truth[8..].fill(0xff),
        Manners::AbsurdCounts => {
            let counts = i32::MAX.to_be_bytes().into_iter().cycle();
            truth
                .iter_mut()
                .skip(8)
                .zip(counts)
                .for_each(|(byte, count)| *byte = count);
        }
        Manners::Twice => truth.extend(truth.clone()),
        Manners::TooLong => {
            truth.extend([0; 9]);
            let length = (truth.len() - 4) as u32;
            truth[..4].copy_from_slice(&length.to_be_bytes());
        }
        Manners::Closes => truth.clear(),
    }
    truth
}
