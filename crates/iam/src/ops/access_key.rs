//! Access keys: made with a secret that is shown once, switched on and off, deleted, listed, and their last use.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::{List, Shape};

use super::fault::validation;
use super::page::page;
use super::reach;
use super::shape::{AccessKeyMetadata, shown};
use crate::Iam;
use crate::engine::key::{self, Status};
use crate::engine::{self};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateAccessKeyRequest {
    user_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateAccessKeyResponse {
    #[shape(required)]
    access_key: AccessKey,
}

/// A key with its secret.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccessKey {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    access_key_id: String,
    #[shape(required)]
    status: String,
    #[shape(required, sensitive)]
    secret_access_key: String,
    create_date: Option<Timestamp>,
}

impl Act<Iam> for CreateAccessKeyRequest {
    type Output = CreateAccessKeyResponse;
    const ACTION: &'static str = "iam:CreateAccessKey";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<CreateAccessKeyResponse, Fault> {
        let user_name = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let user = user_name.clone();
        let made = iam.blocking(move |iam| iam.create_key(&user)).await?;
        Ok(CreateAccessKeyResponse {
            access_key: AccessKey {
                user_name,
                access_key_id: made.key.id,
                status: made.key.status.as_str().to_owned(),
                secret_access_key: made.secret.expose().to_owned(),
                create_date: Some(shown(made.key.created)),
            },
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateAccessKeyRequest {
    user_name: Option<String>,
    #[shape(required)]
    access_key_id: String,
    #[shape(required)]
    status: String,
}

impl Act<Iam> for UpdateAccessKeyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UpdateAccessKey";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let status = match self.status.as_str() {
            "Active" => Status::Active,
            "Inactive" => Status::Inactive,
            other => {
                let right = "Member must satisfy enum value set: [Active, Inactive]";
                return Err(validation("status", other, right));
            }
        };
        let switch = key::SetStatus {
            user: reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?,
            key_id: self.access_key_id,
            status,
        };
        iam.change(switch).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteAccessKeyRequest {
    user_name: Option<String>,
    #[shape(required)]
    access_key_id: String,
}

impl Act<Iam> for DeleteAccessKeyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteAccessKey";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let delete = key::Delete {
            user: reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?,
            key_id: self.access_key_id,
        };
        iam.change(delete).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAccessKeysRequest {
    user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAccessKeysResponse {
    #[shape(required)]
    access_key_metadata: List<AccessKeyMetadata>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListAccessKeysRequest {
    type Output = ListAccessKeysResponse;
    const ACTION: &'static str = "iam:ListAccessKeys";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<ListAccessKeysResponse, Fault> {
        let state = iam.state();
        let name = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let user = state.user(&name)?;
        // Oldest first, by a place that a deletion before it does not shift to another page.
        let place = |key: &&engine::AccessKey| format!("{:020}{}", key.created.as_millis(), key.id);
        let page = page(
            user.keys.iter(),
            place,
            self.marker.as_ref(),
            self.max_items,
        )?;
        let metadata = |key: &&engine::AccessKey| AccessKeyMetadata {
            user_name: Some(user.name.clone()),
            access_key_id: Some(key.id.clone()),
            status: Some(key.status.as_str().to_owned()),
            create_date: Some(shown(key.created)),
        };
        Ok(ListAccessKeysResponse {
            access_key_metadata: page.items.iter().map(metadata).collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccessKeyLastUsedRequest {
    #[shape(required)]
    access_key_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccessKeyLastUsedResponse {
    user_name: Option<String>,
    access_key_last_used: Option<AccessKeyLastUsed>,
}

/// When a key was used last, and for what; `N/A` when it never was.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccessKeyLastUsed {
    last_used_date: Option<Timestamp>,
    #[shape(required)]
    service_name: String,
    #[shape(required)]
    region: String,
}

impl Act<Iam> for GetAccessKeyLastUsedRequest {
    type Output = GetAccessKeyLastUsedResponse;
    const ACTION: &'static str = "iam:GetAccessKeyLastUsed";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let state = iam.state();
        vec![match state.key(&self.access_key_id) {
            Some((user, _)) => reach::user(&state, &user.name),
            None => reach::account(&state),
        }]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetAccessKeyLastUsedResponse, Fault> {
        let state = iam.state();
        let key_id = self.access_key_id;
        let (user, _) = state
            .key(&key_id)
            .ok_or_else(|| engine::Error::KeyNotFound {
                key_id: key_id.clone(),
            })?;
        let known = iam.last_use(&key_id);
        let or_nothing = |text: Option<&String>| text.map_or("N/A", String::as_str).to_owned();
        Ok(GetAccessKeyLastUsedResponse {
            user_name: Some(user.name.clone()),
            access_key_last_used: Some(AccessKeyLastUsed {
                last_used_date: known.as_ref().map(|known| shown(known.at)),
                service_name: or_nothing(known.as_ref().map(|known| &known.service)),
                region: or_nothing(known.as_ref().map(|known| &known.region)),
            }),
        })
    }
}
