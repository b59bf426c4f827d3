//! Operations in process, each story through several of them. Expected codes, statuses and texts are those of the API
//! Reference and of the answers that moto's tests record.

mod credentials;
mod errors;
mod identities;
mod last_accessed;
mod policies;

use super::testing::Bench;
