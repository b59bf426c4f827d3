//! When keys and passwords were used last: collected in memory, kept now and then.
//!
//! Every signed call is a use; keeping each would cost a sync a call. AWS itself is exact to fifteen minutes.

use std::collections::HashMap;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;

use super::{Error, Iam};
use crate::engine::state::Use;
use crate::engine::{self, Decided, Event, State};

/// A use that is so much later than the one before is kept. As exact as AWS.
const APART: Duration = Duration::from_secs(15 * 60);
/// The most uses that wait to be kept: those of all keys and users.
const PENDING_LIMIT: usize = 20_000;

/// Uses that wait to be kept.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<String, Use>>);

/// Keeps uses.
struct Keep(HashMap<String, Use>);

impl engine::Command for Keep {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let is_known = |whose: &str| {
            let is_id = |id: &engine::Id| id.as_str() == whose;
            state.key(whose).is_some()
                || state.users().iter().any(|user| is_id(&user.id))
                || state.roles().iter().any(|role| is_id(&role.id))
                || whose == ROOT
        };
        let is_newer =
            |whose: &str, how: &Use| state.last_use(whose).is_none_or(|known| known.at < how.at);
        let events = self.0.into_iter();
        let events = events.filter(|(whose, how)| is_known(whose) && is_newer(whose, how));
        Ok((
            events
                .map(|(whose, how)| Event::Used { whose, how })
                .collect(),
            (),
        ))
    }
}

/// Under what the uses of root are kept.
pub const ROOT: &str = "root";

impl Iam {
    /// Hears that a key was used for `service` in `region`. Costs next to nothing; [`Iam::keep_uses`] keeps it.
    pub fn note_key_use(&self, key_id: &str, service: &str, region: &str) {
        let at = self.clock.now();
        self.note(key_id, at, || Use {
            at,
            service: service.to_owned(),
            region: region.to_owned(),
        });
    }

    /// Hears that somebody signed in: a user or role by its unique id, or [`ROOT`].
    pub fn note_sign_in(&self, whose: &str) {
        let at = self.clock.now();
        self.note(whose, at, || Use {
            at,
            service: String::new(),
            region: String::new(),
        });
    }

    fn note(&self, whose: &str, at: Timestamp, make: impl FnOnce() -> Use) {
        let state = self.log.state();
        let is_recent = |known: &Use| at.since(known.at) < APART;
        if state.last_use(whose).is_some_and(is_recent) {
            return;
        }
        let mut pending = self.uses.0.lock();
        if pending.get(whose).is_some_and(is_recent) {
            return;
        }
        if pending.len() < PENDING_LIMIT {
            pending.insert(whose.to_owned(), make());
        }
    }

    /// When something was used last, uses that wait to be kept included.
    #[must_use]
    pub fn last_use(&self, whose: &str) -> Option<Use> {
        let pending = self.uses.0.lock().get(whose).cloned();
        pending.or_else(|| self.state().last_use(whose).cloned())
    }

    /// Keeps the uses that wait, and who did what last. Called every minute or so, and at the end. Blocks.
    ///
    /// # Errors
    /// When the log or the file cannot be written; then they wait on.
    pub fn keep_uses(&self) -> Result<(), Error> {
        self.accesses.keep(&self.state())?;
        let waiting = std::mem::take(&mut *self.uses.0.lock());
        if waiting.is_empty() {
            return Ok(());
        }
        let kept = self.run(Keep(waiting.clone()));
        if kept.is_err() {
            let mut pending = self.uses.0.lock();
            for (whose, how) in waiting {
                pending.entry(whose).or_insert(how);
            }
        }
        kept
    }
}
