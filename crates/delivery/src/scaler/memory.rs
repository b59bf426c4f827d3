//! The scaler's state in this process: gone when it ends, as the notifiers are.

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::State;
use crate::port::{Error, Memory, Saved, Version};

/// A [`Memory`] in this process.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<(State, u64)>);

impl Memory for InMemory {
    fn load(&self) -> BoxFuture<'_, Result<(State, Version), Error>> {
        let (state, version) = self.0.lock().clone();
        let version = Version(version.to_string());
        Box::pin(std::future::ready(Ok((state, version))))
    }

    fn save<'a>(
        &'a self,
        state: &'a State,
        instead_of: &'a Version,
    ) -> BoxFuture<'a, Result<Saved, Error>> {
        let mut kept = self.0.lock();
        let saved = match kept.1.to_string() == instead_of.0 {
            true => {
                *kept = (state.clone(), kept.1 + 1);
                Saved::Kept(Version(kept.1.to_string()))
            }
            false => Saved::Overtaken,
        };
        drop(kept);
        Box::pin(std::future::ready(Ok(saved)))
    }
}
