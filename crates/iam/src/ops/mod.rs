//! The operations of IAM on the wire: requests, answers, what they touch, how they are recorded, what they do.
//!
//! One file a noun. To add an operation: its shapes and an [`impl Act`](api::Act) for its request, and a line in [`OPERATIONS`].
//! Decoder, encoder, trail and the comparison with the service model follow from the shapes.
//!
//! Shapes follow the service model of 2010-05-08 as botocore carries it.

mod access_key;
mod alias;
mod attached;
mod boundary;
mod credential_report;
mod details;
mod device;
mod fault;
mod group;
mod inline;
mod last_accessed;
mod login_profile;
mod none;
mod page;
mod password_policy;
mod policy;
mod policy_version;
mod profile;
mod qr;
mod reach;
mod role;
mod shape;
mod simulate;
mod summary;
mod tag;
mod user;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use wire::Protocol;

use crate::Iam;

/// What the gateway routes to IAM by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "iam",
    json_target: None,
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: Some("2010-05-08"),
    query_protocol: Protocol::Query,
    xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    error_namespace: "com.amazonaws.iam",
    is_query_compatible: false,
    query_url_member: None,
    is_global: true,
};

/// A line for each operation.
macro_rules! operations {
    ($($request:ty,)+) => {
        /// All operations that are spoken, in the order of names.
        pub static OPERATIONS: &[&dyn AnyOperation<Iam>] = &[$(&Op::<$request>::NEW,)+];

        #[cfg(test)]
        static GOLDEN: &[golden::Check] = &[$(golden::check::<$request>,)+];
    };
}

operations! {
    profile::AddRoleToInstanceProfileRequest,
    group::AddUserToGroupRequest,
    attached::AttachGroupPolicyRequest,
    attached::AttachRolePolicyRequest,
    attached::AttachUserPolicyRequest,
    login_profile::ChangePasswordRequest,
    access_key::CreateAccessKeyRequest,
    alias::CreateAccountAliasRequest,
    group::CreateGroupRequest,
    profile::CreateInstanceProfileRequest,
    login_profile::CreateLoginProfileRequest,
    policy::CreatePolicyRequest,
    policy_version::CreatePolicyVersionRequest,
    role::CreateRoleRequest,
    user::CreateUserRequest,
    device::CreateVirtualMFADeviceRequest,
    device::DeactivateMFADeviceRequest,
    access_key::DeleteAccessKeyRequest,
    alias::DeleteAccountAliasRequest,
    password_policy::DeleteAccountPasswordPolicyRequest,
    group::DeleteGroupRequest,
    inline::DeleteGroupPolicyRequest,
    profile::DeleteInstanceProfileRequest,
    login_profile::DeleteLoginProfileRequest,
    policy::DeletePolicyRequest,
    policy_version::DeletePolicyVersionRequest,
    role::DeleteRoleRequest,
    boundary::DeleteRolePermissionsBoundaryRequest,
    inline::DeleteRolePolicyRequest,
    user::DeleteUserRequest,
    boundary::DeleteUserPermissionsBoundaryRequest,
    inline::DeleteUserPolicyRequest,
    device::DeleteVirtualMFADeviceRequest,
    attached::DetachGroupPolicyRequest,
    attached::DetachRolePolicyRequest,
    attached::DetachUserPolicyRequest,
    device::EnableMFADeviceRequest,
    credential_report::GenerateCredentialReportRequest,
    last_accessed::GenerateServiceLastAccessedDetailsRequest,
    access_key::GetAccessKeyLastUsedRequest,
    details::GetAccountAuthorizationDetailsRequest,
    password_policy::GetAccountPasswordPolicyRequest,
    summary::GetAccountSummaryRequest,
    simulate::GetContextKeysForCustomPolicyRequest,
    simulate::GetContextKeysForPrincipalPolicyRequest,
    credential_report::GetCredentialReportRequest,
    group::GetGroupRequest,
    inline::GetGroupPolicyRequest,
    profile::GetInstanceProfileRequest,
    login_profile::GetLoginProfileRequest,
    device::GetMFADeviceRequest,
    policy::GetPolicyRequest,
    policy_version::GetPolicyVersionRequest,
    role::GetRoleRequest,
    inline::GetRolePolicyRequest,
    last_accessed::GetServiceLastAccessedDetailsRequest,
    last_accessed::GetServiceLastAccessedDetailsWithEntitiesRequest,
    user::GetUserRequest,
    inline::GetUserPolicyRequest,
    access_key::ListAccessKeysRequest,
    alias::ListAccountAliasesRequest,
    attached::ListAttachedGroupPoliciesRequest,
    attached::ListAttachedRolePoliciesRequest,
    attached::ListAttachedUserPoliciesRequest,
    policy::ListEntitiesForPolicyRequest,
    inline::ListGroupPoliciesRequest,
    group::ListGroupsRequest,
    group::ListGroupsForUserRequest,
    profile::ListInstanceProfileTagsRequest,
    profile::ListInstanceProfilesRequest,
    profile::ListInstanceProfilesForRoleRequest,
    device::ListMFADeviceTagsRequest,
    device::ListMFADevicesRequest,
    policy::ListPoliciesRequest,
    last_accessed::ListPoliciesGrantingServiceAccessRequest,
    policy::ListPolicyTagsRequest,
    policy_version::ListPolicyVersionsRequest,
    inline::ListRolePoliciesRequest,
    role::ListRoleTagsRequest,
    role::ListRolesRequest,
    none::ListSSHPublicKeysRequest,
    none::ListServiceSpecificCredentialsRequest,
    none::ListSigningCertificatesRequest,
    inline::ListUserPoliciesRequest,
    user::ListUserTagsRequest,
    user::ListUsersRequest,
    device::ListVirtualMFADevicesRequest,
    inline::PutGroupPolicyRequest,
    boundary::PutRolePermissionsBoundaryRequest,
    inline::PutRolePolicyRequest,
    boundary::PutUserPermissionsBoundaryRequest,
    inline::PutUserPolicyRequest,
    profile::RemoveRoleFromInstanceProfileRequest,
    group::RemoveUserFromGroupRequest,
    device::ResyncMFADeviceRequest,
    policy_version::SetDefaultPolicyVersionRequest,
    simulate::SimulateCustomPolicyRequest,
    simulate::SimulatePrincipalPolicyRequest,
    profile::TagInstanceProfileRequest,
    device::TagMFADeviceRequest,
    policy::TagPolicyRequest,
    role::TagRoleRequest,
    user::TagUserRequest,
    profile::UntagInstanceProfileRequest,
    device::UntagMFADeviceRequest,
    policy::UntagPolicyRequest,
    role::UntagRoleRequest,
    user::UntagUserRequest,
    access_key::UpdateAccessKeyRequest,
    password_policy::UpdateAccountPasswordPolicyRequest,
    role::UpdateAssumeRolePolicyRequest,
    group::UpdateGroupRequest,
    login_profile::UpdateLoginProfileRequest,
    role::UpdateRoleRequest,
    role::UpdateRoleDescriptionRequest,
    user::UpdateUserRequest,
}

/// The service for the gateway.
#[must_use]
pub fn service(iam: Arc<Iam>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, iam, OPERATIONS))
}

/// The name, request and answer of every operation, in the order of names.
pub fn schemas() -> impl Iterator<Item = api::Shapes> {
    api::operation::shapes(OPERATIONS)
}
