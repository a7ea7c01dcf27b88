//! A data directory that was stolen: under a storage key nothing can be read from it. A node takes the key, another one, and
//! none again, and says what is wrong with one that is not the right one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use klamm::quickstart::ports::PortBlock;
use serde_json::json;

use super::broker::FakeBroker;

/// The key that signs tokens.
const SIGNING_KEY: [u8; 32] = *b"the key that signs all tokens...";

/// The account that has a SCRAM credential and a token.
const ACCOUNT: &str = "needle-account";

const FILE: &str = "KLAMM_STORAGE_KEY_FILE";
const PREVIOUS: &str = "KLAMM_STORAGE_KEY_PREVIOUS_FILE";

struct Place {
    settings: NodeSettings,
    directory: tempfile::TempDir,
    _broker: FakeBroker,
    _ports: PortBlock,
}

impl Place {
    fn new() -> Self {
        let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
        let broker = FakeBroker::start();
        let clusters = broker.as_main(directory.path());
        let settings = NodeSettings {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            id: 1,
            data_dir: directory.path().join("node"),
            clusters,
            http_port: ports.port(0),
            advertised_host: "127.0.0.1".to_owned(),
            port_start: ports.port(8),
            port_count: 16,
            raft_ports: Vec::new(),
            more: Vec::new(),
        };
        Self {
            settings,
            directory,
            _broker: broker,
            _ports: ports,
        }
    }

    /// A file with a key, for its owner only.
    fn key(&self, byte: u8) -> PathBuf {
        let path = self.directory.path().join(format!("storage-{byte}.key"));
        fs::write(&path, STANDARD.encode([byte; 32])).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn start(&self, more: &[(&str, &Path)]) -> GatewayNode {
        let more = more
            .iter()
            .map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
        let signing_key = STANDARD.encode(SIGNING_KEY);
        let signing_key = ("GATEWAY_USER_POOL_SECRET_KEY".to_owned(), signing_key);
        GatewayNode::start(NodeSettings {
            more: more.chain([signing_key]).collect(),
            ..self.settings.clone()
        })
        .unwrap()
    }

    /// Starts with these files, sees that all is there, and ends without a goodbye.
    fn serves(&self, more: &[(&str, &Path)]) {
        let mut node = self.start(more);
        node.await_ready().unwrap();
        let admin = Admin::new(&node.admin_url());
        for path in ["scram-credential", "token"] {
            let listed = admin.call("GET", path, None).unwrap().body;
            assert!(listed.contains(ACCOUNT), "{path}: {listed}");
        }
        node.kill();
    }

    /// Starts with these files in vain; gives what the node says.
    fn refuses(&self, more: &[(&str, &Path)]) -> String {
        self.start(more).await_ready().unwrap_err().to_string()
    }

    /// Whether the signing key, and whether the account is anywhere in the data directory.
    fn shows(&self) -> [bool; 2] {
        let files = fs::read_dir(&self.settings.data_dir).unwrap();
        let bytes: Vec<u8> = files
            .flat_map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        [holds(&SIGNING_KEY), holds(ACCOUNT.as_bytes())]
    }
}

#[test]
fn a_data_directory_under_a_storage_key_tells_a_thief_nothing() {
    let place = Place::new();
    let mut node = place.start(&[]);
    node.await_ready().unwrap();
    let admin = Admin::new(&node.admin_url());
    admin
        .put("virtual-cluster", &admin::vcluster("tenant", "admin"))
        .unwrap();
    let credential = json!({
        "username": ACCOUNT, "vCluster": "tenant", "mechanism": "SCRAM-SHA-256", "password": "a long password",
    });
    admin.put("scram-credential", &credential).unwrap();
    admin.token("tenant", ACCOUNT, 3600).unwrap();
    node.kill();
    assert_eq!(place.shows(), [true; 2], "in clear they can be found");

    let (first, second) = (place.key(1), place.key(2));
    place.serves(&[(FILE, &first)]);
    assert_eq!(place.shows(), [false; 2]);
    place.serves(&[(FILE, &first)]);

    let missing = place.refuses(&[]);
    assert!(
        missing.contains("is encrypted, but no storage key is configured"),
        "{missing}"
    );
    let wrong = place.refuses(&[(FILE, &second)]);
    assert!(
        wrong.contains("is encrypted with a different storage key"),
        "{wrong}"
    );
    for said in [missing, wrong] {
        assert!(
            said.contains("klamm.storage.key.file") && !said.contains("corrupt"),
            "{said}"
        );
    }
    fs::set_permissions(&second, Permissions::from_mode(0o604)).unwrap();
    let open = place.refuses(&[(FILE, &second), (PREVIOUS, &first)]);
    assert!(open.contains("chmod 600"), "{open}");
    fs::set_permissions(&second, Permissions::from_mode(0o640)).unwrap();

    place.serves(&[(FILE, &second), (PREVIOUS, &first)]);
    place.serves(&[(FILE, &second)]);
    assert_eq!(place.shows(), [false; 2]);
    let old = place.refuses(&[(FILE, &first)]);
    assert!(old.contains("is encrypted with a different storage key"), "{old}");

    place.serves(&[(FILE, Path::new("none")), (PREVIOUS, &second)]);
    assert_eq!(place.shows(), [true; 2]);
    place.serves(&[]);
}
