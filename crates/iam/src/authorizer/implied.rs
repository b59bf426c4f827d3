//! What holds without a policy: actions that need none, and limits that none lifts.

use api::{Caller, Principal, SessionKind};

/// Why billing is closed.
pub const BILLING_IS_CLOSED: &str = "because access of IAM to billing is not activated: the account's root or an administrator activates it";

/// The permissions that see or change the bill.
const BILLING: [&str; 7] = [
    "aws-portal",
    "billing",
    "ce",
    "consolidatedbilling",
    "cur",
    "payments",
    "tax",
];

/// The switch itself, for which the switch does not count.
const BILLING_SWITCH: [&str; 2] = [
    "billing:GetIAMAccessPreference",
    "billing:UpdateIAMAccessPreference",
];

/// Whether `caller` may do `action` whatever policies say.
///
/// Source: STS API Reference, GetCallerIdentity ("No permissions are required … you can perform it even when an explicit deny
/// is in place") and GetSessionToken ("No permissions are required for users to perform this operation").
#[must_use]
pub fn is_open(caller: &Caller, action: &str) -> bool {
    let is = |name: &str| action.eq_ignore_ascii_case(name);
    if is("sts:GetCallerIdentity") {
        return !caller.is_anonymous();
    }
    is("sts:GetSessionToken")
        && caller.session.is_none()
        && matches!(caller.principal, Principal::User { .. } | Principal::Root)
}

/// Why the credentials of `caller` are not enough for `action`, whatever policies say.
///
/// Source: IAM User Guide, "Compare AWS STS credentials".
#[must_use]
pub fn refusal(caller: &Caller, action: &str) -> Option<&'static str> {
    let session = caller.session.as_ref()?;
    let (service, name) = action.split_once(':')?;
    match (session.kind, service) {
        (SessionKind::Token, "iam") if session.mfa.is_none() => Some(
            "because credentials of GetSessionToken without MFA cannot call IAM: give SerialNumber and TokenCode for them",
        ),
        (SessionKind::Token, "sts") if name != "AssumeRole" => Some(
            "because credentials of GetSessionToken can call nothing of STS but AssumeRole and GetCallerIdentity",
        ),
        (SessionKind::Federation, "iam") => {
            Some("because credentials of GetFederationToken cannot call IAM")
        }
        (SessionKind::Federation, "sts") => Some(
            "because credentials of GetFederationToken can call nothing of STS but GetCallerIdentity",
        ),
        (SessionKind::Role, "sts") if name == "GetFederationToken" || name == "GetSessionToken" => {
            Some(
                "because credentials of AssumeRole can call neither GetFederationToken nor GetSessionToken",
            )
        }
        _ => None,
    }
}

/// Whether an action sees or changes the bill.
#[must_use]
pub fn is_of_billing(action: &str) -> bool {
    let service = action
        .split_once(':')
        .map_or(action, |(service, _)| service);
    let among =
        |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    among(&BILLING, service) && !among(&BILLING_SWITCH, action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_of_billing_is_not_behind_itself() {
        for (action, expected) in [
            ("aws-portal:ViewBilling", true),
            ("Aws-Portal:viewbilling", true),
            ("billing:GetBillingData", true),
            ("ce:GetCostAndUsage", true),
            ("billing:UpdateIAMAccessPreference", false),
            ("sqs:SendMessage", false),
        ] {
            assert_eq!(is_of_billing(action), expected, "{action}");
        }
    }
}
