//! ARNs of resources that cannot be right, and variables where there are none.

use super::Checker;
use crate::document::codes::{
    ARN_ACCOUNT_NOT_ALLOWED, ARN_REGION_NOT_ALLOWED, INVALID_ARN_ACCOUNT, INVALID_ARN_SERVICE_CASE,
    MISSING_ARN_REGION, VARIABLE_UNSUPPORTED_IN_VERSION,
};
use crate::document::draft::{DraftStatement, Version, Written};

/// Services whose resources have no region.
const GLOBAL: &[&str] = &["iam", "s3", "cloudfront", "route53", "organizations"];

/// Services that this platform speaks and whose resources have one.
const REGIONAL: &[&str] = &[
    "sqs",
    "sns",
    "lambda",
    "logs",
    "cloudwatch",
    "cloudtrail",
    "ec2",
    "events",
    "dynamodb",
];

impl Checker {
    pub(super) fn resources(&mut self, statement: &DraftStatement) {
        for resource in statement
            .resources
            .iter()
            .flat_map(|resources| &resources.values)
        {
            self.resource(resource);
        }
    }

    fn resource(&mut self, resource: &Written) {
        let fields = resource.text.splitn(6, ':').collect::<Vec<_>>();
        let [_, _, service, region, account, name] = fields.as_slice() else {
            return;
        };
        let at = || vec![resource.at.clone()];
        if service.contains(|c: char| c.is_ascii_uppercase()) {
            let details =
                "Update the service name in the resource ARN to use all lowercase letters.";
            self.add(INVALID_ARN_SERVICE_CASE, at(), details);
        }
        let is_access_point = *service == "s3" && name.starts_with("accesspoint/");
        if GLOBAL.contains(service) && !is_access_point && !region.is_empty() && *region != "*" {
            let details = format!(
                "The service {service} does not support specifying a Region in the resource ARN."
            );
            self.add(ARN_REGION_NOT_ALLOWED, at(), details);
        }
        if REGIONAL.contains(service) && region.is_empty() {
            self.add(
                MISSING_ARN_REGION,
                at(),
                format!("Add a Region to the {service} resource ARN."),
            );
        }
        if *service == "s3" && !is_access_point && !account.is_empty() && *account != "*" {
            let details =
                "The service s3 does not support specifying an account ID in the resource ARN.";
            self.add(ARN_ACCOUNT_NOT_ALLOWED, at(), details);
        } else if !is_account(account) {
            let details = format!(
                "The resource ARN account ID {account} is not valid. Provide a 12-digit account ID."
            );
            self.add(INVALID_ARN_ACCOUNT, at(), details);
        }
    }

    /// Under the old version, variables are plain text, which is hardly what was meant.
    pub(super) fn variables(&mut self, statement: &DraftStatement, version: Version) {
        if version == Version::New {
            return;
        }
        let resources = statement
            .resources
            .iter()
            .flat_map(|resources| &resources.values);
        let conditions = statement
            .conditions
            .iter()
            .filter(|condition| condition.operator.takes_variables());
        let written = resources.chain(conditions.flat_map(|condition| &condition.values));
        for written in written.filter(|written| written.text.contains("${")) {
            let details =
                "To include variables in your policy, use the policy version 2012-10-17 or later.";
            self.add(
                VARIABLE_UNSUPPORTED_IN_VERSION,
                vec![written.at.clone()],
                details,
            );
        }
    }
}

/// 12 digits, nothing, `aws` (AWS's own managed policies), or a pattern that may fit one.
fn is_account(text: &str) -> bool {
    let is_pattern = text.contains(['*', '?', '$']);
    let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.is_empty() || text == "aws" || is_pattern || is_id
}
