//! Keeps what a node consists of running: a component that panics is started again at once, then ever later; one that the
//! whole node hangs on ends the node. Both are logged and counted. It knows no component's job.

mod component;
mod pace;

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use actix::dev::channel;
use actix::dev::{AsyncContextParts, ContextFut, Supervised};
use actix::prelude::*;
use tokio::task::JoinHandle;
use tracing::error;

use crate::metrics::ComponentMetrics;
pub use component::Component;
use pace::RestartPace;

/// Messages that wait for an actor which has not started yet. It sets a bound of its own then.
const FIRST_MESSAGES: usize = 16;

/// A companion, which runs beside a component for as long as that runs. A panic of it is one of the component.
pub type Companion = Arc<dyn Fn(&Component) -> Pin<Box<dyn Future<Output = Infallible>>> + Send + Sync>;

/// A component that the node hangs on has panicked.
#[derive(Debug, thiserror::Error)]
#[error("{component} panicked: {reason}")]
pub struct Panicked {
    component: Component,
    reason: String,
}

/// Starts components, and starts them again. Clones are one.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    /// The components that have panicked and are not started again yet, and how many of each.
    down: Mutex<BTreeMap<Component, usize>>,
    metrics: ComponentMetrics,
    companion: Option<Companion>,
}

/// Counts a component as down for as long as this is there.
struct Down<'a> {
    shared: &'a Shared,
    component: &'a Component,
}

impl Supervisor {
    pub fn new(metrics: ComponentMetrics) -> Self {
        Self::with(metrics, None)
    }

    /// A supervisor of components that each have company.
    pub fn with(metrics: ComponentMetrics, companion: Option<Companion>) -> Self {
        Self(Arc::new(Shared {
            down: Mutex::default(),
            metrics,
            companion,
        }))
    }

    /// Starts an actor on the current arbiter. After a panic its address leads to the actor that
    /// [`Supervised::restarting`] makes of it, with the messages that waited.
    pub fn start<A>(&self, component: Component, actor: A) -> Addr<A>
    where
        A: Supervised<Context = Context<A>>,
    {
        let future = Context::new().into_future(actor);
        let address = future.address();
        actix_rt::spawn(self.clone().attend(component, future));
        address
    }

    /// Starts an actor on an arbiter.
    pub fn start_on<A>(
        &self,
        arbiter: &ArbiterHandle,
        component: Component,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Addr<A>
    where
        A: Supervised<Context = Context<A>>,
    {
        let (sender, receiver) = channel::channel(FIRST_MESSAGES);
        let supervisor = self.clone();
        // False only when the arbiter has ended, with the node.
        arbiter.spawn_fn(move || {
            let future = Context::with_receiver(receiver).into_future(make());
            actix_rt::spawn(supervisor.attend(component, future));
        });
        Addr::new(sender)
    }

    /// Runs a task on the current arbiter until it ends by itself or is aborted. `start` begins it, also after a panic.
    pub fn keep<F>(&self, component: Component, mut start: impl FnMut() -> F + 'static) -> JoinHandle<()>
    where
        F: Future<Output = ()> + 'static,
    {
        let supervisor = self.clone();
        actix_rt::spawn(async move {
            let mut pace = RestartPace::new(Instant::now());
            while let Err(reason) = supervisor.guard(&component, async { start().await }).await {
                supervisor.pause(&component, &mut pace, &reason).await;
            }
        })
    }

    /// Runs what cannot be started again.
    ///
    /// # Errors
    /// It has panicked, so the node has to end.
    pub async fn run<T>(&self, component: Component, life: impl Future<Output = T>) -> Result<T, Panicked> {
        self.guard(&component, life).await.map_err(|reason| {
            self.0.metrics.panicked(component.kind());
            Panicked { component, reason }
        })
    }

    /// The components that have panicked and are not started again yet.
    pub fn down(&self) -> Vec<Component> {
        self.0.down().keys().cloned().collect()
    }

    /// Whether a component has panicked and is not started again yet.
    pub fn is_down(&self, component: &Component) -> bool {
        self.0.down().contains_key(component)
    }

    /// Runs an actor for as long as somebody has its address.
    async fn attend<A>(self, component: Component, mut future: ContextFut<A, Context<A>>)
    where
        A: Supervised<Context = Context<A>>,
    {
        let mut pace = RestartPace::new(Instant::now());
        while let Err(reason) = self.guard(&component, &mut future).await {
            if !renew(&mut future) {
                return;
            }
            self.pause(&component, &mut pace, &reason).await;
        }
    }

    /// Runs a component; the error is what it says when it panics.
    async fn guard<T>(&self, component: &Component, life: impl Future<Output = T>) -> Result<T, String> {
        self.0.metrics.knows(component.kind());
        let mut companion = self.0.companion.as_ref().map(|companion| companion(component));
        let mut life = pin!(life);
        poll_fn(move |context| {
            let polled = catch_unwind(AssertUnwindSafe(|| {
                if let Some(companion) = &mut companion {
                    match companion.as_mut().poll(context) {
                        Poll::Ready(never) => match never {},
                        Poll::Pending => {}
                    }
                }
                life.as_mut().poll(context)
            }));
            match polled {
                Ok(polled) => polled.map(Ok),
                Err(panic) => Poll::Ready(Err(said(&*panic))),
            }
        })
        .await
    }

    /// Returns when a component that panicked is to be started again.
    async fn pause(&self, component: &Component, pace: &mut RestartPace, reason: &str) {
        let pause = pace.panicked(Instant::now());
        self.0.metrics.panicked(component.kind());
        error!(%component, reason, ?pause, "a component of this node panicked and will be restarted");
        if !pause.is_zero() {
            let _down = Down::new(&self.0, component);
            tokio::time::sleep(pause).await;
        }
    }
}

/// Makes another actor of one that panicked, behind the same address, and drops what that had begun; whether anybody
/// still has the address.
fn renew<A>(future: &mut ContextFut<A, Context<A>>) -> bool
where
    A: Supervised<Context = Context<A>>,
{
    let has_started = future.ctx().parts().started();
    let mut restart = || catch_unwind(AssertUnwindSafe(|| future.restart()));
    // A future that panics when it is dropped is gone the second time.
    let is_wanted = restart().or_else(|_| restart()).unwrap_or(true);
    // The handles of futures begin anew, so those that the old context was about to cancel would be those of new ones. The
    // address that this one knows leads nowhere, which is why clippy.toml forbids to ask for it.
    if has_started {
        *future.ctx() = Context::new();
    }
    is_wanted
}

/// The message of a panic.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it does not say why").to_owned()
}

impl Shared {
    fn down(&self) -> MutexGuard<'_, BTreeMap<Component, usize>> {
        // Whoever panicked here left nothing half done.
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Down<'a> {
    fn new(shared: &'a Shared, component: &'a Component) -> Self {
        *shared.down().entry(component.clone()).or_default() += 1;
        shared.metrics.down(component.kind(), 1);
        Self { shared, component }
    }
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        let mut down = self.shared.down();
        if let Some(count) = down.get_mut(self.component) {
            *count -= 1;
            if *count == 0 {
                down.remove(self.component);
            }
        }
        self.shared.metrics.down(self.component.kind(), -1);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("down", &self.down())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
