//! Records against what AWS's guide shows, and what must hold for any call.

use std::net::IpAddr;

use base::{Arn, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::seen::{Class, Failure, Identity, Mfa, Origin, Seen, Session, Tls, Way, Who};

const AT: Timestamp = Timestamp::from_millis(1_795_934_530_900);
const EVENT_ID: &str = "5fea7756-0ea4-451a-a703-a558b933e274";

fn place() -> Place {
    Place {
        account: "123456789012".parse().unwrap(),
        region: "ap-northeast-1".parse().unwrap(),
    }
}

const ALICE: Identity<'_> = Identity {
    who: Who::User {
        name: "Alice",
        id: "AIDAJ45Q7YFFAREXAMPLE",
    },
    arn: "arn:aws:iam::123456789012:user/Alice",
    account: "123456789012",
    access_key_id: "AKIAIOSFODNN7EXAMPLE",
    session: None,
};

fn seen<'a>(identity: Identity<'a>) -> Seen<'a> {
    Seen {
        service: "sqs",
        operation: "CreateQueue",
        class: Class::Management,
        way: Way::Call,
        identity,
        source: Some(IpAddr::from([127, 0, 0, 1])),
        user_agent: "aws-cli/2.1",
        host: "localhost:5310",
        tls: None,
        request_id: "c0ffee00-0000-4000-8000-000000000001",
        request: Some(br#"{"queueName":"s2s"}"#),
        response: None,
        failure: None,
        resources: &[],
    }
}

fn written(seen: &Seen<'_>) -> Value {
    serde_json::from_slice(&event(&place(), AT, EVENT_ID, seen)).unwrap()
}

#[test]
fn a_call_has_every_field_that_a_record_must_have() {
    let queue: [Arn; 1] = ["arn:aws:sqs:ap-northeast-1:123456789012:s2s"
        .parse()
        .unwrap()];
    let record = written(&Seen {
        resources: &queue,
        response: Some(br#"{"queueUrl":"http://localhost:5310/123456789012/s2s"}"#),
        ..seen(ALICE)
    });
    assert_eq!(
        record,
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser",
                "principalId": "AIDAJ45Q7YFFAREXAMPLE",
                "arn": "arn:aws:iam::123456789012:user/Alice",
                "accountId": "123456789012",
                "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                "userName": "Alice",
            },
            "eventTime": "2026-11-29T06:42:10Z",
            "eventSource": "sqs.amazonaws.com",
            "eventName": "CreateQueue",
            "awsRegion": "ap-northeast-1",
            "sourceIPAddress": "127.0.0.1",
            "userAgent": "aws-cli/2.1",
            "requestParameters": {"queueName": "s2s"},
            "responseElements": {"queueUrl": "http://localhost:5310/123456789012/s2s"},
            "additionalEventData": {"clientProvidedHostHeader": "localhost:5310"},
            "requestID": "c0ffee00-0000-4000-8000-000000000001",
            "eventID": EVENT_ID,
            "readOnly": false,
            "resources": [{
                "ARN": "arn:aws:sqs:ap-northeast-1:123456789012:s2s",
                "accountId": "123456789012",
                "type": "AWS::SQS::Queue",
            }],
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": "123456789012",
            "eventCategory": "Management",
        })
    );
}

/// Source: CloudTrail user guide, userIdentity, "with temporary security credentials".
#[test]
fn a_session_of_a_role_tells_its_issuer() {
    let record = written(&seen(Identity {
        who: Who::AssumedRole {
            role: "RoleToBeAssumed",
            role_id: "AROAIDPPEZS35WEXAMPLE",
            role_arn: "arn:aws:iam::123456789012:role/RoleToBeAssumed",
            session: "MySessionName",
        },
        arn: "arn:aws:sts::123456789012:assumed-role/RoleToBeAssumed/MySessionName",
        account: "123456789012",
        access_key_id: "ASIAIOSFODNN7EXAMPLE",
        session: Some(Session {
            issued_at: Timestamp::from_secs(1_383_354_388),
            mfa: Mfa::NotShown,
            origin: Origin::Program,
            source_identity: Some("Alice"),
        }),
    }));
    assert_eq!(
        record["userIdentity"],
        json!({
            "type": "AssumedRole",
            "principalId": "AROAIDPPEZS35WEXAMPLE:MySessionName",
            "arn": "arn:aws:sts::123456789012:assumed-role/RoleToBeAssumed/MySessionName",
            "accountId": "123456789012",
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "attributes": {"creationDate": "2013-11-02T01:06:28Z", "mfaAuthenticated": "false"},
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAIDPPEZS35WEXAMPLE",
                    "arn": "arn:aws:iam::123456789012:role/RoleToBeAssumed",
                    "accountId": "123456789012",
                    "userName": "RoleToBeAssumed",
                },
                "sourceIdentity": "Alice",
            },
        })
    );
}

/// Source: CloudTrail user guide, sessionIssuer; what did not sign from the S3 user guide.
#[test]
fn others_than_users_and_roles_have_their_types() {
    let federated = Identity {
        who: Who::Federated {
            session: "bob",
            user: "Alice",
            user_id: "AIDAJ45Q7YFFAREXAMPLE",
            user_arn: "arn:aws:iam::123456789012:user/Alice",
        },
        arn: "arn:aws:sts::123456789012:federated-user/bob",
        session: Some(Session {
            issued_at: AT,
            mfa: Mfa::Shown,
            origin: Origin::SignIn,
            source_identity: None,
        }),
        ..ALICE
    };
    let record = written(&seen(federated));
    let identity = &record["userIdentity"];
    assert_eq!(identity["type"], "FederatedUser");
    assert_eq!(identity["principalId"], "123456789012:bob");
    assert_eq!(
        identity["sessionContext"]["attributes"]["mfaAuthenticated"],
        "true"
    );
    assert_eq!(
        identity["sessionContext"]["sessionIssuer"]["type"],
        "IAMUser"
    );
    assert_eq!(
        identity["sessionContext"]["sessionIssuer"]["userName"],
        "Alice"
    );
    assert_eq!(record["sessionCredentialFromConsole"], "true");
    let root = written(&seen(Identity {
        who: Who::Root,
        ..ALICE
    }));
    assert_eq!(root["userIdentity"]["type"], "Root");
    assert_eq!(root["userIdentity"]["principalId"], "123456789012");
    let anybody = written(&seen(Identity {
        who: Who::Anybody,
        access_key_id: "",
        ..ALICE
    }));
    assert_eq!(
        anybody["userIdentity"],
        json!({"type": "AWSAccount", "principalId": "ANONYMOUS_PRINCIPAL"})
    );
    let usernames = [
        (federated, "bob"),
        (
            Identity {
                who: Who::Root,
                ..ALICE
            },
            "root",
        ),
    ];
    for (identity, name) in usernames {
        let record = event(&place(), AT, EVENT_ID, &seen(identity));
        assert_eq!(
            Attributes::of(&record).unwrap().username.as_deref(),
            Some(name)
        );
    }
}

#[test]
fn a_refused_call_says_code_and_text_and_what_was_claimed() {
    let unknown = Identity {
        who: Who::Unknown,
        arn: "",
        account: "",
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        session: None,
    };
    let refused = Seen {
        failure: Some(Failure {
            code: "InvalidClientTokenId",
            message: "The security token included in the request is invalid",
        }),
        request: None,
        ..seen(unknown)
    };
    let record = written(&refused);
    assert_eq!(record["errorCode"], "InvalidClientTokenId");
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(
        record["userIdentity"],
        json!({"type": "Unknown", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"})
    );
    // A secret pasted where the id belongs.
    let pasted = Seen {
        operation: "my password is hunter2",
        identity: Identity {
            access_key_id: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ..unknown
        },
        ..refused
    };
    let record = written(&pasted);
    assert_eq!(record["userIdentity"]["accessKeyId"], redact::HIDDEN);
    assert_eq!(record["eventName"], "Unknown");
}

#[test]
fn services_without_a_region_carry_the_leaders() {
    let record = written(&Seen {
        service: "iam",
        operation: "CreateUser",
        ..seen(ALICE)
    });
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["eventSource"], "iam.amazonaws.com");
}

#[test]
fn encryption_is_told_with_the_host() {
    let record = written(&Seen {
        tls: Some(Tls {
            version: "TLSv1.3",
            cipher_suite: "TLS_AES_128_GCM_SHA256",
        }),
        ..seen(ALICE)
    });
    assert_eq!(
        record["tlsDetails"],
        json!({
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "localhost:5310",
        })
    );
}

#[test]
fn what_is_too_large_is_left_out_and_said_to_be() {
    let large = json!({ "policy": "x".repeat(PARAMETERS_BYTES_MAX) }).to_string();
    // Small as it came, too large once its members are hidden.
    let many = json!({ "a": vec![json!({"body": 1}); 8000] }).to_string();
    assert!(many.len() < PARAMETERS_BYTES_MAX);
    for text in [large, many] {
        let record = written(&Seen {
            request: Some(text.as_bytes()),
            response: Some(text.as_bytes()),
            ..seen(ALICE)
        });
        assert_eq!(
            record["requestParameters"],
            json!({"omitted": true, "originalSize": text.len(), "reason": "requestParameters too large"})
        );
        assert_eq!(record["responseElements"]["omitted"], true);
    }
    let record = written(&Seen {
        request: Some(b"Password=hunter2"),
        ..seen(ALICE)
    });
    assert_eq!(
        record["requestParameters"]["reason"],
        "requestParameters not readable"
    );
}

#[test]
fn attributes_are_those_that_lookups_know() {
    let resources: [Arn; 2] = [
        "arn:aws:iam::123456789012:user/staff/alice"
            .parse()
            .unwrap(),
        "arn:aws:iam::123456789012:policy/ViewBilling"
            .parse()
            .unwrap(),
    ];
    let seen = Seen {
        service: "iam",
        operation: "AttachUserPolicy",
        resources: &resources,
        ..seen(ALICE)
    };
    let found = Attributes::of(&event(&place(), AT, EVENT_ID, &seen)).unwrap();
    let named = |kind: &str, name: &str| Named {
        kind: Some(kind.to_owned()),
        name: name.to_owned(),
    };
    assert_eq!(
        found,
        Attributes {
            event_id: EVENT_ID.to_owned(),
            event_name: "AttachUserPolicy".to_owned(),
            event_source: "iam.amazonaws.com".to_owned(),
            event_time: Timestamp::from_secs(AT.as_secs()),
            read_only: Some(false),
            username: Some("Alice".to_owned()),
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
            resources: vec![
                named("AWS::IAM::User", "alice"),
                named(
                    "AWS::IAM::User",
                    "arn:aws:iam::123456789012:user/staff/alice"
                ),
                named("AWS::IAM::Policy", "ViewBilling"),
                named(
                    "AWS::IAM::Policy",
                    "arn:aws:iam::123456789012:policy/ViewBilling"
                ),
            ],
            error_code: None,
        }
    );
}

#[test]
fn an_event_of_the_trail_itself_can_be_looked_up() {
    let record = service_event(&place(), AT, EVENT_ID, "TornTailCut", &json!({"bytes": 12}));
    let found = Attributes::of(&record).unwrap();
    assert_eq!(found.event_name, "TornTailCut");
    assert_eq!(found.username.as_deref(), Some("cloudtrail.amazonaws.com"));
}

proptest! {
    #[test]
    fn no_call_makes_a_record_that_is_too_large_or_unreadable(
        operation in ".{0,200}",
        agent in ".{0,3000}",
        message in ".{0,3000}",
        key in ".{0,300}",
        request in prop::collection::vec(any::<u8>(), 0..300),
        arn in ".{0,3000}",
    ) {
        let resources = vec![Arn {
            service: "sqs".to_owned(),
            region: String::new(),
            account: String::new(),
            resource: arn,
        }; 100];
        let record = event(&place(), AT, EVENT_ID, &Seen {
            operation: &operation,
            user_agent: &agent,
            failure: Some(Failure { code: &operation, message: &message }),
            identity: Identity { access_key_id: &key, ..ALICE },
            request: Some(&request),
            resources: &resources,
            ..seen(ALICE)
        });
        prop_assert!(record.len() <= EVENT_BYTES_MAX, "{}", record.len());
        let found = Attributes::of(&record).unwrap();
        prop_assert_eq!(found.event_id, EVENT_ID);
        prop_assert!(found.resources.len() <= 2 * RESOURCES_MAX);
    }

    #[test]
    fn anything_is_read_as_a_record_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Attributes::of(&bytes);
    }
}

/// Source: SQS developer guide, example log entries.
#[test]
fn parameters_are_named_as_records_name_them() {
    let input = json!({
        "QueueUrl": "u", "AWSAccountIds": ["1"], "Actions": ["SendMessage"],
        "Attributes": {"VisibilityTimeout": "1"},
        "FieldSelectors": [{"Field": "eventName", "NotEquals": ["X"]}],
    });
    let text = input.to_string();
    let record = written(&Seen {
        request: Some(text.as_bytes()),
        ..seen(ALICE)
    });
    assert_eq!(
        record["requestParameters"],
        json!({
            "queueUrl": "u", "AWSAccountIds": ["1"], "actions": ["SendMessage"],
            "attributes": {"VisibilityTimeout": "1"},
            "fieldSelectors": [{"field": "eventName", "notEquals": ["X"]}],
        })
    );
}
