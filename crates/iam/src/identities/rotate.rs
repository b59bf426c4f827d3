//! Another master key: the data key is sealed under it, and no secret is touched.

use store::seal::MasterKey;

use super::{Error, Iam, data_key_belongs_to};
use crate::engine::account::SetDataKey;

impl Iam {
    /// Seals the data key under each of `masters`, each of which opens the identities from then on, and no other. Blocks.
    ///
    /// While a master key is replaced, both are given, so that a crash leaves one that opens.
    ///
    /// # Errors
    /// As [`Iam::run`], and when `from` is not the master key that was in use.
    pub fn seal_under(&self, from: &MasterKey, masters: &[&MasterKey]) -> Result<(), Error> {
        let state = self.newest();
        let belongs_to = data_key_belongs_to(state.account_id());
        let opened = state.account().data_key.iter();
        let opened = opened.map(|sealed| from.open(sealed, &belongs_to));
        let text = opened
            .reduce(Result::or)
            .unwrap_or(Err(store::seal::NotOpened));
        let text = text.map_err(|source| Error::Secret {
            whose: "the account".to_owned(),
            source,
        })?;
        let sealed = masters.iter().map(|master| master.seal(&text, &belongs_to));
        self.run(SetDataKey {
            sealed: sealed.collect(),
        })
    }
}
