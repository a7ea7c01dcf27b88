//! Marks of producer ids. All numbers come from one counter, which only goes up.

use std::sync::Arc;

use crate::model::{ClusterId, Limit, ProducerMark, State, VclusterState};
use crate::outcome::Refusal;

/// The mark for the ids of a home: the one that is `known` if it is of that home, else one with the next number.
/// It is not given out before [`give`].
pub(super) fn of_home(
    state: &State,
    known: Option<&ProducerMark>,
    home: &ClusterId,
) -> Result<ProducerMark, Refusal> {
    if let Some(known) = known.filter(|known| known.of == *home) {
        return Ok(known.clone());
    }
    state.check(Limit::ProducerMarks, 1)?;
    Ok(ProducerMark {
        number: state.last_mark + 1,
        of: home.clone(),
    })
}

/// Gives one out: its number is nobody else's from now on.
pub(super) fn give(state: &mut State, mark: ProducerMark) -> ProducerMark {
    state.last_mark = state.last_mark.max(mark.number);
    mark
}

/// Gives other marks to all virtual clusters whose ids come from `home`, which gives out its ids from the first one on
/// again.
pub(super) fn renew(state: &mut State, home: &ClusterId) -> Result<(), Refusal> {
    let has_ids_of_it =
        |vcluster: &VclusterState| vcluster.mark.as_ref().is_some_and(|mark| mark.of == *home);
    let many = state
        .vclusters
        .values()
        .filter(|vcluster| has_ids_of_it(vcluster));
    state.check(Limit::ProducerMarks, many.count() as u64)?;
    let State {
        vclusters, last_mark, ..
    } = state;
    for vcluster in vclusters.values_mut().filter(|vcluster| has_ids_of_it(vcluster)) {
        *last_mark += 1;
        Arc::make_mut(vcluster).mark = Some(ProducerMark {
            number: *last_mark,
            of: home.clone(),
        });
    }
    Ok(())
}
