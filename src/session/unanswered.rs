//! Requests of a client that is gone before a broker has answered them: the broker may still carry them out. So somebody is on the way
//! until it has answered, and requests are not switched to another physical cluster meanwhile.

use std::future::poll_fn;
use std::sync::Arc;

use super::Session;
use super::end::End;
use super::switching::FINISH;

impl Session {
    /// Has the lane of a session that ends wait for the changes that the broker owes, and not for ever.
    pub(super) fn outlast(&mut self, end: End) {
        let owed = self.pipeline.owed_changes();
        // Who ends while requests are switched has waited; and a broker whose answer stopped halfway has carried the request out, and
        // begins no other before that answer is taken.
        let is_over = matches!(end, End::Switching | End::UpstreamStalled);
        if owed == 0 || is_over || !self.upstream.is_open() {
            return;
        }
        let (mut upstream, purse) = (self.upstream.take(), Arc::clone(&self.purse));
        actix_rt::spawn(async move {
            let answers = async {
                for _ in 0..owed {
                    let answer = poll_fn(|cx| upstream.poll_answer(cx, &purse.responses)).await;
                    // On a lane that is lost nothing more is answered.
                    if answer.is_err() {
                        return;
                    }
                }
            };
            drop(tokio::time::timeout(FINISH, answers).await);
            drop(upstream);
        });
    }
}
