//! Who is at the other end: both prove that they know the cluster's secret, if there is one, and that they are the
//! nodes that they are taken for. All sizes are bounded, and strangers are told nothing.
//!
//! ```text
//!   caller                                                    server
//!   mark; e, {who calls, whom, cluster, versions}  ───────▶          what follows the mark is sealed under the secret
//!                          ◀───────  e, {yes or no, cluster, versions}   sealed under the secret and both `e`
//!   {}  ───────▶                                                     by this the server knows that nothing was recorded
//! ```
//! `e` are keys of X25519 for this connection. The frames that follow are encrypted under keys that are made of all of
//! this.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use aws_lc_rs::digest;
use snow::HandshakeState;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::channel::{Channel, ChannelError};
use super::hello::{Answer, Hello, HelloRefusal, MEMBERS_BYTES, NO_LIST, Relation, Terms, Versions};
use super::link::{self, Link};
use super::noise::{self, End, KEY_BYTES};
use super::refused::PeerRefusal;
use crate::boots::KnownBoots;
use crate::cluster_secret::ClusterSecret;
use crate::config::PeerTls;
use crate::model::{Level, NodeId, Revision, State};
use crate::store::Standing;

/// The beginning of what a caller sends, where there is a secret and where there is none.
const MARK: &[u8; 8] = b"klamm/ps";
const MARK_WITHOUT_SECRET: &[u8; 8] = b"klamm/p0";

/// The longest message of a handshake: room for what later versions say.
const MAX_BYTES: usize = 512;

/// Why two ends do not talk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("the connection was lost")]
    Io(#[from] io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("the other end is not a klamm node")]
    NotKlamm,
    #[error("one of the two nodes has a cluster secret (klamm.raft.secret), the other has none")]
    SecretOnOneSide,
    #[error("the two nodes have different cluster secrets (klamm.raft.secret)")]
    OtherSecret,
    #[error(
        "the other node closed the connection: most likely it has another cluster secret (klamm.raft.secret), or none"
    )]
    HungUp,
    #[error(
        "this node speaks versions {own} of the peer protocol, the other one {other}: the older one does not support the feature level of the cluster; start it with a newer version of klamm"
    )]
    Version { own: Versions, other: Versions },
    #[error("the other node belongs to another cluster: one of the two has a data directory from elsewhere")]
    OtherCluster,
    #[error(
        "the two nodes are to found a cluster, and are configured with different node ids (klamm.raft.peers)"
    )]
    OtherMembers,
    #[error("a different node than expected is at that address (klamm.raft.peers, klamm.node.id)")]
    OtherNode,
    #[error(
        "the caller's certificate does not name the host by which that node is known (klamm.raft.peers, or what it said itself: klamm.raft.advertised)"
    )]
    OtherCertificate,
    #[error("the node was removed from the cluster at revision {0}")]
    Removed(Revision),
    #[error(
        "the caller's data directory is an old copy: the node has done more since, or was started with the same directory"
    )]
    OldCopy,
    #[error("another process of the calling node is at work, or was a moment ago")]
    AnotherProcess,
    #[error("who is there is not the node: its data directory is an old copy")]
    OldCopyThere,
    #[error("the other end refused with status {0}")]
    Refused(u8),
    #[error("the other end sent something that makes no sense")]
    Malformed,
    #[error("the keys of the connection cannot be derived")]
    Keys(#[from] snow::Error),
    #[error("the connection ended before it was proved not to be a replay")]
    NotAlive(#[source] ChannelError),
}

impl HandshakeError {
    /// The reason why the caller is turned away.
    pub(super) fn refusal(&self) -> PeerRefusal {
        match self {
            Self::Io(_) => PeerRefusal::Broke,
            Self::Tls(_) => PeerRefusal::Tls,
            Self::NotKlamm => PeerRefusal::NotKlamm,
            Self::SecretOnOneSide => PeerRefusal::SecretOnOneSide,
            Self::OtherSecret => PeerRefusal::OtherSecret,
            Self::HungUp => PeerRefusal::HungUp,
            Self::Version { .. } => PeerRefusal::Version,
            Self::OtherCluster => PeerRefusal::OtherCluster,
            Self::OtherMembers => PeerRefusal::OtherMembers,
            Self::OtherNode => PeerRefusal::OtherNode,
            Self::OtherCertificate => PeerRefusal::OtherCertificate,
            Self::Removed(_) => PeerRefusal::Removed,
            Self::OldCopy | Self::OldCopyThere => PeerRefusal::OldCopy,
            Self::AnotherProcess => PeerRefusal::AnotherProcess,
            Self::Refused(_) => PeerRefusal::Refused,
            Self::Malformed => PeerRefusal::Malformed,
            Self::Keys(_) => PeerRefusal::Keys,
            Self::NotAlive(_) => PeerRefusal::NotAlive,
        }
    }
}

impl HandshakeError {
    /// A refusal by either end, which speak these versions.
    fn refused(refusal: HelloRefusal, (own, other): (Versions, Versions)) -> Self {
        match refusal {
            HelloRefusal::Version => Self::Version { own, other },
            HelloRefusal::OtherCluster => Self::OtherCluster,
            HelloRefusal::OtherMembers => Self::OtherMembers,
            HelloRefusal::OtherNode => Self::OtherNode,
            HelloRefusal::OtherCertificate => Self::OtherCertificate,
            HelloRefusal::Removed(at) => Self::Removed(at),
            HelloRefusal::OldCopy => Self::OldCopy,
            HelloRefusal::AnotherProcess => Self::AnotherProcess,
        }
    }
}

/// The proofs that this node shows of itself, and whom it expects.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) own: NodeId,
    /// Where other nodes reach this one.
    address: Option<String>,
    /// The nodes that are configured, this one included.
    listed: Arc<BTreeMap<NodeId, String>>,
    members: [u8; MEMBERS_BYTES],
    secret: Option<ClusterSecret>,
    tls: Option<PeerTls>,
    standing: watch::Receiver<Standing>,
    /// The highest version that this node knows.
    highest: Level,
    states: watch::Receiver<Arc<State>>,
    pub(crate) boots: KnownBoots,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.own)
    }
}

impl Identity {
    /// `listed` are the nodes that are configured, this one included, if there is such a list.
    pub(crate) fn new(
        (own, address): (NodeId, Option<String>),
        listed: &BTreeMap<NodeId, String>,
        (secret, tls): (Option<ClusterSecret>, Option<PeerTls>),
        (standing, boots): (watch::Receiver<Standing>, KnownBoots),
        (highest, states): (Level, watch::Receiver<Arc<State>>),
    ) -> Self {
        Self {
            own,
            address,
            listed: Arc::new(listed.clone()),
            members: digest_of(listed),
            secret,
            tls,
            standing,
            highest,
            states,
            boots,
        }
    }

    /// When a node was removed, if it was.
    pub(super) fn removed(&self, node: NodeId) -> Option<Revision> {
        self.states.borrow().roster.removed.get(&node).copied()
    }

    /// The caller's side, to reach node `to` at `address`.
    pub(super) async fn call(
        &self,
        stream: TcpStream,
        address: &str,
        to: NodeId,
    ) -> Result<Channel, HandshakeError> {
        let link = link::call(stream, address, self.tls.as_ref()).await;
        self.meet(link.map_err(HandshakeError::Tls)?, to).await
    }

    /// The server's side.
    pub(super) async fn answer(&self, stream: TcpStream) -> Result<Channel, HandshakeError> {
        let answered = link::answer(stream, self.tls.as_ref()).await;
        let (link, certificate) = answered.map_err(HandshakeError::Tls)?;
        self.greet(link, certificate.as_ref()).await
    }

    async fn meet(&self, link: Link, to: NodeId) -> Result<Channel, HandshakeError> {
        let mut stream = BufReader::new(link);
        let mut noise = noise::begin(End::Caller, self.secret.as_ref(), self.mark())?;
        let hello = self.hello(to);
        write(&mut stream, self.mark(), &mut noise, &hello.write()).await?;
        let answer = match read(&mut stream, &mut noise).await {
            // Whoever does not know the secret is told nothing.
            Err(HandshakeError::Io(error)) if is_hang_up(&error) => return Err(HandshakeError::HungUp),
            answer => Answer::read(&answer?)?,
        };
        self.boots.is_told(answer.knows);
        let versions = (hello.versions, answer.versions);
        let terms = hello
            .conclude(&answer)
            .map_err(|refusal| HandshakeError::refused(refusal, versions))?;
        let mut channel = Channel::new(stream, noise.into_transport_mode()?, terms);
        channel.prove_alive().await?;
        if let (Relation::Fellows, Some(boot)) = (terms.relation, answer.boot) {
            let accepted = self.boots.accept_found(terms.peer, &boot);
            accepted.map_err(|_fault| HandshakeError::OldCopyThere)?;
            channel.boot = Some(boot.mark);
        }
        Ok(channel)
    }

    async fn greet(
        &self,
        link: Link,
        certificate: Option<&CertificateDer<'_>>,
    ) -> Result<Channel, HandshakeError> {
        let mut stream = BufReader::new(link);
        let mut mark = [0; MARK.len()];
        // More is waited for only when it begins as a handshake.
        stream.read_exact(&mut mark).await?;
        if mark != *self.mark() {
            let is_klamm = mark == *MARK || mark == *MARK_WITHOUT_SECRET;
            return Err(match is_klamm {
                true => HandshakeError::SecretOnOneSide,
                false => HandshakeError::NotKlamm,
            });
        }
        let mut noise = noise::begin(End::Server, self.secret.as_ref(), &mark)?;
        let hello = match read(&mut stream, &mut noise).await {
            Err(HandshakeError::Keys(snow::Error::Decrypt)) => return Err(HandshakeError::OtherSecret),
            hello => Hello::read(&hello?)?,
        };
        let own = self.hello(hello.from);
        let judged = self.judge(&hello, &own, certificate);
        let answer = Answer {
            refusal: judged.err(),
            cluster: own.cluster,
            versions: own.versions,
            boot: own.boot,
            knows: self.boots.number_of(hello.from),
        };
        write(&mut stream, &[], &mut noise, &answer.write()).await?;
        let versions = (own.versions, hello.versions);
        let terms = judged.map_err(|refusal| HandshakeError::refused(refusal, versions))?;
        let mut channel = Channel::new(stream, noise.into_transport_mode()?, terms);
        channel.caller_address = hello.address;
        channel.expect_alive().await.map_err(HandshakeError::NotAlive)?;
        if let (Relation::Fellows, Some(boot)) = (terms.relation, hello.boot) {
            let accepted = self.boots.accept_caller(terms.peer, &boot);
            accepted.map_err(|fault| HandshakeError::refused(fault.into(), versions))?;
            channel.boot = Some(boot.mark);
        }
        Ok(channel)
    }

    fn judge(
        &self,
        hello: &Hello,
        own: &Hello,
        certificate: Option<&CertificateDer<'_>>,
    ) -> Result<Terms, HelloRefusal> {
        let terms = hello.judge(own)?;
        if let Some(at) = self.removed(terms.peer) {
            return Err(HelloRefusal::Removed(at));
        }
        if !certificate.is_none_or(|certificate| self.is_shown_by(hello, certificate)) {
            return Err(HelloRefusal::OtherCertificate);
        }
        if let (Relation::Fellows, Some(boot)) = (terms.relation, hello.boot) {
            self.boots.judge(terms.peer, &boot)?;
        }
        Ok(terms)
    }

    /// Whether a certificate names the host of the caller: that by which it is known, or, of one that nobody knows yet, that
    /// which it says.
    fn is_shown_by(&self, hello: &Hello, certificate: &CertificateDer<'_>) -> bool {
        let state = self.states.borrow();
        let known = [
            self.listed.get(&hello.from),
            state.roster.addresses.get(&hello.from),
        ];
        let mut known = known.into_iter().flatten().peekable();
        match known.peek() {
            Some(_) => known.any(|address| link::names(certificate, address)),
            None => hello
                .address
                .as_ref()
                .is_some_and(|address| link::names(certificate, address)),
        }
    }

    fn mark(&self) -> &'static [u8; MARK.len()] {
        match self.secret {
            Some(_) => MARK,
            None => MARK_WITHOUT_SECRET,
        }
    }

    fn hello(&self, to: NodeId) -> Hello {
        Hello {
            from: self.own,
            to,
            cluster: self.standing.borrow().cluster(),
            members: self.members,
            versions: Versions {
                lowest: self.states.borrow().level,
                highest: self.highest,
            },
            address: self.address.clone(),
            boot: self.boots.own(),
        }
    }
}

/// Stands for the ids of nodes.
fn digest_of(listed: &BTreeMap<NodeId, String>) -> [u8; MEMBERS_BYTES] {
    if listed.is_empty() {
        return NO_LIST;
    }
    let mut context = digest::Context::new(&digest::SHA256);
    for id in listed.keys() {
        context.update(&id.0.to_be_bytes());
    }
    let mut members = NO_LIST;
    members.copy_from_slice(context.finish().as_ref());
    members
}

/// Writes a message of the handshake, behind what goes before it.
async fn write(
    stream: &mut BufReader<Link>,
    before: &[u8],
    noise: &mut HandshakeState,
    payload: &[u8],
) -> Result<(), HandshakeError> {
    let mut message = [0; MAX_BYTES];
    let length = noise.write_message(payload, &mut message)?;
    let head = u16::try_from(length).map_err(|_| HandshakeError::Malformed)?;
    let bytes = [before, &head.to_be_bytes(), &message[..length]].concat();
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    Ok(())
}

/// Reads a message of the handshake: what is said in it.
async fn read(stream: &mut BufReader<Link>, noise: &mut HandshakeState) -> Result<Vec<u8>, HandshakeError> {
    let length = usize::from(stream.read_u16().await?);
    if !(KEY_BYTES..=MAX_BYTES).contains(&length) {
        return Err(HandshakeError::Malformed);
    }
    let (mut message, mut payload) = ([0; MAX_BYTES], [0; MAX_BYTES]);
    let message = &mut message[..length];
    stream.read_exact(message).await?;
    let length = noise.read_message(message, &mut payload)?;
    Ok(payload[..length].to_vec())
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
pub(super) mod tests;
