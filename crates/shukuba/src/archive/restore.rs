//! A data directory made of an archive, on which a server starts.

use std::path::Path;

use anyhow::Context;
use base::Timestamp;
use serde::Serialize;
use store::archive::{self, Generation, Objects, Parent, Wanted};
use store::disk::RealDisk;

use super::files;
use super::memory::Memory;
use crate::app::usage;
use crate::check::{self, Stretch};
use crate::config::Store;
use crate::keep;

/// Which log, and how much of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Which {
    /// Default: the newest with a whole base.
    pub(crate) generation: Option<Generation>,
    pub(crate) wanted: Wanted,
}

/// What was restored.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) generation: String,
    pub(crate) account: String,
    pub(crate) host: String,
    /// The snapshot that it begins with.
    pub(crate) base_at: String,
    /// The last record of the log. What was acknowledged later is lost.
    pub(crate) last_record_at: String,
    pub(crate) end: String,
    pub(crate) files_of: String,
    pub(crate) objects: u64,
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
    /// What was missing or damaged behind the end.
    pub(crate) left_out: Option<String>,
}

/// Whether the folder `from` holds an archive; a backup is another thing.
pub(crate) fn is_archive(from: &Path) -> bool {
    from.join("generations").is_dir()
}

/// Makes `to`, which must be empty or new. What was made is removed when that fails.
pub(crate) fn restore(
    objects: &dyn Objects,
    which: Which,
    to: &Path,
    store: &Store,
) -> anyhow::Result<Report> {
    let generation = choose(objects, which.generation)?;
    let is_new = !to.exists();
    keep::make_empty(to)?;
    let made = make(objects, generation, which.wanted, to, store);
    if made.is_err()
        && let Err(error) = keep::remove_made(to, is_new)
    {
        tracing::warn!(to = %to.display(), %error, "what was restored was not removed");
    }
    made
}

/// The generation that was named, else the newest that can be restored.
fn choose(objects: &dyn Objects, named: Option<Generation>) -> anyhow::Result<Generation> {
    if let Some(generation) = named {
        let begun = archive::begun(objects, &generation)?;
        anyhow::ensure!(begun.is_some(), "there is no generation {generation}");
        return Ok(generation);
    }
    let all = archive::generations(objects)?;
    if all.is_empty() {
        return Err(usage(
            "no archive is there: no object lies below `generations/`",
        ));
    }
    for generation in all.iter().rev() {
        if !archive::bases(objects, *generation)?.is_empty() {
            return Ok(*generation);
        }
        tracing::warn!(%generation, "passed over: it holds no whole base yet");
    }
    anyhow::bail!(
        "none of {} generations holds a whole base: nothing can be restored",
        all.len()
    )
}

fn make(
    objects: &dyn Objects,
    generation: Generation,
    wanted: Wanted,
    to: &Path,
    store: &Store,
) -> anyhow::Result<Report> {
    let begun = archive::begun(objects, &generation)?;
    let begun = begun.context("the generation has gone")?;
    let until = wanted.until;
    let files = archive::files(objects, generation, until)?;
    let (taken, bytes) =
        files.context("the archive holds no account: it has no files of that time")?;
    let journal = to.join("journal");
    let disk = RealDisk::at(&journal)?;
    let restored = archive::restore(objects, generation, wanted, &disk)?;
    let found = store::check::check(&disk).context("cannot read what was restored")?;
    anyhow::ensure!(
        found.is_sound(),
        "what was restored is not sound: {:?}, {:?}",
        found.damage.first(),
        found.beyond_repair
    );
    files::unpack(&bytes, to)?;
    let memory = Memory {
        generation: None,
        parent: Some(Parent {
            generation: generation.to_string(),
            position: Some(restored.end.get()),
        }),
    };
    memory.write(to)?;
    // The ledger says for ever what is not known, instead of balancing without it.
    let unknown = Stretch {
        from: restored.end.get(),
        to: restored.resumes.get(),
    };
    check::book(&journal, store, &[unknown])?;
    Ok(Report {
        generation: generation.to_string(),
        account: begun.account,
        host: begun.host,
        base_at: restored.base.at().rfc3339(),
        last_record_at: told(restored.last_at),
        end: restored.end.to_string(),
        files_of: taken.rfc3339(),
        objects: restored.objects,
        segments: restored.segments,
        bytes: restored.bytes.get(),
        left_out: restored.left_out,
    })
}

fn told(at: Timestamp) -> String {
    match at == Timestamp::EPOCH {
        true => "none".to_owned(),
        false => at.rfc3339(),
    }
}
