//! The schema carries what the other protocols need, one golden for each.

use std::collections::BTreeMap;

use base::Timestamp;
use wire::{Kind, Location, Member, Shape, Support, TimestampForm};

use crate::shapes::{Entry, Everything};

/// Lambda's Invoke: REST with JSON.
#[derive(Debug, Shape)]
#[shape(name = "InvocationRequest")]
struct RestJson {
    #[shape(uri, required)]
    function_name: String,
    #[shape(header = "X-Amz-Invocation-Type")]
    invocation_type: Option<String>,
    #[shape(querystring)]
    qualifier: Option<String>,
    #[shape(payload, sensitive)]
    payload: Option<wire::Blob>,
    #[shape(statuscode)]
    status_code: Option<i32>,
}

/// Parts of S3's PutObject and Grantee: REST with XML.
#[derive(Debug, Shape)]
struct RestXml {
    #[shape(headers = "x-amz-meta-")]
    metadata: BTreeMap<String, String>,
    #[shape(header = "Last-Modified", timestamp = "http-date")]
    last_modified: Option<Timestamp>,
    #[shape(name = "Type", query = "xsi:type", xml_attribute, required)]
    r#type: String,
    #[shape(query = "Tag", flattened)]
    tag_set: Vec<String>,
}

/// Parts of EC2's DescribeInstances.
#[derive(Debug, Shape)]
struct Ec2 {
    #[shape(query = "InstanceId", item = "InstanceId")]
    instance_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "blockDevice", ec2 = "BlockDeviceMapping")]
    block_devices: Vec<String>,
}

/// CloudWatch over RPC v2 CBOR: names as in the model, moments as tagged epoch seconds.
#[derive(Debug, Shape)]
struct Cbor {
    #[shape(timestamp = "epoch-seconds")]
    start_time: Option<Timestamp>,
    metric_data: Vec<f64>,
}

fn member<S: Shape>(name: &str) -> &'static Member {
    S::SCHEMA
        .member_named(name, 0)
        .map(|(_, member)| member)
        .unwrap()
}

#[test]
fn rest_json_members_have_locations() {
    assert_eq!(RestJson::SCHEMA.name, "InvocationRequest");
    let rows: Vec<_> = RestJson::SCHEMA
        .members
        .iter()
        .map(|m| {
            (
                m.name,
                m.query_name(),
                m.location,
                m.is_required,
                m.is_sensitive,
                m.kind.model_name(),
            )
        })
        .collect();
    let expected = [
        (
            "FunctionName",
            "FunctionName",
            Location::Uri,
            true,
            false,
            "string",
        ),
        (
            "InvocationType",
            "X-Amz-Invocation-Type",
            Location::Header,
            false,
            false,
            "string",
        ),
        (
            "Qualifier",
            "Qualifier",
            Location::QueryString,
            false,
            false,
            "string",
        ),
        ("Payload", "Payload", Location::Payload, false, true, "blob"),
        (
            "StatusCode",
            "StatusCode",
            Location::StatusCode,
            false,
            false,
            "integer",
        ),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn rest_xml_members_have_headers_attributes_and_flat_lists() {
    assert_eq!(member::<RestXml>("Metadata").location, Location::Headers);
    assert_eq!(
        member::<RestXml>("LastModified").timestamp,
        Some(TimestampForm::HttpDate)
    );
    let attribute = member::<RestXml>("Type");
    assert!(attribute.is_xml_attribute);
    assert_eq!(
        (attribute.field, attribute.query_name()),
        ("r#type", "xsi:type")
    );
    assert!(member::<RestXml>("TagSet").is_flattened);
}

#[test]
fn ec2_names_are_their_own_or_the_query_name_with_a_capital() {
    let names: Vec<_> = Ec2::SCHEMA.members.iter().map(Member::ec2_name).collect();
    assert_eq!(names, ["InstanceId", "DryRun", "BlockDeviceMapping"]);
    assert_eq!(member::<Ec2>("InstanceIds").item, "InstanceId");
}

#[test]
fn cbor_members_have_kinds_and_timestamp_forms() {
    assert_eq!(
        member::<Cbor>("StartTime").timestamp,
        Some(TimestampForm::EpochSeconds)
    );
    assert!(matches!(
        member::<Cbor>("MetricData").kind,
        Kind::List(Kind::Double)
    ));
}

#[test]
fn query_and_json_members_have_names_forms_and_support() {
    let tags = member::<Everything>("tags");
    assert_eq!(
        (tags.query_name(), tags.key, tags.value, tags.is_flattened),
        ("Tag", "Key", "Value", true)
    );
    assert!(matches!(tags.kind, Kind::Map(Kind::String)));
    assert_eq!(
        member::<Everything>("WithoutEffect").support,
        Support::Ignored
    );
    assert_eq!(
        member::<Everything>("UnknownHere").support,
        Support::Refused
    );
    assert_eq!(member::<Everything>("QueueUrl").support, Support::Full);
    assert_eq!(member::<Everything>("Large").kind.model_name(), "long");
    assert_eq!(
        member::<Everything>("Anything").kind.model_name(),
        "document"
    );
}

#[test]
fn a_structure_may_hold_itself() {
    let children = member::<Entry>("Children").kind.structure().unwrap();
    assert_eq!(children.name, "Entry");
    assert!(std::ptr::eq(children.members, Entry::SCHEMA.members));
}
