//! Instance profiles, the role in each, and their tags.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::shape::{InstanceProfile, Tag, pairs, profile, tags};
use super::{reach, tag};
use crate::engine::tags::Target;
use crate::engine::{Kind, name, profile as command};
use crate::{Iam, new_id};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
    path: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateInstanceProfileResponse {
    #[shape(required)]
    instance_profile: InstanceProfile,
}

impl Act<Iam> for CreateInstanceProfileRequest {
    type Output = CreateInstanceProfileResponse;
    const ACTION: &'static str = "iam:CreateInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let name = &self.instance_profile_name;
        vec![reach::new(
            &iam.state(),
            Kind::Profile,
            self.path.as_ref(),
            name,
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<CreateInstanceProfileResponse, Fault> {
        let make = command::Create {
            id: new_id(Kind::Profile),
            name: self.instance_profile_name,
            path: self.path.unwrap_or_else(|| "/".to_owned()),
            tags: pairs(self.tags),
        };
        let made = iam.change(make).await?;
        Ok(CreateInstanceProfileResponse {
            instance_profile: profile(&iam.state(), &made),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetInstanceProfileResponse {
    #[shape(required)]
    instance_profile: InstanceProfile,
}

impl Act<Iam> for GetInstanceProfileRequest {
    type Output = GetInstanceProfileResponse;
    const ACTION: &'static str = "iam:GetInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::profile(&iam.state(), &self.instance_profile_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetInstanceProfileResponse, Fault> {
        let state = iam.state();
        let found = state.profile(&self.instance_profile_name)?;
        Ok(GetInstanceProfileResponse {
            instance_profile: profile(&state, found),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
}

impl Act<Iam> for DeleteInstanceProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::profile(&iam.state(), &self.instance_profile_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let profile = self.instance_profile_name;
        iam.change(command::Delete { profile }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListInstanceProfilesRequest {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListInstanceProfilesResponse {
    #[shape(required)]
    instance_profiles: List<InstanceProfile>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListInstanceProfilesRequest {
    type Output = ListInstanceProfilesResponse;
    const ACTION: &'static str = "iam:ListInstanceProfiles";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::all(
            &iam.state(),
            Kind::Profile,
            self.path_prefix.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListInstanceProfilesResponse, Fault> {
        let state = iam.state();
        let prefix = self.path_prefix.unwrap_or_default();
        let found = state.profiles().iter();
        let found = found.filter(|profile| profile.path.starts_with(&prefix));
        let place = |profile: &&Arc<crate::engine::InstanceProfile>| name::folded(&profile.name);
        let page = page(found, place, self.marker.as_ref(), self.max_items)?;
        Ok(ListInstanceProfilesResponse {
            instance_profiles: page
                .items
                .iter()
                .map(|found| profile(&state, found))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListInstanceProfilesForRoleRequest {
    #[shape(required)]
    role_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListInstanceProfilesForRoleResponse {
    #[shape(required)]
    instance_profiles: List<InstanceProfile>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListInstanceProfilesForRoleRequest {
    type Output = ListInstanceProfilesForRoleResponse;
    const ACTION: &'static str = "iam:ListInstanceProfilesForRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<ListInstanceProfilesForRoleResponse, Fault> {
        let state = iam.state();
        let found = state.profiles_of(state.role(&self.role_name)?);
        let place = |profile: &&Arc<crate::engine::InstanceProfile>| name::folded(&profile.name);
        let page = page(found, place, self.marker.as_ref(), self.max_items)?;
        Ok(ListInstanceProfilesForRoleResponse {
            instance_profiles: page
                .items
                .iter()
                .map(|found| profile(&state, found))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AddRoleToInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
    #[shape(required)]
    role_name: String,
}

impl Act<Iam> for AddRoleToInstanceProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:AddRoleToInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let state = iam.state();
        // Source: Service Authorization Reference, IAM: dependent actions.
        let pass = Access {
            action: "iam:PassRole",
            ..reach::role(&state, &self.role_name)
        };
        vec![
            reach::profile(&state, &self.instance_profile_name),
            pass.with("iam:PassedToService", "ec2.amazonaws.com"),
        ]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let add = command::AddRole {
            profile: self.instance_profile_name,
            role: self.role_name,
        };
        iam.change(add).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RemoveRoleFromInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
    #[shape(required)]
    role_name: String,
}

impl Act<Iam> for RemoveRoleFromInstanceProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:RemoveRoleFromInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::profile(&iam.state(), &self.instance_profile_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let remove = command::RemoveRole {
            profile: self.instance_profile_name,
            role: self.role_name,
        };
        iam.change(remove).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

impl Act<Iam> for TagInstanceProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:TagInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::requested(
            reach::profile(&iam.state(), &self.instance_profile_name),
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::add(iam, Target::Profile(self.instance_profile_name), self.tags).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UntagInstanceProfileRequest {
    #[shape(required)]
    instance_profile_name: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

impl Act<Iam> for UntagInstanceProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UntagInstanceProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::untagged(
            reach::profile(&iam.state(), &self.instance_profile_name),
            &self.tag_keys,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::remove(
            iam,
            Target::Profile(self.instance_profile_name),
            self.tag_keys,
        )
        .await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListInstanceProfileTagsRequest {
    #[shape(required)]
    instance_profile_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListInstanceProfileTagsResponse {
    #[shape(required)]
    tags: List<Tag>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListInstanceProfileTagsRequest {
    type Output = ListInstanceProfileTagsResponse;
    const ACTION: &'static str = "iam:ListInstanceProfileTags";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::profile(&iam.state(), &self.instance_profile_name)]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<ListInstanceProfileTagsResponse, Fault> {
        let state = iam.state();
        let all = tags(&state.profile(&self.instance_profile_name)?.tags);
        let page = tag::page_of(all, self.marker.as_ref(), self.max_items)?;
        Ok(ListInstanceProfileTagsResponse {
            tags: List(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}
