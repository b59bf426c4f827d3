//! What both functions stand on: the settings and the account, loaded once when the environment begins.

use std::path::{Path, PathBuf};

use anyhow::Context;
use aws::Account;

use super::{needed, variable};
use crate::app::{App, Global, usage};
use crate::config::Config;
use crate::output::Format;
use crate::secrets::OwnSecrets;

/// In the place of a data directory: nothing can lie below it.
const NO_DATA: &str = "/dev/null";

/// The settings, and who calls.
#[derive(Debug)]
pub(super) struct Ground {
    app: App,
    pub(super) config: Config,
    pub(super) account: Account,
}

impl Ground {
    /// Loads the settings and the account.
    pub(super) async fn load() -> anyhow::Result<Self> {
        let account = Account::load().await?;
        account
            .check()
            .await
            .map_err(|error| usage(error.to_string()))?;
        let place = needed(
            "SHUKUBA_CONFIG",
            "the settings, a path in the package or `s3://bucket/key`",
        )?;
        let app = App::new(Global {
            data: Some(NO_DATA.into()),
            config: Some(file(&account, &place).await?),
            output: Format::Json,
        });
        let loaded = app
            .config_to_serve()
            .with_context(|| format!("the settings `{place}`"))?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(Self {
            app,
            config: loaded.config,
            account,
        })
    }

    /// The secrets that the settings name.
    pub(super) fn secrets(&self) -> OwnSecrets {
        self.app.secrets()
    }
}

/// The settings as a file: that of the package, or one made of the object.
async fn file(account: &Account, place: &str) -> anyhow::Result<PathBuf> {
    if !place.contains("://") {
        let root = variable("LAMBDA_TASK_ROOT").unwrap_or_default();
        return Ok(Path::new(&root).join(place));
    }
    let bytes = aws::read_object(account, place).await?;
    let file = std::env::temp_dir().join(format!("shukuba-{}.toml", std::process::id()));
    std::fs::write(&file, &bytes).with_context(|| format!("cannot write `{}`", file.display()))?;
    Ok(file)
}
