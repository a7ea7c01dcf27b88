//! The cost of encryption: batches that are encrypted and decrypted, by codec and by the size of records, beside those that are
//! not; and how long the first requests take when the key service is far and nothing is at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm::authz::Principal;
use klamm::envelope::{DATA_KEY_BYTES, DataKey, KeysAtHand, NoKey, PinnedKey, SealingKey};
use klamm::policy::{AtHand, AuthType, Policies, PolicyContext};
use klamm::records::{BatchBounds, Produced, Workspace, produced};
use klamm_raft::model::{KeyName, Policy, PolicyAction, PolicyId, PolicyPhase, SealedParts};
use serde_json::{Value, json};

use crate::batch::{Batch, Codec};
use crate::load::Target;
use crate::measure::{median, percentile};
use crate::policies::{BATCH_BYTES, ROUND_BYTES, SIZES, Series, heading};
use crate::report::say;
use crate::site::{CONNECTIONS, Site, TOPICS, Way};
use crate::vault::{self, Vault, VaultMood};

/// The name of the key, in policies and at the service.
const KEY: &str = "orders";

/// The codecs that batches have before they are encrypted. Afterwards they have none.
const CODECS: [Codec; 3] = [Codec::None, Codec::Lz4, Codec::Zstd];

/// How far the service is, where that is looked at.
const FAR: Duration = Duration::from_millis(50);

/// Requests behind the first ones, where these are looked at.
const REQUESTS: usize = 200;

/// The data key that batches are encrypted with before a gateway reads them, as the service wraps it.
#[derive(Debug)]
struct ServiceKey {
    sealing: Arc<SealingKey>,
}

impl ServiceKey {
    fn new(vault: &Vault) -> Result<Self> {
        let url = format!("{}/v1/transit/datakey/plaintext/{KEY}", vault.url);
        let asked = ureq::post(url).header("x-vault-token", vault::TOKEN);
        let answer = asked
            .send(json!({"bits": 256}).to_string())?
            .body_mut()
            .read_to_string()?;
        let answer: Value = serde_json::from_str(&answer)?;
        let text = |name: &str| answer["data"][name].as_str().context("a data key");
        let bytes = STANDARD.decode(text("plaintext")?)?;
        let bytes: [u8; DATA_KEY_BYTES] = bytes.try_into().map_err(|_| anyhow!("32 bytes"))?;
        let key = DataKey::new(&bytes)?;
        let wrapped = text("ciphertext")?.as_bytes().into();
        Ok(Self {
            sealing: Arc::new(SealingKey::new(key, wrapped, [0; 4])),
        })
    }
}

impl KeysAtHand for ServiceKey {
    fn sealing(&self, _: &KeyName) -> Result<Arc<SealingKey>, NoKey> {
        Ok(Arc::clone(&self.sealing))
    }

    fn opening(&self, _: &KeyName, _: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        Err(NoKey::Unknown)
    }

    fn pinned(&self, _: &KeyName, _: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        Err(NoKey::Unpinned)
    }
}

/// A batch as a gateway encrypts it.
fn sealed(plain: &Batch, vault: &Vault) -> Result<Batch> {
    let parts = SealedParts {
        value: true,
        key: false,
        headers: BTreeSet::new(),
    };
    let action = PolicyAction::Encrypt {
        key: KEY.parse()?,
        parts,
    };
    let policies = BTreeMap::from([(
        PolicyId::of_all("seal".parse()?),
        Policy::new(PolicyPhase::Produce, action),
    )]);
    let policies = Policies::compile(&BTreeMap::new(), &policies, &BTreeMap::new());
    let context = Arc::new(PolicyContext {
        vcluster: "v".parse()?,
        auth: AuthType::Plain,
        principal: Principal::user("alice"),
        client_id: None,
        client_address: "192.0.2.7".into(),
    });
    let chain = policies.chain(PolicyPhase::Produce, &context, TOPICS.0);
    let mut chain = chain.context("a policy of the topic")?;
    chain.take(AtHand {
        keys: Arc::new(ServiceKey::new(vault)?),
        ..AtHand::nothing()
    });
    let mut workspace = Workspace::new(BatchBounds::default());
    match produced(&plain.bytes, &mut chain, &mut workspace) {
        Ok(Produced::Rewritten(bytes)) => Ok(Batch { bytes }),
        other => bail!("{other:?}"),
    }
}

/// A gateway with the key, before a broker that has these batches.
fn site(batch: Batch, batch_bytes: usize, vault: &Vault) -> Result<Site> {
    Site::with(batch, batch_bytes, |stage| {
        let token = stage.directory().join("vault-token");
        fs::write(&token, vault::TOKEN)?;
        let (url, token) = (&vault.url, token.display());
        let keys = format!("{{{KEY}: {{kind: vault, url: '{url}', key: {KEY}, token: {{file: {token}}}}}}}");
        Ok(vec![("KLAMM_KEYS", keys)])
    })
}

/// A virtual cluster that encrypts what is written, or decrypts what is read.
fn ciphered(site: &Site, way: Way) -> Result<Target> {
    let (name, spec) = match way {
        Way::Produce => (
            "encrypts",
            json!({"phase": "produce", "action": {"type": "encrypt", "key": KEY}}),
        ),
        Way::Fetch => (
            "decrypts",
            json!({"phase": "consume", "action": {"type": "decrypt", "keys": [KEY]}}),
        ),
    };
    let target = site.vcluster(name)?;
    site.put_policy(name, "bench-cipher", &spec)?;
    Ok(target)
}

/// Measures all of it, of one codec or of all.
pub(crate) fn run(codec: Option<&str>, rounds: usize) -> Result<()> {
    let is_wanted = |kind: &Codec| codec.is_none_or(|name| kind.name() == name);
    for kind in CODECS.into_iter().filter(is_wanted) {
        for size in SIZES {
            table(kind, size, rounds)?;
        }
    }
    far(rounds)
}

fn table(codec: Codec, size: usize, rounds: usize) -> Result<()> {
    let vault = Vault::start(&[KEY])?;
    let records = (BATCH_BYTES / size).max(1);
    let (plain, bytes) = (Batch::numbered(records, size, codec)?, records * size);
    let secret = sealed(&plain, &vault)?;
    let sites = [site(plain, bytes, &vault)?, site(secret, bytes, &vault)?];
    let [writing, reading] = &sites;
    let arms = [
        (
            "produce, no policy",
            writing,
            writing.vcluster("none")?,
            Way::Produce,
        ),
        (
            "produce, encrypt",
            writing,
            ciphered(writing, Way::Produce)?,
            Way::Produce,
        ),
        ("fetch, no policy", reading, reading.vcluster("none")?, Way::Fetch),
        (
            "fetch, decrypt",
            reading,
            ciphered(reading, Way::Fetch)?,
            Way::Fetch,
        ),
    ];
    let requests = (ROUND_BYTES / BATCH_BYTES).max(CONNECTIONS);
    let mut series: Vec<Series> = arms.iter().map(|_| Series::default()).collect();
    for round in 0..rounds {
        for turn in 0..arms.len() {
            // Nobody is always first.
            let index = (turn + round) % arms.len();
            let (title, site, target, way) = &arms[index];
            let moved = site.load(std::slice::from_ref(target), *way, requests);
            series[index].add(moved.with_context(|| *title)?, bytes, size);
        }
    }
    heading(&format!("{}, records of {size} bytes", codec.name()));
    for ((title, ..), series) in arms.iter().zip(&mut series) {
        series.show(title);
    }
    Ok(())
}

/// The first requests of all connections, and those behind them, of a node that has just started.
fn far(rounds: usize) -> Result<()> {
    let size = SIZES[1];
    let records = (BATCH_BYTES / size).max(1);
    say(&format!(
        "\na key service {} ms away, no data key at hand\n{:<36}{:>14}{:>14}",
        FAR.as_millis(),
        "",
        "first, ms",
        "then p99, ms"
    ));
    for (title, way) in [("produce, encrypt", Way::Produce), ("fetch, decrypt", Way::Fetch)] {
        let (mut first, mut then) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let vault = Vault::start(&[KEY])?;
            let plain = Batch::numbered(records, size, Codec::None)?;
            let batch = match way {
                Way::Produce => plain,
                Way::Fetch => sealed(&plain, &vault)?,
            };
            vault.set_mood(VaultMood::Slow(FAR));
            let site = site(batch, records * size, &vault)?;
            let targets = [ciphered(&site, way)?];
            let mut cold = site.load(&targets, way, CONNECTIONS)?.latencies;
            first.push(percentile(&mut cold, 100.0) / 1e3);
            let mut warm = site.load(&targets, way, REQUESTS)?.latencies;
            then.push(percentile(&mut warm, 99.0) / 1e3);
        }
        say(&format!(
            "{title:<36}{:>14.1}{:>14.1}",
            median(&first),
            median(&then)
        ));
    }
    Ok(())
}
