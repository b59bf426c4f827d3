//! The file of checks that the server gives agents by role, read again when it changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use watch::check::config::Settings;

/// The checks of `[watch]`.
#[derive(Debug, Default)]
pub(in crate::serve) struct Definitions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    path: Option<PathBuf>,
    changed: Option<SystemTime>,
    settings: Arc<Settings>,
}

impl Definitions {
    /// What the file at `path` says now. Where it is wrong, what held before holds on, and the log says what is wrong.
    pub(in crate::serve) fn now(&self, path: Option<&PathBuf>) -> Arc<Settings> {
        let mut known = self.0.lock();
        let Some(path) = path else {
            *known = Known::default();
            return known.settings.clone();
        };
        let changed = std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok();
        let is_known = known.path.as_ref() == Some(path) && known.changed == changed;
        if !is_known {
            match Settings::read(path) {
                Ok(settings) => known.settings = Arc::new(settings),
                Err(error) => tracing::error!(%error, "the checks are wrong; the old ones hold on"),
            }
            known.path = Some(path.clone());
            known.changed = changed;
        }
        known.settings.clone()
    }
}
