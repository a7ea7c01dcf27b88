//! Who is at the other end: both prove that they know the cluster's secret, and that they are the nodes that they are
//! taken for. All messages have a fixed length.
//!
//! ```text
//!   caller                                             server
//!   magic, version, cluster, from, to, nonce ───────▶
//!             ◀─────── status, nonce
//!   HMAC(secret, "caller", all of the above) ───────▶
//!             ◀─────── status, HMAC(secret, "server", all of the above)
//! ```
//! The frames that follow are encrypted under keys that are made of the secret and both nonces, one per direction.

use aws_lc_rs::{digest, hmac, rand};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::channel::{Channel, Keys};
use super::link::{self, Link};
use crate::config::{PeerTls, Secret};
use crate::model::NodeId;

/// What stands for the secret when all peers are on loopback and none is set.
const WITHOUT_SECRET: &[u8] = b"klamm: loopback only, no secret";

const MAGIC: &[u8; 7] = b"KLAMMRF";
/// Raised with any change of the handshake, of the frames or of the messages in them.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const HELLO_BYTES: usize = MAGIC.len() + 1 + 32 + 8 + 8 + NONCE_BYTES;

const OK: u8 = 0;
const BAD_VERSION: u8 = 1;
const BAD_CLUSTER: u8 = 2;
const BAD_NODE: u8 = 3;
const BAD_SECRET: u8 = 4;

/// Why two ends do not talk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("the connection broke")]
    Io(#[from] std::io::Error),
    #[error("no TLS came about")]
    Tls(#[source] std::io::Error),
    #[error("what connected is no klamm node")]
    NotKlamm,
    #[error("the other node speaks another version of the peer protocol")]
    Version,
    #[error("the other node belongs to a cluster with other node ids")]
    OtherCluster,
    #[error("another node than the one that was meant is at that address")]
    OtherNode,
    #[error("the two nodes have different cluster secrets")]
    OtherSecret,
    #[error("no randomness is to be had from the system")]
    Random,
    #[error("the keys of the connection cannot be made")]
    Keys,
    #[error("the other end answered with status {0}")]
    Status(u8),
}

/// What this node shows of itself.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) own: NodeId,
    cluster: [u8; 32],
    secret: hmac::Key,
    tls: Option<PeerTls>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.own)
    }
}

impl Identity {
    /// `members` are all nodes of the cluster, this one included.
    pub(crate) fn new(
        own: NodeId,
        members: impl Iterator<Item = NodeId>,
        secret: Option<&Secret>,
        tls: Option<PeerTls>,
    ) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for member in members {
            context.update(&member.0.to_be_bytes());
        }
        let mut cluster = [0; 32];
        cluster.copy_from_slice(context.finish().as_ref());
        let secret = secret.map_or(WITHOUT_SECRET, Secret::bytes);
        Self {
            own,
            cluster,
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret),
            tls,
        }
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

    /// The server's side: who called.
    pub(super) async fn answer(&self, stream: TcpStream) -> Result<(NodeId, Channel), HandshakeError> {
        let link = link::answer(stream, self.tls.as_ref()).await;
        self.greet(link.map_err(HandshakeError::Tls)?).await
    }

    async fn meet(&self, mut stream: Link, to: NodeId) -> Result<Channel, HandshakeError> {
        let hello = self.hello(to)?;
        stream.write_all(&hello).await?;
        check(stream.read_u8().await?)?;
        let mut nonce = [0; NONCE_BYTES];
        stream.read_exact(&mut nonce).await?;
        let said = Said {
            secret: &self.secret,
            hello: &hello,
            nonce: &nonce,
        };
        stream.write_all(said.mac(b"caller").as_ref()).await?;
        check(stream.read_u8().await?)?;
        let mut proof = [0; MAC_BYTES];
        stream.read_exact(&mut proof).await?;
        said.verify(b"server", &proof)?;
        let keys = Keys {
            send: said.key(b"to server"),
            receive: said.key(b"to caller"),
        };
        Channel::new(stream, &keys).map_err(|_| HandshakeError::Keys)
    }

    async fn greet(&self, mut stream: Link) -> Result<(NodeId, Channel), HandshakeError> {
        let mut hello = [0; HELLO_BYTES];
        // The rest of the hello is waited for only when it begins as one.
        stream.read_exact(&mut hello[..=MAGIC.len()]).await?;
        if !hello.starts_with(MAGIC) {
            return Err(HandshakeError::NotKlamm);
        }
        if hello[MAGIC.len()] != VERSION {
            stream.write_u8(BAD_VERSION).await?;
            return Err(HandshakeError::Version);
        }
        stream.read_exact(&mut hello[MAGIC.len() + 1..]).await?;
        let from = match self.read_hello(&hello) {
            Ok(from) => from,
            Err((status, error)) => {
                stream.write_u8(status).await?;
                return Err(error);
            }
        };
        let nonce = random()?;
        stream.write_u8(OK).await?;
        stream.write_all(&nonce).await?;
        let mut proof = [0; MAC_BYTES];
        stream.read_exact(&mut proof).await?;
        let said = Said {
            secret: &self.secret,
            hello: &hello,
            nonce: &nonce,
        };
        if let Err(error) = said.verify(b"caller", &proof) {
            stream.write_u8(BAD_SECRET).await?;
            return Err(error);
        }
        stream.write_u8(OK).await?;
        stream.write_all(said.mac(b"server").as_ref()).await?;
        let keys = Keys {
            send: said.key(b"to caller"),
            receive: said.key(b"to server"),
        };
        let channel = Channel::new(stream, &keys).map_err(|_| HandshakeError::Keys)?;
        Ok((from, channel))
    }

    fn hello(&self, to: NodeId) -> Result<[u8; HELLO_BYTES], HandshakeError> {
        let mut hello = [0; HELLO_BYTES];
        let nonce = random()?;
        let from = self.own.0.to_be_bytes();
        let to = to.0.to_be_bytes();
        let parts: [&[u8]; 6] = [MAGIC, &[VERSION], &self.cluster, &from, &to, &nonce];
        let mut at = 0;
        for part in parts {
            hello[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        Ok(hello)
    }

    fn read_hello(&self, hello: &[u8; HELLO_BYTES]) -> Result<NodeId, (u8, HandshakeError)> {
        let rest = &hello[MAGIC.len() + 1..];
        let (cluster, rest) = rest.split_at(self.cluster.len());
        let mut ids = rest.chunks_exact(8).map(|id| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(id);
            NodeId(u64::from_be_bytes(bytes))
        });
        let (from, to) = (ids.next(), ids.next());
        if cluster != self.cluster {
            return Err((BAD_CLUSTER, HandshakeError::OtherCluster));
        }
        match from {
            Some(from) if to == Some(self.own) && from != self.own => Ok(from),
            _ => Err((BAD_NODE, HandshakeError::OtherNode)),
        }
    }
}

/// What both ends have said so far.
struct Said<'a> {
    secret: &'a hmac::Key,
    hello: &'a [u8; HELLO_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
}

impl Said<'_> {
    fn mac(&self, role: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(self.secret);
        for part in [b"klamm raft ", role, self.hello, self.nonce] {
            context.update(part);
        }
        context.sign()
    }

    fn verify(&self, role: &[u8], proof: &[u8]) -> Result<(), HandshakeError> {
        let mut message = b"klamm raft ".to_vec();
        for part in [role, self.hello, self.nonce] {
            message.extend_from_slice(part);
        }
        hmac::verify(self.secret, &message, proof).map_err(|_| HandshakeError::OtherSecret)
    }

    fn key(&self, direction: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(self.mac(direction).as_ref());
        key
    }
}

fn check(status: u8) -> Result<(), HandshakeError> {
    Err(match status {
        OK => return Ok(()),
        BAD_VERSION => HandshakeError::Version,
        BAD_CLUSTER => HandshakeError::OtherCluster,
        BAD_NODE => HandshakeError::OtherNode,
        BAD_SECRET => HandshakeError::OtherSecret,
        other => HandshakeError::Status(other),
    })
}

fn random() -> Result<[u8; NONCE_BYTES], HandshakeError> {
    let mut nonce = [0; NONCE_BYTES];
    rand::fill(&mut nonce).map_err(|_| HandshakeError::Random)?;
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn identity(own: u64, members: u64, secret: &str) -> Identity {
        Identity::new(
            NodeId(own),
            (1..=members).map(NodeId),
            Some(&Secret::new(secret).unwrap()),
            None,
        )
    }

    /// Node 1 calls the node that `server` is, taking it for node 2.
    async fn meet(caller: Identity, server: Identity) -> (Result<Channel, HandshakeError>, Option<NodeId>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (called, answered) = tokio::join!(caller.call(stream, "", NodeId(2)), server.answer(accepted));
        (called, answered.ok().map(|(from, _)| from))
    }

    const SECRET: &str = "the secret of this cluster";

    #[tokio::test]
    async fn nodes_with_one_secret_meet() {
        let (called, answered) = meet(identity(1, 3, SECRET), identity(2, 3, SECRET)).await;
        assert!(called.is_ok());
        assert_eq!(answered, Some(NodeId(1)));
    }

    #[tokio::test]
    async fn another_secret_cluster_or_node_is_told_apart() {
        let other = "the secret of another one";
        let (called, answered) = meet(identity(1, 3, SECRET), identity(2, 3, other)).await;
        assert!(matches!(called, Err(HandshakeError::OtherSecret)));
        assert_eq!(answered, None);
        let (called, answered) = meet(identity(1, 3, SECRET), identity(2, 5, SECRET)).await;
        assert!(matches!(called, Err(HandshakeError::OtherCluster)));
        assert_eq!(answered, None);
        let (called, answered) = meet(identity(1, 3, SECRET), identity(3, 3, SECRET)).await;
        assert!(matches!(called, Err(HandshakeError::OtherNode)));
        assert_eq!(answered, None);
    }

    /// A server that does not know the secret accepts everybody, and is found out.
    #[tokio::test]
    async fn the_server_has_to_prove_itself_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut impostor, _) = listener.accept().await.unwrap();
        let lie = async {
            let mut hello = [0; HELLO_BYTES];
            impostor.read_exact(&mut hello).await.unwrap();
            impostor
                .write_all(&[[OK].as_slice(), &[9; NONCE_BYTES]].concat())
                .await
                .unwrap();
            let mut proof = [0; MAC_BYTES];
            impostor.read_exact(&mut proof).await.unwrap();
            // The caller's own proof is the best that an impostor has.
            impostor
                .write_all(&[[OK].as_slice(), &proof].concat())
                .await
                .unwrap();
        };
        let (called, ()) = tokio::join!(
            async { identity(1, 3, SECRET).call(stream, "", NodeId(2)).await },
            lie
        );
        assert!(matches!(called, Err(HandshakeError::OtherSecret)));
    }
}
