//! What users have on AWS and not here: SSH keys, signing certificates and credentials of single services. Clients that
//! delete a user ask for them first, and hear truly that there are none.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{List, Shape};

use super::reach;
use crate::Iam;

/// The three differ in the name of the empty list alone.
macro_rules! none {
    ($($request:ident: $action:literal, $response:ident by $list:ident;)+) => {$(
        impl Act<Iam> for $request {
            type Output = $response;
            const ACTION: &'static str = $action;

            fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
                vec![reach::user_or_caller(&iam.state(), self.user_name.as_ref(), caller)]
            }

            async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<$response, Fault> {
                let name = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
                iam.state().user(&name)?;
                Ok($response {
                    $list: List::default(),
                    is_truncated: Some(false),
                    marker: None,
                })
            }
        }
    )+};
}

none! {
    ListSSHPublicKeysRequest: "iam:ListSSHPublicKeys", ListSSHPublicKeysResponse by ssh_public_keys;
    ListSigningCertificatesRequest: "iam:ListSigningCertificates", ListSigningCertificatesResponse by certificates;
    ListServiceSpecificCredentialsRequest: "iam:ListServiceSpecificCredentials", ListServiceSpecificCredentialsResponse by service_specific_credentials;
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListSSHPublicKeysRequest {
    user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListSSHPublicKeysResponse {
    #[shape(name = "SSHPublicKeys")]
    ssh_public_keys: List<SSHPublicKeyMetadata>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListSigningCertificatesRequest {
    user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListSigningCertificatesResponse {
    #[shape(required)]
    certificates: List<SigningCertificate>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListServiceSpecificCredentialsRequest {
    user_name: Option<String>,
    service_name: Option<String>,
    all_users: Option<bool>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListServiceSpecificCredentialsResponse {
    service_specific_credentials: List<ServiceSpecificCredentialMetadata>,
    marker: Option<String>,
    is_truncated: Option<bool>,
}

/// An SSH key.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SSHPublicKeyMetadata {
    #[shape(required)]
    user_name: String,
    #[shape(name = "SSHPublicKeyId", required)]
    ssh_public_key_id: String,
    #[shape(required)]
    status: String,
    #[shape(required)]
    upload_date: Timestamp,
}

/// A signing certificate.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SigningCertificate {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    certificate_id: String,
    #[shape(required)]
    certificate_body: String,
    #[shape(required)]
    status: String,
    upload_date: Option<Timestamp>,
}

/// A credential of a single service.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ServiceSpecificCredentialMetadata {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    status: String,
    service_user_name: Option<String>,
    service_credential_alias: Option<String>,
    #[shape(required)]
    create_date: Timestamp,
    expiration_date: Option<Timestamp>,
    #[shape(required)]
    service_specific_credential_id: String,
    #[shape(required)]
    service_name: String,
}
