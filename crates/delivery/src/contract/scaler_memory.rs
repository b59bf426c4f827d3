//! What every memory of a scaler must do.

use base::Timestamp;

use crate::port::{Memory, Saved, Version};
use crate::scaler::State;

/// Runs the contract of [`Memory`] on one that keeps nothing yet.
///
/// # Panics
/// With the promise that is not kept.
pub async fn scaler_memory(memory: &dyn Memory) {
    let (fresh, nothing) = memory.load().await.expect("load");
    assert_eq!(fresh, State::default(), "where nothing is kept all is new");

    let first = state(1);
    let one = kept(memory, &first, &nothing).await;
    assert_ne!(one, nothing, "what is kept has a version");
    let found = memory.load().await.expect("load");
    assert_eq!(found, (first.clone(), one.clone()), "and is found with it");

    for (behind, why) in [
        (&nothing, "of nothing"),
        (&Version::default(), "of nothing"),
        (
            &Version("\"0123456789abcdef0123456789abcdef\"".to_owned()),
            "of what never was",
        ),
    ] {
        let saved = memory.save(&state(9), behind).await.expect("save");
        assert_eq!(saved, Saved::Overtaken, "in the place {why}");
        let found = memory.load().await.expect("load");
        assert_eq!(found, (first.clone(), one.clone()), "nothing was changed");
    }

    let second = state(2);
    let two = kept(memory, &second, &one).await;
    assert_ne!(two, one, "another state has another version");
    let late = memory.save(&state(3), &one).await.expect("save");
    assert_eq!(late, Saved::Overtaken, "in the place of an old one");
    assert_eq!(
        memory.load().await.expect("load"),
        (second.clone(), two.clone())
    );

    of_many_at_once_one_is_kept(memory, &two).await;
}

async fn of_many_at_once_one_is_kept(memory: &dyn Memory, instead_of: &Version) {
    let states: Vec<State> = (10..18).map(state).collect();
    let saves = states.iter().map(|state| memory.save(state, instead_of));
    let saved = futures_util::future::join_all(saves).await;
    let kept: Vec<_> = saved
        .into_iter()
        .zip(&states)
        .filter_map(|(saved, state)| match saved.expect("save") {
            Saved::Kept(version) => Some((state.clone(), version)),
            Saved::Overtaken => None,
        })
        .collect();
    let found = memory.load().await.expect("load");
    assert_eq!(kept, [found], "one is kept, and the others know it");
}

async fn kept(memory: &dyn Memory, state: &State, instead_of: &Version) -> Version {
    let version = match memory.save(state, instead_of).await.expect("save") {
        Saved::Kept(version) => Some(version),
        Saved::Overtaken => None,
    };
    version.expect("nobody else saved: it is not overtaken")
}

fn state(number: u64) -> State {
    let mut state = State {
        number,
        ..State::default()
    };
    let route = state.route("s2s");
    route.planned_at = Some(Timestamp::from_secs(1_795_410_190 + number));
    route.known = Some((Timestamp::from_secs(1_795_410_190), 0.1));
    state
}
