//! A data directory of a test's own, as commands open it.

use std::sync::Arc;

use base::SystemClock;
use iam::Iam;
use store::seal::MasterKeySource;

use super::inside::Inside;
use super::place::{Here, Place};

pub(super) const ACCOUNT: &str = "123456789012";

/// Identities without a server, and the directory that holds them.
pub(super) fn here() -> (Place, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let account = ACCOUNT.parse().unwrap();
    let clock = Arc::new(SystemClock::new());
    let source = MasterKeySource::BesideTheData;
    let iam = Iam::open(dir.path(), &source, Some(&account), clock).unwrap();
    let inside = Inside::new(Arc::new(iam)).unwrap();
    (Place::Here(Here::new(inside)), dir)
}
