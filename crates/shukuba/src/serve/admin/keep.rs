//! `backup`: a copy of all that is durable, made while serving.

use std::path::PathBuf;

use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Desk, failed, read, refuse, write};
use crate::app::Usage;
use crate::keep;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// An empty or new directory on this machine.
    to: PathBuf,
    /// Whether the master key goes with it.
    #[serde(default)]
    with_master_key: bool,
}

pub(super) async fn backup(desk: &Desk, input: Bytes) -> Answer {
    let Input {
        to,
        with_master_key,
    } = read(&input)?;
    if !to.is_absolute() {
        return Err(refuse("`to` is not an absolute path"));
    }
    let (dir, queues, buckets) = (desk.dir.clone(), desk.queues.clone(), desk.buckets.clone());
    let watching = desk.watching()?.clone();
    let packages = desk.packages.clone();
    // Nothing may be sealed and dropped from the journal between the copy of the journal and that of the results; what is
    // in both is found twice and counted once.
    let copied = tokio::task::spawn_blocking(move || {
        keep::backup(
            &dir,
            &to,
            queues.journal(),
            &buckets,
            &watching,
            packages,
            with_master_key,
        )
    })
    .await;
    match copied {
        Ok(Ok(report)) => write(&report),
        Ok(Err(error)) if error.is::<Usage>() => Err(refuse(format!("{error:#}"))),
        Ok(Err(error)) => Err(failed("the backup failed", error.as_ref())),
        Err(error) => Err(failed("the backup failed", &error)),
    }
}
