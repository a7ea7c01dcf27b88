//! The port that peers connect to. Another process may still have it when this node starts: then it is tried again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use super::refused::RefusalCounts;
use super::server::Callers;

/// After the first failure the port is tried again this much later, and after each further one twice as much.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A port for peers.
#[derive(Debug)]
pub(crate) struct PeerPort {
    pub(crate) callers: Callers,
    address: SocketAddr,
    open: Option<std::net::TcpListener>,
    /// The address of the peer port while another process occupies it, none otherwise.
    taken: watch::Sender<Option<SocketAddr>>,
    /// Of callers that were turned away.
    refusals: Arc<RefusalCounts>,
}

impl PeerPort {
    /// Binds the address; that another process has it is no error.
    pub(crate) fn bind(address: SocketAddr, callers: Callers) -> io::Result<Self> {
        let open = match bind(address) {
            Ok(listener) => Some(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tracing::error!(
                    %address, %error,
                    "the port for peers is taken: the other nodes cannot reach this one until it is free"
                );
                None
            }
            Err(error) => return Err(error),
        };
        let taken = watch::Sender::new(open.is_none().then_some(address));
        Ok(Self {
            callers,
            address,
            open,
            taken,
            refusals: Arc::default(),
        })
    }

    /// The address, for as long as another process has it.
    pub(crate) fn taken(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.taken.subscribe()
    }

    /// How many callers were turned away.
    pub(crate) fn refusals(&self) -> Arc<RefusalCounts> {
        Arc::clone(&self.refusals)
    }

    /// Returns once it is open.
    pub(super) async fn opened(&mut self) -> TcpListener {
        let mut pause = FIRST_PAUSE;
        loop {
            let open = self.open.take().map_or_else(|| bind(self.address), Ok);
            match open.and_then(TcpListener::from_std) {
                Ok(listener) => {
                    if self.taken.send_replace(None).is_some() {
                        tracing::info!(address = %self.address, "the port for peers is open");
                    }
                    return listener;
                }
                Err(error) => {
                    tracing::debug!(address = %self.address, %error, "the port for peers is still taken")
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
