//! EC2's query protocol: forms in, XML out, as others write them.

use base::Timestamp;
use wire::{
    DecodeError, Envelope, Protocol, Shape, decode_request, encode_request, encode_response,
};

use crate::golden::{self, Row};

/// Parts of EC2's DescribeInstances.
#[derive(Debug, PartialEq, Shape)]
struct DescribeInstances {
    #[shape(query = "InstanceId")]
    instance_ids: Vec<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter")]
    filters: Vec<Filter>,
    max_results: Option<i32>,
}

#[derive(Debug, PartialEq, Shape)]
struct Filter {
    name: Option<String>,
    #[shape(query = "Value")]
    values: Vec<String>,
}

#[derive(Debug, PartialEq, Shape)]
struct Instances {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "reservationSet")]
    reservations: Option<Vec<Reservation>>,
}

#[derive(Debug, PartialEq, Shape)]
struct Reservation {
    #[shape(query = "reservationId")]
    reservation_id: String,
    #[shape(query = "ownerId")]
    owner_id: String,
    #[shape(query = "groupSet")]
    groups: Option<Vec<String>>,
    #[shape(query = "instancesSet")]
    instances: Vec<Instance>,
}

/// In the order of EC2's model.
#[derive(Debug, PartialEq, Shape)]
struct Instance {
    #[shape(query = "ebsOptimized")]
    ebs_optimized: bool,
    #[shape(query = "tagSet")]
    tags: Vec<Tag>,
    #[shape(query = "instanceId")]
    instance_id: String,
    #[shape(query = "instanceState")]
    state: State,
    #[shape(query = "launchTime")]
    launch_time: Timestamp,
}

#[derive(Debug, PartialEq, Shape)]
struct State {
    #[shape(query = "code")]
    code: i32,
    #[shape(query = "name")]
    name: String,
}

#[derive(Debug, PartialEq, Shape)]
struct Tag {
    #[shape(query = "key")]
    key: String,
    #[shape(query = "value")]
    value: String,
}

#[derive(Debug, PartialEq, Shape)]
struct CreateTags {
    #[shape(query = "ResourceId")]
    resources: Vec<String>,
    #[shape(query = "Tag")]
    tags: Vec<Tag>,
}

/// Parts of EC2's RunInstances.
#[derive(Debug, PartialEq, Shape)]
struct RunInstances {
    image_id: String,
    max_count: i32,
    min_count: i32,
    #[shape(query = "BlockDeviceMapping")]
    block_device_mappings: Vec<Mapping>,
    #[shape(query = "TagSpecification")]
    tag_specifications: Vec<TagSpecification>,
}

#[derive(Debug, PartialEq, Shape)]
struct Mapping {
    #[shape(query = "deviceName")]
    device_name: String,
    #[shape(query = "ebs")]
    ebs: Ebs,
}

#[derive(Debug, PartialEq, Shape)]
struct Ebs {
    #[shape(query = "volumeSize")]
    volume_size: i32,
    #[shape(query = "deleteOnTermination")]
    delete_on_termination: bool,
}

#[derive(Debug, PartialEq, Shape)]
struct TagSpecification {
    #[shape(query = "resourceType")]
    resource_type: String,
    #[shape(query = "Tag")]
    tags: Vec<Tag>,
}

#[derive(Debug, PartialEq, Shape)]
struct Statuses {
    #[shape(query = "instanceStatusSet")]
    instance_statuses: Option<Vec<State>>,
}

#[derive(Debug, PartialEq, Shape)]
struct Nothing {}

fn decode<S: Shape>(form: &str) -> Result<S, DecodeError> {
    decode_request(Protocol::Ec2Query, form.as_bytes())
}

fn check<I: Shape + PartialEq, O: Shape>(row: &Row) {
    let envelope = Envelope {
        operation: row.name,
        version: "2016-11-15",
        xml_namespace: "http://ec2.amazonaws.com/doc/2016-11-15",
        request_id: "REQUEST",
    };
    assert_eq!(decode::<I>(row.sent), Ok(row.request()), "{}", row.name);
    let form = encode_request(Protocol::Ec2Query, &row.request::<I>(), &envelope);
    let form = String::from_utf8(form).unwrap();
    // Python writes a blank as `+`.
    assert_eq!(form.replace("%20", "+"), row.sent, "{}", row.name);

    let written = encode_response(Protocol::Ec2Query, &row.answer::<O>(), &envelope);
    let written = String::from_utf8(written).unwrap();
    let written = written.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    // EC2 has the request's id at the start, moto at the end; a quotation mark need not be escaped in a text.
    let id = "<requestId>REQUEST</requestId>";
    let (start, end) = row.answered.split_once(id).unwrap();
    let (root, members) = start.split_at(start.find('>').unwrap() + 1);
    let done = if O::SCHEMA.is_output() {
        ""
    } else {
        "<return>true</return>"
    };
    assert_eq!(
        written.unwrap().replace("&quot;", "\""),
        format!("{root}{id}{done}{members}{end}"),
        "{}",
        row.name
    );
}

#[test]
fn requests_and_answers_are_what_others_read_and_write() {
    let rows = golden::rows(include_str!("../golden/ec2.txt"));
    for row in &rows {
        match row.name {
            "DescribeInstances" => check::<DescribeInstances, Instances>(row),
            "CreateTags" => check::<CreateTags, Nothing>(row),
            "RunInstances" => check::<RunInstances, Nothing>(row),
            "DescribeInstanceStatus" => check::<Nothing, Statuses>(row),
            other => panic!("{other}"),
        }
    }
    assert_eq!(rows.len(), 4);
}

#[test]
fn a_list_may_be_one_bare_value_and_items_come_by_number() {
    let ids = |form: &str| decode::<DescribeInstances>(form).map(|read| read.instance_ids);
    assert_eq!(ids("InstanceId=i-1"), Ok(vec!["i-1".to_owned()]));
    let expected = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    assert_eq!(
        ids("InstanceId.10=c&InstanceId.2=b&InstanceId.1=a"),
        Ok(expected)
    );
    assert_eq!(ids("Action=DescribeInstances"), Ok(vec![]));
}

#[test]
fn an_error_says_where_what_and_what_would_be_right() {
    for (form, message) in [
        ("MaxResults=many", "`MaxResults` is not a whole number"),
        ("DryRun=yes", "`DryRun` is not `true` or `false`"),
        (
            "Filter.x.Name=a",
            "`Filter` is not a list: its items are numbered from 1",
        ),
        (
            "Filter.1.Value.1.2=a",
            "`Filter.1.Value.1` is a structure, a text is right",
        ),
        (
            "InstanceId.1=%zz",
            "`InstanceId.1` is not a form: after `%` stand two hexadecimal digits",
        ),
    ] {
        let error = decode::<DescribeInstances>(form).unwrap_err();
        assert_eq!(error.to_string(), message, "{form}");
    }
    let error = decode::<CreateTags>("Tag.1.Key=a").unwrap_err();
    assert_eq!(error.to_string(), "`Tag.1.Value` is missing");
}
