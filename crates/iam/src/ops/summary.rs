//! GetAccountSummary: how much there is of everything, and how much there may be.
//!
//! Source: IAM API Reference, GetAccountSummary.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::policy::Counts;
use super::reach;
use crate::engine::device::Owner;
use crate::engine::{State, quota};
use crate::{Iam, managed};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountSummaryRequest {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountSummaryResponse {
    summary_map: BTreeMap<String, i32>,
}

impl Act<Iam> for GetAccountSummaryRequest {
    type Output = GetAccountSummaryResponse;
    const ACTION: &'static str = "iam:GetAccountSummary";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetAccountSummaryResponse, Fault> {
        let state = iam.state();
        let rows = counted(&state).into_iter().chain(allowed());
        let rows =
            rows.map(|(name, count)| (name.to_owned(), i32::try_from(count).unwrap_or(i32::MAX)));
        let summary_map: BTreeMap<String, i32> = rows.collect();
        Ok(GetAccountSummaryResponse { summary_map })
    }
}

/// What there is.
fn counted(state: &State) -> Vec<(&'static str, usize)> {
    let counts = Counts::of(state);
    let own = state.policies().iter().map(|policy| policy.versions.len());
    let in_use = managed::all().filter(|policy| counts.get(&policy.arn).0 > 0);
    let assigned = state
        .devices()
        .values()
        .filter(|device| device.owner.is_some());
    let root_devices = state.devices_of(&Owner::Root).count();
    vec![
        ("AccountAccessKeysPresent", 0),
        ("AccountMFAEnabled", root_devices.min(1)),
        (
            "AccountPasswordPresent",
            usize::from(state.account().root_password.is_some()),
        ),
        ("AccountSigningCertificatesPresent", 0),
        ("Groups", state.groups().len()),
        ("InstanceProfiles", state.profiles().len()),
        ("MFADevices", state.devices().len()),
        ("MFADevicesInUse", assigned.count()),
        ("Policies", state.policies().len()),
        ("PolicyVersionsInUse", own.sum::<usize>() + in_use.count()),
        ("Providers", 0),
        ("Roles", state.roles().len()),
        ("ServerCertificates", 0),
        ("Users", state.users().len()),
    ]
}

/// What there may be.
fn allowed() -> [(&'static str, usize); 18] {
    [
        ("AccessKeysPerUserQuota", quota::KEYS_PER_USER),
        ("AssumeRolePolicySizeQuota", quota::TRUST_CHARS),
        ("AttachedPoliciesPerGroupQuota", quota::ATTACHED),
        ("AttachedPoliciesPerRoleQuota", quota::ATTACHED),
        ("AttachedPoliciesPerUserQuota", quota::ATTACHED),
        ("GlobalEndpointTokenVersion", 1),
        ("GroupPolicySizeQuota", quota::INLINE_GROUP_CHARS),
        ("GroupsPerUserQuota", quota::GROUPS_PER_USER),
        ("GroupsQuota", quota::GROUPS),
        ("InstanceProfilesQuota", quota::PROFILES),
        ("PoliciesQuota", quota::POLICIES),
        ("PolicySizeQuota", quota::POLICY_CHARS),
        (
            "PolicyVersionsInUseQuota",
            quota::POLICIES * quota::VERSIONS,
        ),
        ("RolePolicySizeQuota", quota::INLINE_ROLE_CHARS),
        ("RolesQuota", quota::ROLES),
        ("UserPolicySizeQuota", quota::INLINE_USER_CHARS),
        ("UsersQuota", quota::USERS),
        ("VersionsPerPolicyQuota", quota::VERSIONS),
    ]
}
