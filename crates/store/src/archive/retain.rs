//! What may go: everything that none of the kept bases needs. Objects of other generations are never touched: nobody
//! knows who still writes them.

use super::base_backup::Base;
use super::{Error, Generation, Objects, object};

/// Objects that are removed at a time; the rest goes the next time. Chosen: some seconds of requests.
const REMOVED_MAX: usize = 1000;

/// Removes what belongs to no base of `kept` (oldest first) and does not follow the first; how many objects.
pub(super) fn retire(
    objects: &dyn Objects,
    generation: Generation,
    kept: &[Base],
) -> Result<usize, Error> {
    let Some(oldest) = kept.first() else {
        return Ok(0);
    };
    let list = |folder: String| objects.list(&folder).map_err(Error::store("list", &folder));
    let mut old: Vec<(bool, String)> = Vec::new();
    for name in list(object::base_folder(&generation))? {
        if let Some((position, is_last)) = object::base_in(&generation, &name)
            && position < oldest.position
        {
            old.push((!is_last, name));
        }
    }
    // What says that a base is whole goes first.
    old.sort();
    let mut old: Vec<String> = old.into_iter().map(|(_, name)| name).collect();
    for name in list(object::log_folder(&generation))? {
        if let Some((segment, from)) = object::piece_in(&generation, &name)
            && !kept.iter().any(|base| base.needs(segment, from))
        {
            old.push(name);
        }
    }
    let files = list(object::files_folder(&generation))?;
    let before = files.iter().filter(|name| {
        object::files_in(&generation, name).is_some_and(|taken| taken <= oldest.at())
    });
    let before: Vec<_> = before.cloned().collect();
    old.extend(
        before
            .split_last()
            .into_iter()
            .flat_map(|(_, older)| older.to_vec()),
    );
    old.truncate(REMOVED_MAX);
    for name in &old {
        objects.delete(name).map_err(Error::store("remove", name))?;
    }
    Ok(old.len())
}
