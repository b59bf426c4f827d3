//! What enforces a network's rules at its gateway.
//!
//! A guard is given whole filters. It replaces the old one by the new one at once or, where it cannot, leaves the old one in
//! place and says why: between the two there is no moment without rules.

use std::sync::Arc;

use async_trait::async_trait;
use net::Filter;

use crate::packet::PacketFilter;

/// A filter was not put in place; the one before still holds.
#[derive(Debug, thiserror::Error)]
#[error("the network's rules were not put in place: {reason}")]
pub struct Refused {
    /// Why, in the words of who refused.
    pub reason: String,
}

/// Enforces the rules of a network.
#[async_trait]
pub trait Guard: std::fmt::Debug + Send {
    /// Puts `filter` in place of the one before, at once and whole.
    ///
    /// # Errors
    /// [`Refused`] when it is not in place; then the one before is.
    async fn apply(&mut self, filter: &Filter) -> Result<(), Refused>;

    /// What it has refused since it was made. Of packets that make no sense the flow is not told.
    async fn refused(&mut self) -> net::refusal::Refused;

    /// What looks at the packets in this process, if that is how it works.
    fn packets(&self) -> Option<Arc<dyn PacketFilter>>;
}
