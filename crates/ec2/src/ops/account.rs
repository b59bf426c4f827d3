//! DescribeAccountAttributes: hosts are outside, as in EC2-Classic, or inside networks, of which none is the default.

use api::Fault;
use wire::{List, Shape};

use super::fault;
use super::reach::operations;
use crate::Instances;
use crate::engine::inventory::INSTANCES_MAX;
use crate::engine::network::place::INSTANCE_GROUPS_MAX;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeAccountAttributesRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "attributeName", item = "attributeName")]
    attribute_names: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeAccountAttributesResult {
    #[shape(query = "accountAttributeSet", item = "item")]
    account_attributes: List<AccountAttribute>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccountAttribute {
    #[shape(query = "attributeName")]
    attribute_name: Option<String>,
    #[shape(query = "attributeValueSet", item = "item")]
    attribute_values: List<AccountAttributeValue>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccountAttributeValue {
    #[shape(query = "attributeValue")]
    attribute_value: Option<String>,
}

operations! {
    DescribeAccountAttributesRequest: "ec2:DescribeAccountAttributes", DescribeAccountAttributesResult, describe;
}

async fn describe(
    request: DescribeAccountAttributesRequest,
    _instances: &Instances,
) -> Result<DescribeAccountAttributesResult, Fault> {
    // Source: DescribeAccountAttributes.
    let known = [
        (
            "supported-platforms",
            vec!["EC2".to_owned(), "VPC".to_owned()],
        ),
        ("default-vpc", vec!["none".to_owned()]),
        ("max-instances", vec![INSTANCES_MAX.to_string()]),
        (
            "vpc-max-security-groups-per-interface",
            vec![INSTANCE_GROUPS_MAX.to_string()],
        ),
        ("max-elastic-ips", vec!["0".to_owned()]),
        ("vpc-max-elastic-ips", vec!["0".to_owned()]),
    ];
    let names = &request.attribute_names;
    let is_known = |name: &&String| known.iter().any(|(known, _)| known == name);
    if let Some(other) = names.iter().find(|name| !is_known(name)) {
        return Err(fault::invalid_value(format!(
            "Value ({other}) for parameter attributeName is invalid. Unknown attribute."
        )));
    }
    let is_meant = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let meant = known.into_iter().filter(|(name, _)| is_meant(name));
    let all = meant.map(|(name, values)| AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: List(
            values
                .into_iter()
                .map(AccountAttributeValue::from)
                .collect(),
        ),
    });
    Ok(DescribeAccountAttributesResult {
        account_attributes: all.collect(),
    })
}

impl From<String> for AccountAttributeValue {
    fn from(value: String) -> Self {
        Self {
            attribute_value: Some(value),
        }
    }
}
