//! Links of hosts to private networks, by EC2's own calls: who is meant, and what is done.

pub(crate) mod find;
pub(crate) mod gate;
pub(crate) mod state;
