//! Costly steps of one thread, one at a time and with what else there is to do in between. It knows no TLS.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Those who have a costly step to make on one thread.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turns {
    /// Makes the step when it is its turn. Before the next one's, the thread looks at its sockets: however many wait here, a
    /// session's request waits for one of them.
    pub(super) async fn make<T>(&self, step: impl FnOnce() -> T) -> T {
        // It is never closed; without a turn, the step would only come early.
        let turn = self.0.acquire().await.ok();
        let made = step();
        tokio::task::yield_now().await;
        drop(turn);
        made
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;
    use std::rc::Rc;

    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;
    use tokio::task::LocalSet;

    use super::*;

    const STEPS: usize = 100;

    /// The thread of sessions is one like this: what is ready runs before sockets are looked at.
    #[tokio::test(flavor = "current_thread")]
    async fn a_request_that_comes_meanwhile_waits_for_one_step_and_not_for_all() {
        let (mut client, session) = std::os::unix::net::UnixStream::pair().unwrap();
        session.set_nonblocking(true).unwrap();
        let mut session = UnixStream::from_std(session).unwrap();
        let (turns, made) = (Turns::default(), Rc::new(Cell::new(0)));
        let thread = LocalSet::new();
        let seen = Rc::clone(&made);
        let served = thread.spawn_local(async move {
            session.read_u8().await.unwrap();
            seen.get()
        });
        // The session waits for its socket when the first step is made, and the request comes with that step.
        thread.run_until(tokio::task::yield_now()).await;
        let (own, count) = (turns.clone(), Rc::clone(&made));
        thread.spawn_local(async move {
            let step = || {
                count.set(count.get() + 1);
                client.write_all(b"!").unwrap();
            };
            own.make(step).await;
        });
        for _ in 1..STEPS {
            let (own, count) = (turns.clone(), Rc::clone(&made));
            thread.spawn_local(async move { own.make(|| count.set(count.get() + 1)).await });
        }
        let before = thread.run_until(served).await.unwrap();
        assert!(
            before <= 3,
            "{before} steps were made before the request was seen"
        );
        thread.await;
        assert_eq!(made.get(), STEPS, "and all are made");
    }
}
