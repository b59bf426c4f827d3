//! Who may sign and who may do what, as the door asks it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::{Recorder, Service};
use base::{AccountId, Region};
use gateway::Admin;
use iam::Iam;
use iam::accesses::Noting;
use iam::authorizer::Authorizer;
use iam::ground::Ground;
use iam::session::Keys;
use iam::signin::SignIn;
use tokio::sync::watch;

use super::console::Console;
use super::watching::Watching;
use crate::account;
use crate::config::Server;

/// How often noted uses of keys are kept. Chosen: a kill forgets a minute of them.
const KEEP_USES_EVERY: Duration = Duration::from_secs(60);

/// The identities of the data directory and those who ask them.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    pub(super) iam: Arc<Iam>,
    pub(super) keys: Arc<Keys>,
    pub(super) authorizer: Arc<Authorizer>,
}

impl Identities {
    pub(super) fn open(dir: &Path, server: &Server, region: &Region) -> anyhow::Result<Self> {
        let iam = Arc::new(account::open_or_make(dir, server)?);
        let ground: Arc<dyn Ground> = iam.clone();
        Ok(Self {
            keys: Arc::new(Keys::new(ground.clone(), region)),
            authorizer: Arc::new(Authorizer::new(ground)),
            iam,
        })
    }

    /// The account whose identities these are.
    pub(super) fn account(&self) -> AccountId {
        self.iam.account_id()
    }

    /// What the door offers of them.
    pub(super) fn services(&self) -> Vec<Arc<dyn Service>> {
        vec![
            iam::ops::service(self.iam.clone()),
            iam::sts::service(self.iam.clone()),
            iam::analyzer::service(self.iam.clone()),
        ]
    }

    /// The pages for people; `desk` does what operators may, `watching` is what they look at.
    pub(super) fn console(&self, desk: Arc<dyn Admin>, watching: Watching) -> Console {
        let sign_in = SignIn::new(self.iam.clone(), self.keys.clone(), self.authorizer.clone());
        Console::new(
            sign_in,
            self.authorizer.clone(),
            desk,
            self.account(),
            watching,
        )
    }

    /// Notes who did what last, before `next` takes the record.
    pub(super) fn noting(&self, next: Arc<dyn Recorder>) -> Arc<dyn Recorder> {
        Arc::new(Noting::new(self.iam.clone(), next))
    }

    /// Keeps now and then, and at the end, when keys were used.
    pub(super) fn keep_uses(
        &self,
        mut stop: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + use<> {
        let iam = self.iam.clone();
        async move {
            loop {
                let stopped = stop.wait_for(|is_stopping| *is_stopping);
                let is_last = tokio::time::timeout(KEEP_USES_EVERY, stopped).await.is_ok();
                let iam = iam.clone();
                let kept = tokio::task::spawn_blocking(move || iam.keep_uses()).await;
                if let Ok(Err(error)) = kept {
                    tracing::warn!(%error, "when keys were used is not kept yet");
                }
                if is_last {
                    return;
                }
            }
        }
    }
}
