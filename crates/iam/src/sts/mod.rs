//! STS on the wire: who calls, and temporary credentials.
//!
//! To add an operation: its shapes and what it does, and a line in [`OPERATIONS`]. Shapes follow the service model of
//! 2011-06-15 as botocore carries it. Web identities and SAML are not taken: nobody here speaks for them.
//!
//! - [`identity`]: GetCallerIdentity, GetAccessKeyInfo, DecodeAuthorizationMessage
//! - [`session_token`]: GetSessionToken; [`assume_role`]: AssumeRole; [`federation`]: GetFederationToken
//! - [`give`]: what they have in common

pub(crate) mod assume_role;
mod federation;
mod give;
mod identity;
mod session_token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use wire::Protocol;

use crate::Iam;

/// What the gateway routes to STS by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "sts",
    json_target: None,
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: Some("2011-06-15"),
    query_protocol: Protocol::Query,
    xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    error_namespace: "com.amazonaws.sts",
    is_query_compatible: false,
    query_url_member: None,
    // Its oldest endpoint has no region, the others have.
    is_global: true,
};

/// All operations that are spoken, in the order of names.
pub static OPERATIONS: &[&dyn AnyOperation<Iam>] = &[
    &Op::<assume_role::Request>::NEW,
    &Op::<identity::DecodeAuthorizationMessageRequest>::NEW,
    &Op::<identity::GetAccessKeyInfoRequest>::NEW,
    &Op::<identity::GetCallerIdentityRequest>::NEW,
    &Op::<federation::GetFederationTokenRequest>::NEW,
    &Op::<session_token::GetSessionTokenRequest>::NEW,
];

/// The service for the gateway.
#[must_use]
pub fn service(iam: Arc<Iam>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, iam, OPERATIONS))
}
