//! What all environments share, and the folder in which they live.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;
use tracing::warn;

use super::cgroup::Tree;
use super::memory::Sampler;
use super::{Account, stray};
use crate::port::Lines;

/// How long environments that end are gathered before it is looked for what they left. Chosen: a look takes some 10 ms, so that it
/// takes at most a tenth of a core however fast functions fail.
const GATHER: Duration = Duration::from_millis(100);

/// What all environments share.
#[derive(Debug)]
pub(crate) struct House {
    /// Where the folders of environments are.
    pub(super) work: PathBuf,
    pub(super) region: String,
    pub(super) endpoint: String,
    pub(super) account: Option<Account>,
    /// How long a start may take.
    pub(super) init_max: Duration,
    pub(super) cgroups: Option<Tree>,
    pub(super) sampler: Arc<Sampler>,
    /// Folders of environments that have ended, in which strays are to be looked for.
    ended: Mutex<Vec<PathBuf>>,
    /// Held by who looks for them.
    looking: tokio::sync::Mutex<()>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lines: Arc<dyn Lines>,
}

impl House {
    /// A house at `work`, after what an earlier process left there has been killed and removed. Blocks.
    pub(crate) fn open(work: PathBuf, house: Furniture) -> std::io::Result<Self> {
        std::fs::create_dir_all(&work)?;
        let work = work.canonicalize()?;
        // Whatever the process masks: functions may run as another user.
        std::fs::set_permissions(&work, std::fs::Permissions::from_mode(0o755))?;
        let house = Self {
            work,
            region: house.region,
            endpoint: house.endpoint,
            account: house.account,
            init_max: house.init_max,
            cgroups: match house.is_bounded_by_kernel {
                true => Tree::of_this_process(),
                false => None,
            },
            sampler: Arc::new(Sampler::default()),
            ended: Mutex::new(Vec::new()),
            looking: tokio::sync::Mutex::new(()),
            clock: house.clock,
            lines: house.lines,
        };
        house.sweep()?;
        Ok(house)
    }

    /// Kills what is left of all environments, and removes their folders. Blocks.
    pub(crate) fn sweep(&self) -> std::io::Result<()> {
        let count = stray::kill(std::slice::from_ref(&self.work));
        if count > 0 {
            warn!(count, "killed what environments of functions left behind");
        }
        for entry in std::fs::read_dir(&self.work)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_id) {
                remove(&entry.path());
            }
        }
        Ok(())
    }

    /// Kills what an environment that has ended left behind, and removes its folder. Environments that end together are looked after
    /// together, since a look goes over all processes of the machine.
    pub(super) async fn clear(&self, folder: PathBuf) {
        self.ended.lock().push(folder.clone());
        let _looking = self.looking.lock().await;
        if !self.ended.lock().contains(&folder) {
            return;
        }
        tokio::time::sleep(GATHER).await;
        let folders = std::mem::take(&mut *self.ended.lock());
        let clearing = tokio::task::spawn_blocking(move || {
            stray::kill(&folders);
            folders.iter().for_each(|folder| remove(folder));
        });
        if let Err(error) = clearing.await {
            warn!(%error, "folders of environments were not removed");
        }
    }

    /// Samples what environments take; to be run beside them.
    pub(crate) async fn watch(self: Arc<Self>) {
        Arc::clone(&self.sampler).run().await;
    }
}

/// What a [`House`] is given.
pub(crate) struct Furniture {
    pub(crate) region: String,
    pub(crate) endpoint: String,
    pub(crate) account: Option<Account>,
    pub(crate) init_max: Duration,
    pub(crate) is_bounded_by_kernel: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lines: Arc<dyn Lines>,
}

/// Whether a folder is one of ours, should somebody have kept something else beside them.
fn is_id(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes the folder of an environment, if it is there.
pub(super) fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        warn!(%error, folder = %folder.display(), "an environment's folder was not removed");
    }
}
