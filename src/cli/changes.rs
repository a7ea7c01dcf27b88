//! Several changes at the admin API: a few at the same time, in an order that is as good as that of the files.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::admin_client::Answered;
use super::failure::Failure;

/// How many changes are under way at the same time. A change waits for the disks of a majority of nodes, and many can
/// share one write.
const AT_ONCE: usize = 16;

/// The results of changes, by their places in the list. None: it was not tried.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) answers: Vec<Option<Answered>>,
    /// Why nothing more was tried.
    pub(super) stopped: Option<Failure>,
}

/// Makes all changes, wave by wave. A refusal stops nothing; not being able to ask does, and so does an answer of 500
/// or more.
pub(super) fn make(
    waves: &[Vec<usize>],
    count: usize,
    change: &(dyn Fn(usize) -> Result<Answered, Failure> + Sync),
) -> Done {
    let answers: Mutex<Vec<Option<Answered>>> = Mutex::new((0..count).map(|_| None).collect());
    let stopped: Mutex<Option<Failure>> = Mutex::new(None);
    let is_stopped = AtomicBool::new(false);
    let one = |index: usize| match change(index) {
        Ok(answer) => {
            let is_over = answer.as_ref().is_err_and(|refusal| refusal.status >= 500);
            is_stopped.fetch_or(is_over, Ordering::Relaxed);
            lock(&answers)[index] = Some(answer);
        }
        Err(failure) => {
            is_stopped.store(true, Ordering::Relaxed);
            lock(&stopped).get_or_insert(failure);
        }
    };
    for wave in waves {
        let next = AtomicUsize::new(0);
        let work = || {
            while !is_stopped.load(Ordering::Relaxed) {
                let Some(index) = wave.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                one(*index);
            }
        };
        std::thread::scope(|scope| {
            // This thread works, too.
            for _ in 1..wave.len().min(AT_ONCE) {
                scope.spawn(work);
            }
            work();
        });
    }
    // Something that stood in the way may have gone meanwhile, as it would have in the order of the files.
    let conflicts: Vec<usize> = lock(&answers)
        .iter()
        .enumerate()
        .filter(|(_, answer)| matches!(answer, Some(Err(refusal)) if refusal.status == 409))
        .map(|(index, _)| index)
        .collect();
    for index in conflicts {
        if !is_stopped.load(Ordering::Relaxed) {
            one(index);
        }
    }
    Done {
        answers: lock(&answers).drain(..).collect(),
        stopped: lock(&stopped).take(),
    }
}

/// Nothing is left half done by a thread that panicked.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::cli::admin_client::AdminRefusal;

    fn refused(status: u16) -> Answered {
        Err(AdminRefusal {
            status,
            why: "no".to_owned(),
        })
    }

    #[test]
    fn a_wave_is_made_by_several_and_waves_one_after_the_other() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let order = Mutex::new(Vec::new());
        let change = |index: usize| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            lock(&order).push(index);
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(Ok(Value::Null))
        };
        let done = make(&[vec![0], (1..100).collect(), vec![100]], 101, &change);
        assert!(done.answers.iter().all(|answer| matches!(answer, Some(Ok(_)))));
        let order = lock(&order);
        assert_eq!((order[0], order[100]), (0, 100));
        let most = most.load(Ordering::SeqCst);
        assert!((2..=AT_ONCE).contains(&most), "{most} at the same time");
    }

    #[test]
    fn what_stood_in_the_way_is_tried_again_at_the_end() {
        let tries = AtomicUsize::new(0);
        let change = |index: usize| match index {
            0 if tries.fetch_add(1, Ordering::SeqCst) == 0 => Ok(refused(409)),
            1 => Ok(refused(400)),
            _ => Ok(Ok(Value::Null)),
        };
        let done = make(&[vec![0, 1, 2]], 3, &change);
        let good: Vec<bool> = done
            .answers
            .iter()
            .map(|answer| matches!(answer, Some(Ok(_))))
            .collect();
        assert_eq!(good, [true, false, true]);
    }

    #[test]
    fn a_gateway_that_is_gone_ends_it_and_says_what_was_not_tried() {
        let gone = |_| Err(Failure::Usage("gone".to_owned()));
        let done = make(&[vec![0], vec![1]], 2, &gone);
        assert!(done.stopped.is_some() && done.answers.iter().all(Option::is_none));
        let done = make(&[vec![0], vec![1]], 2, &|_| Ok(refused(503)));
        assert!(done.answers[0].is_some() && done.answers[1].is_none());
    }
}
