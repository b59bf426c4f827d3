//! Selectors by the examples of AWS's guide and by what must hold.

use proptest::prelude::*;

use super::*;

fn event<'a>(class: Class, source: &'a str, name: &'a str, is_read_only: bool) -> Facets<'a> {
    Facets {
        class,
        source: source.into(),
        name,
        kind: "AwsApiCall",
        is_read_only,
        user: "arn:aws:iam::123456789012:user/alice",
        is_signed_in: false,
        resources: Vec::new(),
    }
}

fn on<'a>(name: &'a str, is_read_only: bool, kind: &'static str, arn: &str) -> Facets<'a> {
    let service = match kind {
        "AWS::SQS::Queue" => "sqs.amazonaws.com",
        "AWS::Lambda::Function" => "lambda.amazonaws.com",
        _ => "s3.amazonaws.com",
    };
    Facets {
        resources: vec![(Some(kind), arn.to_owned())],
        ..event(Class::Data, service, name, is_read_only)
    }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn equals(field: &str, values: &[&str]) -> FieldSelector {
    FieldSelector {
        field: field.to_owned(),
        equals: texts(values),
        ..FieldSelector::default()
    }
}

fn data_on_queues(more: Vec<FieldSelector>) -> Selectors {
    let mut fields = vec![
        equals("eventCategory", &["Data"]),
        equals("resources.type", &["AWS::SQS::Queue"]),
    ];
    fields.extend(more);
    Selectors::Advanced(vec![Advanced { name: None, fields }])
}

#[test]
fn by_default_all_management_events_are_wanted_and_no_data_events() {
    let selectors = Selectors::default();
    assert_eq!(selectors.check(), Ok(()));
    assert!(selectors.want(&event(
        Class::Management,
        "sqs.amazonaws.com",
        "ListQueues",
        true
    )));
    assert!(selectors.want(&event(
        Class::Management,
        "iam.amazonaws.com",
        "CreateUser",
        false
    )));
    assert!(!selectors.want(&on(
        "PutObject",
        false,
        "AWS::S3::Object",
        "arn:aws:s3:::b/k"
    )));
    assert!(!selectors.want_data());
}

/// Source: API Reference, PutEventSelectors: a trail that wants only writing calls logs RunInstances, not GetConsoleOutput.
#[test]
fn write_only_leaves_reading_calls_out() {
    let selectors = Selectors::Basic(vec![Basic {
        read_write: ReadWrite::WriteOnly,
        ..Basic::default()
    }]);
    assert!(selectors.want(&event(
        Class::Management,
        "ec2.amazonaws.com",
        "RunInstances",
        false
    )));
    assert!(!selectors.want(&event(
        Class::Management,
        "ec2.amazonaws.com",
        "GetConsoleOutput",
        true
    )));
}

#[test]
fn objects_are_named_by_the_beginning_of_their_arn_and_functions_exactly() {
    let check = |kind: &str, value: &str, of: &'static str, arn: &str, expected: bool| {
        let selectors = Selectors::Basic(vec![Basic {
            data: vec![DataResource {
                kind: kind.to_owned(),
                values: texts(&[value]),
            }],
            ..Basic::default()
        }]);
        assert_eq!(selectors.check(), Ok(()), "{value}");
        assert_eq!(
            selectors.want(&on("X", false, of, arn)),
            expected,
            "{value} {arn}"
        );
    };
    let (s3, lambda) = ("AWS::S3::Object", "AWS::Lambda::Function");
    check(s3, "arn:aws:s3", s3, "arn:aws:s3:::b/k", true);
    check(s3, "arn:aws:s3:::", s3, "arn:aws:s3:::b/k", true);
    check(s3, "arn:aws:s3:::b/", s3, "arn:aws:s3:::b/k", true);
    check(
        s3,
        "arn:aws:s3:::b/",
        "AWS::S3::Bucket",
        "arn:aws:s3:::b",
        true,
    );
    check(s3, "arn:aws:s3:::b/", s3, "arn:aws:s3:::bb/k", false);
    check(
        s3,
        "arn:aws:s3:::b/example-images",
        s3,
        "arn:aws:s3:::b/example-images/1",
        true,
    );
    check(
        s3,
        "arn:aws:s3:::b/example-images",
        s3,
        "arn:aws:s3:::b/other",
        false,
    );
    let function = "arn:aws:lambda:us-west-2:111111111111:function:helloworld";
    check(lambda, function, lambda, function, true);
    check(lambda, function, lambda, &format!("{function}2"), false);
    check(lambda, "arn:aws:lambda", lambda, function, true);
    check(
        lambda,
        "arn:aws:lambda",
        "AWS::SQS::Queue",
        "arn:aws:sqs:eu-west-1:1:q",
        false,
    );
}

#[test]
fn an_advanced_selector_takes_data_events_of_queues() {
    let queue = "arn:aws:sqs:eu-west-1:123456789012:s2s";
    let all = data_on_queues(vec![]);
    assert_eq!(all.check(), Ok(()));
    assert!(all.want_data());
    assert!(all.want(&on("SendMessage", false, "AWS::SQS::Queue", queue)));
    assert!(!all.want(&event(
        Class::Management,
        "sqs.amazonaws.com",
        "CreateQueue",
        false
    )));
    let writes = data_on_queues(vec![equals("readOnly", &["false"])]);
    assert!(writes.want(&on("SendMessage", false, "AWS::SQS::Queue", queue)));
    assert!(!writes.want(&on("ReceiveMessage", true, "AWS::SQS::Queue", queue)));
    let one = data_on_queues(vec![equals("resources.ARN", &[queue])]);
    assert!(one.want(&on("SendMessage", false, "AWS::SQS::Queue", queue)));
    assert!(!one.want(&on(
        "SendMessage",
        false,
        "AWS::SQS::Queue",
        "arn:aws:sqs:eu-west-1:123456789012:s2s2"
    )));
}

/// Source: user guide, "How CloudTrail evaluates multiple conditions for a field".
#[test]
fn operators_that_select_are_alternatives_and_those_that_deselect_all_hold() {
    let names = FieldSelector {
        field: "eventName".to_owned(),
        equals: texts(&["SendMessage"]),
        starts_with: texts(&["Delete"]),
        not_ends_with: texts(&["Batch"]),
        not_equals: texts(&["DeleteQueue"]),
        ..FieldSelector::default()
    };
    let selectors = data_on_queues(vec![names]);
    assert_eq!(selectors.check(), Ok(()));
    for (name, expected) in [
        ("SendMessage", true),
        ("DeleteMessage", true),
        ("DeleteMessageBatch", false),
        ("DeleteQueue", false),
        ("ReceiveMessage", false),
    ] {
        assert_eq!(
            selectors.want(&on(name, false, "AWS::SQS::Queue", "a")),
            expected,
            "{name}"
        );
    }
}

fn refused(selectors: &Selectors) -> String {
    selectors.check().unwrap_err().to_string()
}

#[test]
fn each_limit_of_basic_selectors_is_said() {
    let basic = |one: Basic| Selectors::Basic(vec![one]);
    let data = |kind: &str, values: Vec<String>| Basic {
        data: vec![DataResource {
            kind: kind.to_owned(),
            values,
        }],
        ..Basic::default()
    };
    let many = |count: usize| data("AWS::S3::Object", vec!["arn:aws:s3:::b/".to_owned(); count]);
    assert!(refused(&Selectors::Basic(vec![])).contains("1 to 5"));
    assert_eq!(Selectors::Basic(vec![Basic::default(); 5]).check(), Ok(()));
    assert!(refused(&Selectors::Basic(vec![Basic::default(); 6])).contains("1 to 5"));
    assert_eq!(basic(many(250)).check(), Ok(()));
    assert!(refused(&Selectors::Basic(vec![many(200), many(51)])).contains("these are 251"));
    assert!(
        refused(&basic(data("AWS::SQS::Queue", texts(&["arn:aws:sqs"]))))
            .contains("advanced event selectors")
    );
    assert!(refused(&basic(data("AWS::S3::Object", vec![]))).contains("no values"));
    assert!(
        refused(&basic(data("AWS::S3::Object", texts(&["arn:aws:s3x"]))))
            .contains("begins with arn:aws:s3")
    );
    let exclude = Basic {
        exclude: texts(&["sqs.amazonaws.com"]),
        ..Basic::default()
    };
    assert!(refused(&basic(exclude)).contains("kms.amazonaws.com and rdsdata.amazonaws.com only"));
    let nothing = Basic {
        management: false,
        ..Basic::default()
    };
    assert!(refused(&basic(nothing)).contains("needs data resources"));
}

#[test]
fn each_limit_of_advanced_selectors_is_said() {
    let with =
        |fields: Vec<FieldSelector>| Selectors::Advanced(vec![Advanced { name: None, fields }]);
    let management = equals("eventCategory", &["Management"]);
    assert!(refused(&Selectors::Advanced(vec![])).contains("at least one"));
    assert!(refused(&with(vec![])).contains("eventCategory"));
    assert!(
        refused(&with(vec![equals("eventCategory", &["NetworkActivity"])]))
            .contains("Management or Data")
    );
    assert!(
        refused(&with(vec![equals("eventCategory", &["Data"])]))
            .contains("needs the field resources.type")
    );
    assert!(refused(&with(vec![management.clone(), management.clone()])).contains("stands twice"));
    assert!(
        refused(&with(vec![management.clone(), equals("eventName", &["x"])]))
            .contains("not valid for Management events")
    );
    assert!(
        refused(&with(vec![
            management.clone(),
            equals("readOnly", &["yes"])
        ]))
        .contains("true or false")
    );
    assert!(
        refused(&with(vec![management.clone(), equals("readOnly", &[])])).contains("no operator")
    );
    assert!(
        refused(&with(vec![
            management.clone(),
            equals("eventSource", &["sqs.amazonaws.com"])
        ]))
        .contains("NotEquals")
    );
    let without_kms = FieldSelector {
        field: "eventSource".to_owned(),
        not_equals: texts(&["kms.amazonaws.com"]),
        ..FieldSelector::default()
    };
    assert_eq!(with(vec![management.clone(), without_kms]).check(), Ok(()));
    let names = |count: usize| data_on_queues(vec![equals("eventName", &vec!["x"; count])]);
    assert_eq!(names(498).check(), Ok(()));
    assert!(refused(&names(499)).contains("these are 501"));
    let long = "x".repeat(VALUE_CHARS_MAX + 1);
    assert!(refused(&data_on_queues(vec![equals("eventName", &[&long])])).contains("2048"));
    let named = Selectors::Advanced(vec![Advanced {
        name: Some("x".repeat(NAME_CHARS_MAX + 1)),
        fields: vec![management],
    }]);
    assert!(refused(&named).contains("1000"));
}

proptest! {
    #[test]
    fn selecting_and_deselecting_the_same_never_takes(value in "[a-c]{0,3}", other in "[a-c]{1,2}") {
        let yes = FieldSelector { starts_with: vec![other.clone()], ..FieldSelector::default() };
        let no = FieldSelector { not_starts_with: vec![other.clone()], ..FieldSelector::default() };
        let both = FieldSelector { starts_with: vec![other.clone()], not_starts_with: vec![other], ..FieldSelector::default() };
        prop_assert_ne!(yes.takes(&value), no.takes(&value));
        prop_assert!(!both.takes(&value));
    }
}
