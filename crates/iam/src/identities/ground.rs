//! The identities of a data directory as those see them who verify and decide.

use std::sync::Arc;

use base::Timestamp;
use store::seal::NotOpened;

use super::Iam;
use crate::engine::State;
use crate::ground::Ground;

impl Ground for Iam {
    fn generation(&self) -> u64 {
        self.state().generation()
    }

    fn look(&self) {
        self.follow_or_warn();
    }

    fn state(&self) -> Arc<State> {
        Iam::state(self)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn seal(&self, secret: &str, belongs_to: &str) -> String {
        self.data_key.seal(secret, belongs_to)
    }

    fn open(&self, sealed: &str, belongs_to: &str) -> Result<String, NotOpened> {
        self.data_key.open(sealed, belongs_to)
    }

    fn note_use(&self, whose: &str, service: &str, region: &str) {
        self.note_key_use(whose, service, region);
    }
}
