//! What the readers of nested documents have in common: their bounds, and how they name a place.

use crate::error::Problem;

/// Levels of nesting that a document may have; chosen, the deepest shape of the APIs served here has under 10.
pub(crate) const DEPTH_LIMIT: usize = 64;

/// Items of one list or map; chosen, far beyond what any operation takes.
const ENTRIES_LIMIT: usize = 100_000;

/// Refuses the entry that is one too many.
pub(crate) fn check_count(is_there: bool, count: usize) -> Result<(), Problem> {
    if is_there && count > ENTRIES_LIMIT {
        return Err(Problem::TooMany {
            limit: ENTRIES_LIMIT,
        });
    }
    Ok(())
}

/// `Entries[2]` and `Id` become `Entries[2].Id`.
pub(crate) fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}
