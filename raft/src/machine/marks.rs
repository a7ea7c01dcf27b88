//! Marks of producer ids. All numbers come from one counter, which only goes up.

use crate::model::{ClusterId, Limit, ProducerMark, State, VclusterName, VclusterState};
use crate::outcome::Refusal;

use super::vcluster_mut;

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

/// Checks that there are numbers for so many more marks.
pub(super) fn check(state: &State, many: usize) -> Result<(), Refusal> {
    Ok(state.check(Limit::ProducerMarks, many as u64)?)
}

/// Gives other marks to all virtual clusters whose ids come from `home`, which gives out its ids from the first one on
/// again.
pub(super) fn renew(state: &mut State, home: &ClusterId) -> Result<(), Refusal> {
    let has_ids_of_it =
        |vcluster: &VclusterState| vcluster.mark.as_ref().is_some_and(|mark| mark.of == *home);
    let of_it = state.vclusters.iter().filter(|(_, own)| has_ids_of_it(own));
    let of_it: Vec<VclusterName> = of_it.map(|(name, _)| name.clone()).collect();
    renew_of(state, &of_it, home)
}

/// Gives other marks to these virtual clusters. Those that had none, since ids were written as brokers of `home` gave them out,
/// have one from now on.
pub(super) fn renew_of(
    state: &mut State,
    vclusters: &[VclusterName],
    home: &ClusterId,
) -> Result<(), Refusal> {
    check(state, vclusters.len())?;
    for name in vclusters {
        state.last_mark += 1;
        let number = state.last_mark;
        let vcluster = vcluster_mut(state, name)?;
        let of = vcluster.mark.take().map_or_else(|| home.clone(), |mark| mark.of);
        vcluster.mark = Some(ProducerMark { number, of });
    }
    Ok(())
}
