//! The orders of the node to its sessions: one value per address, watched by all sessions on it, so that no order is
//! lost and none needs a mailbox.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;

use super::end::End;

/// The orders to the sessions of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orders {
    pub mode: SessionMode,
    /// Counts up when sessions should look at once whether their accounts and tokens still exist. Each request looks
    /// anyway.
    pub recheck: u64,
}

/// Whether the sessions of an address go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SessionMode {
    #[default]
    Serve,
    /// Finish what is in flight, then close; not all sessions at once.
    Drain,
    /// Close now.
    Close(End),
}

type Next = Pin<Box<dyn Future<Output = (watch::Receiver<Orders>, bool)>>>;

/// A session's end of it.
pub(super) struct Feed {
    /// Tells without a lock whether there is anything: a busy session asks all the time.
    seen: watch::Receiver<Orders>,
    next: Next,
    /// Whose waker `next` has.
    waker: Option<Waker>,
}

impl Feed {
    /// Starts with the present order, even if nobody changes it.
    pub(super) fn new(mut orders: watch::Receiver<Orders>) -> Self {
        orders.mark_changed();
        Self {
            seen: orders.clone(),
            next: next(orders),
            waker: None,
        }
    }

    /// An order that was not seen yet. When nobody is left to give orders, the last one is to close.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Orders> {
        let will_wake = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if will_wake && self.seen.has_changed().is_ok_and(|is_news| !is_news) {
            return None;
        }
        self.waker = Some(cx.waker().clone());
        match self.next.as_mut().poll(cx) {
            Poll::Pending => None,
            Poll::Ready((_, false)) => {
                self.next = Box::pin(std::future::pending());
                Some(Orders {
                    mode: SessionMode::Close(End::Drained),
                    recheck: 0,
                })
            }
            Poll::Ready((mut orders, true)) => {
                let seen = *orders.borrow_and_update();
                self.next = next(orders);
                self.seen.mark_unchanged();
                // Registers for the next one, which may be there already.
                self.waker = None;
                Some(self.poll(cx).unwrap_or(seen))
            }
        }
    }
}

fn next(mut orders: watch::Receiver<Orders>) -> Next {
    Box::pin(async move {
        let alive = orders.changed().await.is_ok();
        (orders, alive)
    })
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Feed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_order_arrives_and_silence_means_close() {
        let (sender, receiver) = watch::channel(Orders::default());
        let mut feed = Feed::new(receiver);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(feed.poll(&mut cx), Some(Orders::default()));
        assert_eq!(feed.poll(&mut cx), None);

        sender.send_modify(|orders| orders.recheck = 1);
        sender.send_modify(|orders| orders.mode = SessionMode::Drain);
        let latest = Orders {
            mode: SessionMode::Drain,
            recheck: 1,
        };
        assert_eq!(feed.poll(&mut cx), Some(latest));
        assert_eq!(feed.poll(&mut cx), None);

        drop(sender);
        assert_eq!(feed.poll(&mut cx).unwrap().mode, SessionMode::Close(End::Drained));
        assert_eq!(feed.poll(&mut cx), None);
    }
}
