//! Stopping without loss: not advertised any more, what is in flight finished, clients told where to go, then the node.
//!
//! A Java client that knows no other broker (one physical broker is one virtual broker) and is cut off from it may forget
//! all it knows and begin at its bootstrap addresses: its consumers then rejoin their group without having committed, and
//! read again from the last commit. So sessions make their clients ask for the new addresses before they end, and ports
//! stay open for a while: whoever comes back to the old address hears of the other nodes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use klamm_raft::Node;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::listener::{self, Listener};
use crate::session::census::Census;

/// How long the other nodes may take to hear that this one is going.
const FAREWELL: Duration = Duration::from_secs(3);

/// An order for the listener that it panicked at is given once more.
const ORDERS: usize = 2;

/// How long the client of the last session that finishes may take to come back.
const RETURN: Duration = Duration::from_secs(1);

/// How often the open sessions are counted while they finish.
const COUNT_EVERY: Duration = Duration::from_millis(50);

/// Sessions that do not finish are closed by their own timeout; this much later nobody waits for them.
const GRACE: Duration = Duration::from_secs(1);

/// The signals that stop a node.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on SIGTERM and SIGINT are heard.
    pub(crate) fn on_signals() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them has come.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => info!("SIGINT: stopping"),
        }
    }
}

/// The parts that are stopped, in this order.
#[derive(Debug)]
pub(crate) struct Shutdown {
    pub(crate) node: Node,
    pub(crate) listener: Addr<Listener>,
    pub(crate) census: Arc<Census>,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) limit: Duration,
    /// Within this time all sessions have been told where to go, and finish.
    pub(crate) parting: Duration,
}

impl Shutdown {
    /// Returns when the node has stopped.
    pub(crate) async fn run(&self) {
        self.send_away().await;
        self.node.shutdown().await;
        info!("stopped");
    }

    /// Sends the clients elsewhere; the node itself goes on, without any.
    pub(crate) async fn part(&self) {
        self.send_away().await;
        self.node.take_leave().await;
        info!("this node serves no clients any more");
    }

    /// Returns when this node is to leave its cluster.
    pub(crate) async fn is_to_leave(&self) {
        let id = self.node.id();
        let mut states = self.node.states();
        let has_stopped = states
            .wait_for(|state| state.roster.leaving.contains_key(&id))
            .await
            .is_err();
        if has_stopped {
            // The node has stopped.
            std::future::pending().await
        }
    }

    async fn send_away(&self) {
        self.draining.store(true, Ordering::Relaxed);
        match timeout(FAREWELL, self.node.drain()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the other nodes could not be told that this one is stopping"),
            Err(_elapsed) => warn!("the other nodes did not confirm that this one is stopping"),
        }
        if self.census.all() > 0 {
            self.tell(listener::Drain).await;
            sleep(self.parting + RETURN).await;
        }
        self.tell(listener::Shut).await;
        self.wait_for_sessions().await;
    }

    async fn tell<M>(&self, order: M)
    where
        M: Message<Result = ()> + Copy + Send + 'static,
        Listener: Handler<M>,
    {
        for _ in 0..ORDERS {
            if let Ok(Ok(())) = timeout(FAREWELL, self.listener.send(order)).await {
                return;
            }
        }
        warn!("the listener could not be told that this node is stopping");
    }

    async fn wait_for_sessions(&self) {
        let deadline = Instant::now() + self.limit + GRACE;
        while self.census.all() > 0 {
            if Instant::now() >= deadline {
                warn!(sessions = self.census.all(), "sessions did not finish in time");
                return;
            }
            sleep(COUNT_EVERY).await;
        }
    }
}
