//! Which seats there are, whose they are, and which one is given away when somebody comes and all are taken. Pure.

use std::sync::Arc;

use klamm_raft::model::VclusterName;
use klamm_raft::seats::{AddressBlock, Holding, Shares};

use super::chair::Chair;
use super::queue::Queue;
use crate::authz::Principal;

/// A session that was asked nothing for so long is idle, in milliseconds.
pub(super) const IDLE_MS: u64 = 30_000;

/// Whose a seat is.
#[derive(Debug, Clone)]
pub(super) enum SeatHolder {
    /// A session on which nobody has logged in.
    Stranger(AddressBlock),
    Client(Client),
}

/// Who has logged in, and from where.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) vcluster: VclusterName,
    pub(super) principal: Principal,
    pub(super) from: AddressBlock,
}

/// A seat that somebody has lost.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) chair: Arc<Chair>,
    pub(super) reason: Reason,
}

/// Which seats are given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    NoLogin,
    Idle,
    Busy,
}

/// All seats are taken, the newcomer's own are most of them, and all of those are busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

type Addresses = Shares<AddressBlock, Queue>;
type Principals = Shares<Principal, Addresses>;

#[derive(Debug)]
pub(super) struct Table {
    next: u64,
    max_strangers: usize,
    max_clients: usize,
    strangers: Addresses,
    clients: Shares<VclusterName, Principals>,
}

impl Table {
    pub(super) fn new(max_strangers: usize, max_clients: usize) -> Self {
        Self {
            next: 0,
            max_strangers: max_strangers.max(1),
            max_clients: max_clients.max(1),
            strangers: Shares::default(),
            clients: Shares::default(),
        }
    }

    /// Gives a seat to a connection, if need be the oldest of the address that has most.
    pub(super) fn admit(&mut self, from: AddressBlock) -> (Arc<Chair>, Option<Lost>) {
        let lost = match self.strangers.count() >= self.max_strangers {
            true => self.stranger_to_go(from),
            false => None,
        };
        let chair = Arc::new(Chair::new(self.next));
        self.next += 1;
        self.insert(&SeatHolder::Stranger(from), &chair);
        (chair, lost)
    }

    /// A stranger turns out to be somewhere else, or somebody.
    pub(super) fn moves(&mut self, chair: &Arc<Chair>, from: &SeatHolder, to: &SeatHolder) {
        self.remove(from, chair);
        self.insert(to, chair);
    }

    /// A stranger has logged in, at this time, and gets a seat for good, if need be that of somebody who has more.
    ///
    /// # Errors
    /// Nobody has more, and no session of the newcomer's own is idle.
    pub(super) fn log_in(
        &mut self,
        chair: &Arc<Chair>,
        from: &SeatHolder,
        (client, at_ms): (&Client, u64),
    ) -> Result<Option<Lost>, Full> {
        let lost = match self.clients.count() >= self.max_clients {
            true => Some(self.client_to_go(client, at_ms)?),
            false => None,
        };
        chair.asked(at_ms);
        self.moves(chair, from, &SeatHolder::Client(client.clone()));
        Ok(lost)
    }

    /// A connection has ended. It may have lost its seat before.
    pub(super) fn remove(&mut self, holder: &SeatHolder, chair: &Chair) {
        match holder {
            SeatHolder::Stranger(from) => self.strangers.change(from, |queue| queue.remove(chair)),
            SeatHolder::Client(client) => self.queue(client, |queue| queue.remove(chair)),
        }
    }

    fn insert(&mut self, holder: &SeatHolder, chair: &Arc<Chair>) {
        let chair = Arc::clone(chair);
        match holder {
            SeatHolder::Stranger(from) => self.strangers.change(from, |queue| queue.insert(chair)),
            SeatHolder::Client(client) => self.queue(client, |queue| queue.insert(chair)),
        }
    }

    fn queue<R>(&mut self, client: &Client, change: impl FnOnce(&mut Queue) -> R) -> R {
        self.clients.change(&client.vcluster, |principals| {
            principals.change(&client.principal, |addresses| {
                addresses.change(&client.from, change)
            })
        })
    }

    fn stranger_to_go(&mut self, newcomer: AddressBlock) -> Option<Lost> {
        let from = self.strangers.loser(Some(&newcomer))?;
        let chair = self.strangers.change(&from, |queue| {
            let chair = queue.first()?;
            queue.remove(&chair);
            Some(chair)
        })?;
        Some(Lost {
            chair,
            reason: Reason::NoLogin,
        })
    }

    /// Of the virtual cluster, then the principal, then the address that has most.
    fn client_to_go(&mut self, newcomer: &Client, at_ms: u64) -> Result<Lost, Full> {
        let vcluster = self.clients.loser(Some(&newcomer.vcluster)).ok_or(Full)?;
        let same = (vcluster == newcomer.vcluster).then_some(newcomer);
        self.clients.change(&vcluster, |principals| {
            let principal = principals
                .loser(same.map(|newcomer| &newcomer.principal))
                .ok_or(Full)?;
            let same = same.filter(|newcomer| newcomer.principal == principal);
            principals.change(&principal, |addresses| {
                let from = addresses.loser(same.map(|newcomer| &newcomer.from)).ok_or(Full)?;
                let is_own = same.is_some_and(|newcomer| newcomer.from == from);
                addresses.change(&from, |queue| {
                    let chair = queue.first().ok_or(Full)?;
                    let is_idle = at_ms.saturating_sub(chair.last_asked()) >= IDLE_MS;
                    if is_own && !is_idle {
                        return Err(Full);
                    }
                    queue.remove(&chair);
                    let reason = match is_idle {
                        true => Reason::Idle,
                        false => Reason::Busy,
                    };
                    Ok(Lost { chair, reason })
                })
            })
        })
    }

    /// Seats of those who have not logged in, and of those who have.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.strangers.count(), self.clients.count())
    }
}

#[cfg(test)]
mod tests;
