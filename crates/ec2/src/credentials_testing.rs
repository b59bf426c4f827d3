//! A keeper of credentials for tests, which remembers what it was asked and fails when told to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use base::Timestamp;
use parking_lot::Mutex;

use crate::credentials::{Credentials, Issued, Token, Trouble};
use crate::engine::InstanceId;

#[derive(Debug, Default)]
pub(crate) struct Keeper {
    count: AtomicU64,
    pub(crate) fails: AtomicBool,
    /// The key that an instance has.
    pub(crate) keys: Mutex<BTreeMap<InstanceId, String>>,
    /// The enrolments that hold.
    pub(crate) enrolments: Mutex<BTreeMap<String, Option<InstanceId>>>,
}

impl Keeper {
    fn next(&self, prefix: &str) -> Result<Issued, Trouble> {
        self.check()?;
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        Ok(Issued {
            access_key_id: format!("{prefix}{count}"),
            secret: format!("secret{count}"),
        })
    }

    fn check(&self) -> Result<(), Trouble> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(Trouble {
                what: "told to fail".to_owned(),
            }),
            false => Ok(()),
        }
    }

    pub(crate) fn shared() -> Arc<Self> {
        Arc::default()
    }
}

#[async_trait]
impl Credentials for Keeper {
    async fn issue(&self, instance: &InstanceId) -> Result<Issued, Trouble> {
        let issued = self.next("AKIAAGENT")?;
        let key = issued.access_key_id.clone();
        self.keys.lock().insert(instance.clone(), key);
        Ok(issued)
    }

    async fn revoke(&self, instance: &InstanceId) -> Result<(), Trouble> {
        self.check()?;
        self.keys.lock().remove(instance);
        Ok(())
    }

    async fn enrolment(
        &self,
        instance: Option<&InstanceId>,
        _until: Timestamp,
    ) -> Result<Token, Trouble> {
        let issued = self.next("AKIAJOIN")?;
        let key = issued.access_key_id.clone();
        self.enrolments.lock().insert(key, instance.cloned());
        Ok(Token(issued))
    }

    async fn withdraw(&self, access_key_id: &str) -> Result<(), Trouble> {
        self.check()?;
        self.enrolments.lock().remove(access_key_id);
        Ok(())
    }
}
