//! Components that panic: what stays, what is anew, and what is told of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::*;
use crate::metrics::Metrics;

const LONG: Duration = Duration::from_secs(20);

fn supervisor() -> (Supervisor, Metrics) {
    let metrics = Metrics::new().unwrap();
    (Supervisor::new(metrics.components.clone()), metrics)
}

fn component() -> Component {
    Component::Watcher("main".parse().unwrap())
}

/// The value of a metric of watchers.
fn metric(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.encode().unwrap();
    let line = format!("{name}{{component=\"watcher\"}} ");
    let value = text.lines().find_map(|text| text.strip_prefix(&line));
    value.expect("it is told once there is one").parse().unwrap()
}

/// Waits until so many lives have begun.
async fn began(lives: &AtomicUsize, count: usize) {
    let begun = async {
        while lives.load(Ordering::SeqCst) < count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, begun).await.expect("it is started again");
}

/// Counts ticks of a timer, which it begins anew for each message.
#[derive(Default)]
struct Clock {
    lives: Arc<AtomicUsize>,
    ticks: usize,
    timer: SpawnHandle,
    told: usize,
}

#[derive(Message)]
#[rtype(result = "usize")]
enum Order {
    /// Asks which message of this life it is.
    Tell,
    Tick,
    Panic,
    /// Panics in the poll in which a future was cancelled.
    CancelAndPanic,
    /// Is never answered.
    Wait,
}

impl Actor for Clock {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.lives.fetch_add(1, Ordering::SeqCst);
        self.timer = ctx.run_later(Duration::from_millis(20), |clock, _| clock.ticks += 1);
    }
}

impl Supervised for Clock {
    fn restarting(&mut self, _: &mut Self::Context) {
        *self = Self {
            lives: Arc::clone(&self.lives),
            ..Self::default()
        };
    }
}

impl Handler<Order> for Clock {
    type Result = ResponseActFuture<Self, usize>;

    fn handle(&mut self, order: Order, ctx: &mut Self::Context) -> Self::Result {
        self.told += 1;
        match order {
            Order::Tell => Box::pin(fut::ready(self.told)),
            Order::Tick => Box::pin(fut::ready(self.ticks)),
            Order::Panic => panic!("on purpose"),
            Order::CancelAndPanic => {
                ctx.cancel_future(self.timer);
                panic!("on purpose")
            }
            Order::Wait => Box::pin(std::future::pending().into_actor(self)),
        }
    }
}

/// The answer; none when it panics meanwhile.
async fn ask(clock: &Addr<Clock>, order: Order) -> Option<usize> {
    timeout(LONG, clock.send(order)).await.expect("an end").ok()
}

#[actix::test]
async fn an_actor_that_panics_is_another_one_at_the_same_address() {
    let (supervisor, metrics) = supervisor();
    let clock = supervisor.start(component(), Clock::default());
    assert_eq!(ask(&clock, Order::Tell).await, Some(1));
    assert_eq!(metric(&metrics, "klamm_component_panics_total"), 0);
    assert_eq!(ask(&clock, Order::Tell).await, Some(2));
    // One who waits for an answer hears that none comes; a message that waits behind the panic is answered.
    let waits = clock.send(Order::Wait);
    let (waited, panicked, told) = tokio::join!(waits, clock.send(Order::Panic), clock.send(Order::Tell));
    assert!(waited.is_err() && panicked.is_err());
    assert_eq!(told.ok(), Some(1), "it is a new one");
    assert_eq!(metric(&metrics, "klamm_component_panics_total"), 1);
    assert!(supervisor.down().is_empty());
}

#[actix::test]
async fn what_was_about_to_be_cancelled_is_none_of_the_new_one() {
    let (supervisor, _) = supervisor();
    let clock = supervisor.start(component(), Clock::default());
    assert!(ask(&clock, Order::CancelAndPanic).await.is_none());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(ask(&clock, Order::Tick).await, Some(1));
}

#[actix::test]
async fn what_panics_again_and_again_is_down_for_a_while_and_comes_back() {
    let (supervisor, metrics) = supervisor();
    let clock = Clock::default();
    let lives = Arc::clone(&clock.lives);
    let clock = supervisor.start(component(), clock);
    for _ in 0..4 {
        assert!(ask(&clock, Order::Panic).await.is_none());
    }
    // Its message waits for the end of the pause.
    let told = clock.send(Order::Tell);
    assert_eq!(supervisor.down(), [component()]);
    assert_eq!(metric(&metrics, "klamm_components_down"), 1);
    assert_eq!(timeout(LONG, told).await.unwrap().ok(), Some(1));
    assert_eq!(lives.load(Ordering::SeqCst), 5);
    assert!(supervisor.down().is_empty());
    assert_eq!(metric(&metrics, "klamm_components_down"), 0);
    assert_eq!(metric(&metrics, "klamm_component_panics_total"), 4);
}

#[actix::test]
async fn an_actor_of_another_thread_is_kept_there_until_nobody_has_its_address() {
    let (supervisor, metrics) = supervisor();
    let arbiter = Arbiter::new();
    let lives = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lives);
    let clock = supervisor.start_on(&arbiter.handle(), component(), move || Clock {
        lives: counted,
        ..Clock::default()
    });
    assert!(ask(&clock, Order::Panic).await.is_none());
    assert_eq!(ask(&clock, Order::Tell).await, Some(1));
    drop(clock);
    let ended = async {
        while Arc::strong_count(&lives) > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, ended).await.expect("it ends");
    assert_eq!(metric(&metrics, "klamm_component_panics_total"), 1);
}

#[actix::test]
async fn a_task_that_panics_begins_again_and_one_that_ends_has_ended() {
    let (supervisor, metrics) = supervisor();
    let lives = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lives);
    let task = supervisor.keep(component(), move || {
        let life = counted.fetch_add(1, Ordering::SeqCst);
        async move { assert!(life >= 2, "on purpose") }
    });
    timeout(LONG, task).await.expect("it ends").unwrap();
    assert_eq!(lives.load(Ordering::SeqCst), 3);
    assert_eq!(metric(&metrics, "klamm_component_panics_total"), 2);
    assert!(supervisor.down().is_empty());
}

#[actix::test]
async fn a_task_that_is_aborted_while_it_is_down_is_forgotten() {
    let (supervisor, metrics) = supervisor();
    let lives = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lives);
    let task = supervisor.keep(component(), move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { panic!("on purpose") }
    });
    began(&lives, 5).await;
    sleep(Duration::from_millis(20)).await;
    assert_eq!(supervisor.down(), [component()]);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(supervisor.down().is_empty());
    assert_eq!(metric(&metrics, "klamm_components_down"), 0);
}

#[actix::test]
async fn what_cannot_be_started_again_says_why_it_ended() {
    let (supervisor, metrics) = supervisor();
    assert_eq!(supervisor.run(component(), async { 7 }).await.unwrap(), 7);
    let ended = supervisor.run(component(), async { panic!("for the reason {}", 8) });
    let ended: Result<(), Panicked> = ended.await;
    assert_eq!(
        ended.unwrap_err().to_string(),
        "the watcher of the physical cluster main panicked: for the reason 8"
    );
    assert_eq!(metric(&metrics, "klamm_component_panics_total"), 1);
}

#[actix::test]
async fn a_panic_of_its_company_is_one_of_the_component() {
    let metrics = Metrics::new().unwrap();
    let company: Companion = Arc::new(|component| {
        let kind = component.kind();
        Box::pin(async move {
            sleep(Duration::from_millis(50)).await;
            panic!("of the {}", kind.name())
        })
    });
    let supervisor = Supervisor::with(metrics.components.clone(), Some(company));
    let clock = Clock::default();
    let lives = Arc::clone(&clock.lives);
    let clock = supervisor.start(component(), clock);
    began(&lives, 3).await;
    assert!(metric(&metrics, "klamm_component_panics_total") >= 2);
    drop(clock);
}
