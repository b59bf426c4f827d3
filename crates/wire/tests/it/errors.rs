//! Faults as the wire has them.

use wire::{Detail, ErrorForm, Protocol, encode_error};

const FORM: ErrorForm<'_> = ErrorForm {
    namespace: "com.amazonaws.sqs",
    xml_namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    code: "QueueDoesNotExist",
    query_code: "AWS.SimpleQueueService.NonExistentQueue",
    is_sender: true,
    message: "The specified queue <does> not \"exist\".",
    details: &[],
    request_id: "r-1",
};

#[test]
fn a_fault_in_json_has_the_full_type_name() {
    let json = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue <does> not \"exist\"."}"#;
    for protocol in [Protocol::Json10, Protocol::Json11] {
        assert_eq!(encode_error(protocol, &FORM), json.as_bytes());
    }
    assert_eq!(
        FORM.query_error_header(),
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    );
}

// The EC2 API Reference's example has these elements.
#[test]
fn a_fault_in_ec2s_form_has_a_code_and_a_message() {
    let xml = concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>"#,
        "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>",
        "<Message>The specified queue &lt;does&gt; not &quot;exist&quot;.</Message></Error></Errors>",
        "<RequestID>r-1</RequestID></Response>",
    );
    assert_eq!(
        String::from_utf8(encode_error(Protocol::Ec2Query, &FORM)).unwrap(),
        xml
    );
}

#[test]
fn a_fault_in_query_has_the_old_code() {
    let xml = concat!(
        r#"<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error>"#,
        "<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>",
        "<Message>The specified queue &lt;does&gt; not &quot;exist&quot;.</Message><Detail/></Error>",
        "<RequestId>r-1</RequestId></ErrorResponse>",
    );
    assert_eq!(
        String::from_utf8(encode_error(Protocol::Query, &FORM)).unwrap(),
        xml
    );
    let ours = ErrorForm {
        is_sender: false,
        ..FORM
    };
    assert!(
        String::from_utf8(encode_error(Protocol::Query, &ours))
            .unwrap()
            .contains("<Type>Receiver</Type>")
    );
}

// The shape is CloudWatch's DashboardInvalidInputError; the forms are those that Smithy's protocols give to members of errors.
#[test]
fn members_of_a_modelled_error_stand_beside_its_message() {
    let row = |path: &str, text: &str| vec![("DataPath", path.into()), ("Message", text.into())];
    let messages = Detail::List(vec![row("/a", "Should be <array>"), row("/b", "x")]);
    let form = ErrorForm {
        message: "m",
        details: &[
            ("dashboardValidationMessages", messages),
            ("ResourceId", Detail::Text("i".into())),
        ],
        ..FORM
    };
    let text = |protocol| String::from_utf8(encode_error(protocol, &form)).unwrap();
    assert_eq!(
        text(Protocol::Json10),
        concat!(
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m","dashboardValidationMessages":["#,
            r#"{"DataPath":"/a","Message":"Should be <array>"},{"DataPath":"/b","Message":"x"}],"ResourceId":"i"}"#,
        )
    );
    let xml = concat!(
        "<Message>m</Message><dashboardValidationMessages>",
        "<member><DataPath>/a</DataPath><Message>Should be &lt;array&gt;</Message></member>",
        "<member><DataPath>/b</DataPath><Message>x</Message></member>",
        "</dashboardValidationMessages><ResourceId>i</ResourceId><Detail/></Error>",
    );
    assert!(text(Protocol::Query).contains(xml));
    assert!(text(Protocol::RestJson).ends_with(r#""message":"m","dashboardValidationMessages":[{"DataPath":"/a","Message":"Should be <array>"},{"DataPath":"/b","Message":"x"}],"ResourceId":"i"}"#));
    assert!(!text(Protocol::Ec2Query).contains("DataPath"));
}
