//! The credentials of agents: a user each under `/agents/`, who may report and put metrics and nothing else; and
//! enrolments, users who may only join, for a while.

use std::sync::Arc;

use async_trait::async_trait;
use base::Timestamp;
use ec2::credentials::{Credentials, Issued, Token, Trouble};
use ec2::engine::InstanceId;
use iam::Iam;
use iam::engine::grant::{DeleteInline, Holder, PutInline};
use iam::engine::{self, Kind, key, user};
use iam::identities::new_id;
use serde_json::json;

/// The path of these users.
pub(super) const PATH: &str = "/agents/";
/// The inline policy that each has.
const POLICY: &str = "agent";

/// Gives agents users and keys.
#[derive(Debug)]
pub(super) struct AgentKeys(pub(super) Arc<Iam>);

#[async_trait]
impl Credentials for AgentKeys {
    async fn issue(&self, instance: &InstanceId) -> Result<Issued, Trouble> {
        let name = user_name(instance);
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "shukuba:SyncAgent", "Resource": "*"},
            {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"},
        ]});
        self.blocking(move |iam| {
            remove(iam, &name)?;
            make(iam, &name, &policy.to_string())
        })
        .await
    }

    async fn revoke(&self, instance: &InstanceId) -> Result<(), Trouble> {
        let name = user_name(instance);
        self.blocking(move |iam| remove(iam, &name)).await
    }

    async fn enrolment(
        &self,
        instance: Option<&InstanceId>,
        until: Timestamp,
    ) -> Result<Token, Trouble> {
        let name = match instance {
            Some(instance) => format!("join-{instance}"),
            None => format!("join-{}", base::id::aws_id("", 8)),
        };
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "shukuba:JoinAgent", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": until.rfc3339_secs()}},
        }]});
        self.blocking(move |iam| {
            remove(iam, &name)?;
            make(iam, &name, &policy.to_string()).map(Token)
        })
        .await
    }

    async fn withdraw(&self, access_key_id: &str) -> Result<(), Trouble> {
        let key_id = access_key_id.to_owned();
        self.blocking(move |iam| {
            let state = iam.newest();
            let has_it = |user: &&Arc<engine::User>| user.keys.iter().any(|key| key.id == key_id);
            let owner = state
                .users()
                .iter()
                .filter(|user| user.path == PATH)
                .find(has_it);
            match owner {
                Some(user) => remove(iam, &user.name),
                None => Ok(()),
            }
        })
        .await
    }
}

impl AgentKeys {
    /// Identities are read and written where a thread may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Iam) -> Result<T, iam::Error> + Send + 'static,
    ) -> Result<T, Trouble> {
        let iam = self.0.clone();
        let done = tokio::task::spawn_blocking(move || work(&iam)).await;
        let trouble = |what: String| Trouble { what };
        done.map_err(|error| trouble(error.to_string()))?
            .map_err(|error| trouble(format!("{:#}", anyhow::Error::new(error))))
    }
}

fn user_name(instance: &InstanceId) -> String {
    format!("agent-{instance}")
}

/// A user with one policy and one key.
fn make(iam: &Iam, name: &str, document: &str) -> Result<Issued, iam::Error> {
    iam.run(user::Create {
        id: new_id(Kind::User),
        name: name.to_owned(),
        path: PATH.to_owned(),
        boundary: None,
        tags: Vec::new(),
    })?;
    iam.run(PutInline {
        holder: Holder::User(name.to_owned()),
        name: POLICY.to_owned(),
        document: document.to_owned(),
    })?;
    let key = iam.create_key(name)?;
    Ok(Issued {
        access_key_id: key.key.id.clone(),
        secret: key.secret.expose().to_owned(),
    })
}

/// Removes a user of ours with all that it has, if it is there.
fn remove(iam: &Iam, name: &str) -> Result<(), iam::Error> {
    let state = iam.newest();
    let Ok(found) = state.user(name) else {
        return Ok(());
    };
    if found.path != PATH {
        // Somebody else's user: it is as if ours was not there.
        let refused = engine::Error::NotFound {
            kind: Kind::User,
            name: format!("{PATH}{name}"),
        };
        return Err(refused.into());
    }
    for key in &found.keys {
        iam.run(key::Delete {
            user: name.to_owned(),
            key_id: key.id.clone(),
        })?;
    }
    if found.grants.inline.contains_key(POLICY) {
        iam.run(DeleteInline {
            holder: Holder::User(name.to_owned()),
            name: POLICY.to_owned(),
        })?;
    }
    iam.run(user::Delete {
        user: name.to_owned(),
    })
    .map(|_| ())
}
