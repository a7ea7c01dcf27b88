//! Clients that create and delete service accounts through all nodes, and write down what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::history::{History, Look, Operation, Told, Wish};
use crate::world::{Admin, World};

/// Between two changes of one client.
const PAUSE: Duration = Duration::from_millis(20);

/// Every n-th account is deleted again.
const DELETE_EVERY: usize = 3;

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

/// Starts `writers` clients.
pub(crate) fn start(world: &World, history: &History, writers: usize) -> Running {
    let stop = Arc::new(AtomicBool::new(false));
    let start = |writer: usize| {
        let (admins, history, stop) = (world.admins(), history.clone(), Arc::clone(&stop));
        std::thread::spawn(move || write(writer, &admins, &history, &stop))
    };
    let writers = (0..writers).map(start).collect();
    Running { stop, writers }
}

impl Running {
    /// Returns when every client has ended its last change.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            // A writer that panicked has written down what it did.
            drop(writer.join());
        }
    }
}

fn write(writer: usize, admins: &[Admin], history: &History, stop: &AtomicBool) {
    let mut turn = writer;
    for number in 0_usize.. {
        let account = format!("w{writer}-{number}");
        let wishes = if number % DELETE_EVERY == 0 {
            &[Wish::Create, Wish::Delete][..]
        } else {
            &[Wish::Create]
        };
        for &wish in wishes {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            turn += 1;
            let told = admins[turn % admins.len()].change(&account, wish);
            history.add(Operation {
                account: account.clone(),
                wish,
                told,
            });
            if told != Told::Acknowledged {
                break;
            }
            // Another node than the one that acknowledged it.
            if let Some(is_there) = admins[(turn + 1) % admins.len()].shows(&account) {
                history.looked(Look {
                    account: account.clone(),
                    wish,
                    is_there,
                });
            }
            std::thread::sleep(PAUSE);
        }
    }
}
