//! Logins for which somebody else vouches: the keys of a provider of tokens, or the broker, to which the client's own
//! messages are relayed.

use std::sync::Arc;

use klamm_raft::model::ProviderName;

use super::Session;
use super::end::End;
use super::login::wall_clock;
use super::pause::Pause;
use super::pipeline::RequestHead;
use super::serve::destination;
use crate::auth::{BrokerAnswer, KeyNeed, ToBroker, Turn};
use crate::backend::Lane;
use crate::chain::Chain;

/// The broker's answer to a message, and the lane that it went over.
type Relayed = Result<(Lane, BrokerAnswer), End>;

impl Session {
    /// A token is to be judged by these keys.
    pub(super) fn need_keys(
        &mut self,
        provider: ProviderName,
        need: KeyNeed,
        head: RequestHead,
    ) -> Result<(), End> {
        if need == KeyNeed::AsTheyAre {
            return self.have_keys(need, head);
        }
        let looked = self.setup.shared.keys.look_again(&provider);
        let limit = self.setup.shared.limits.need_timeout;
        // Late or not, the token is judged by the keys that are there then.
        self.pauses.requests = Some(Pause::within(limit, looked, (), move |session, ()| {
            session.have_keys(KeyNeed::Fresher, head)
        }));
        Ok(())
    }

    /// The keys are as fresh as was asked for.
    fn have_keys(&mut self, need: KeyNeed, head: RequestHead) -> Result<(), End> {
        let directory = self.setup.door.view.load().directory.clone();
        let ring = self.setup.shared.keys.ring();
        let turn = self.conversation.with_keys(&directory, &ring, need, wall_clock());
        self.on_turn(turn, directory, head)
    }

    /// The broker is to judge a message of the client. It waits until the broker owes nothing.
    pub(super) fn relay(&mut self, to_broker: ToBroker, head: RequestHead) {
        self.deferred = Some((to_broker, head));
    }

    /// Relays what waits for that, once nothing else is in flight.
    pub(super) fn relay_deferred(&mut self) -> Result<(), End> {
        if !self.is_quiet() {
            return Ok(());
        }
        let Some((to_broker, head)) = self.deferred.take() else {
            return Ok(());
        };
        let view = self.setup.door.view.load();
        if view.route.is_fenced {
            return Err(End::Switching);
        }
        let destination = destination(&view, self.setup.door.place).ok_or(End::UpstreamUnavailable)?;
        let lane = self.upstream.take_own(&destination)?;
        let complaints = Arc::clone(&self.setup.shared.complaints);
        self.pauses.requests = Some(Pause::until(
            async move {
                let mut lane = lane.await?;
                match lane.relay(&to_broker).await {
                    Ok(answer) => Ok((lane, answer)),
                    Err(error) => {
                        let what = "a client's login could not be relayed";
                        complaints.of_upstream(destination, what, Chain(&error));
                        Err(End::UpstreamLost)
                    }
                }
            },
            move |session, relayed| session.relayed(relayed, head),
        ));
        Ok(())
    }

    /// The broker has answered.
    fn relayed(&mut self, relayed: Relayed, head: RequestHead) -> Result<(), End> {
        let (lane, answer) = relayed?;
        let directory = self.setup.door.view.load().directory.clone();
        let turn = self.conversation.relayed(answer, &directory, wall_clock());
        // A broker that refuses closes its side; the session still has to say so.
        if !matches!(turn, Turn::Refused { .. }) {
            self.upstream.give_own(lane);
        }
        self.on_turn(turn, directory, head)
    }
}
