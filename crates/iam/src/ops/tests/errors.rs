//! What a client hears of mistakes: code, status and text, and the form of both on the wire.

use serde_json::{Value, json};

use super::Bench;

/// Makes things that cannot be made again or deleted as they are.
async fn furnished() -> Bench {
    let bench = Bench::new();
    for name in ["keyed", "locked", "member", "holder", "inline", "plain"] {
        bench.ok("CreateUser", json!({"UserName": name})).await;
    }
    bench.ok("CreateGroup", json!({"GroupName": "team"})).await;
    bench
        .ok("CreateAccessKey", json!({"UserName": "keyed"}))
        .await;
    bench
        .ok(
            "CreateLoginProfile",
            json!({"UserName": "locked", "Password": "First-1-password"}),
        )
        .await;
    bench
        .ok(
            "AddUserToGroup",
            json!({"UserName": "member", "GroupName": "team"}),
        )
        .await;
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    bench
        .ok(
            "AttachUserPolicy",
            json!({"UserName": "holder", "PolicyArn": arn}),
        )
        .await;
    bench
        .ok(
            "PutUserPolicy",
            json!({"UserName": "inline", "PolicyName": "own", "PolicyDocument": ALLOW}),
        )
        .await;
    bench
}

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;

#[tokio::test]
async fn what_hangs_on_a_thing_goes_first() {
    let bench = furnished().await;
    let first = |what: &str| format!("Cannot delete entity, must {what} first.");
    for (user, what) in [
        ("keyed", "delete access keys"),
        ("locked", "delete login profile"),
        ("member", "remove users from group"),
        ("holder", "detach all policies"),
        ("inline", "delete policies"),
    ] {
        let told = bench.fault("DeleteUser", json!({"UserName": user})).await;
        assert_eq!(told, ("DeleteConflict", first(what)), "{user}");
    }
    let told = bench
        .fault("DeleteGroup", json!({"GroupName": "team"}))
        .await;
    assert_eq!(told, ("DeleteConflict", first("remove users from group")));
    bench.ok("DeleteUser", json!({"UserName": "plain"})).await;
}

#[tokio::test]
async fn a_mistake_is_told_in_iams_words() {
    let bench = furnished().await;
    let cases: &[(&str, Value, &str, &str)] = &[
        (
            "GetUser",
            json!({"UserName": "x"}),
            "NoSuchEntity",
            "The user with name x cannot be found.",
        ),
        (
            "GetGroup",
            json!({"GroupName": "x"}),
            "NoSuchEntity",
            "The group with name x cannot be found.",
        ),
        (
            "GetRole",
            json!({"RoleName": "x"}),
            "NoSuchEntity",
            "The role with name x cannot be found.",
        ),
        (
            "GetInstanceProfile",
            json!({"InstanceProfileName": "x"}),
            "NoSuchEntity",
            "Instance Profile x cannot be found.",
        ),
        (
            "GetPolicy",
            json!({"PolicyArn": "arn:aws:iam::aws:policy/x"}),
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/x was not found.",
        ),
        (
            "CreateUser",
            json!({"UserName": "PLAIN"}),
            "EntityAlreadyExists",
            "User with name PLAIN already exists.",
        ),
        (
            "CreateGroup",
            json!({"GroupName": "team"}),
            "EntityAlreadyExists",
            "Group with name team already exists.",
        ),
        (
            "ListUsers",
            json!({"MaxItems": 1001}),
            "ValidationError",
            "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000",
        ),
        (
            "AttachUserPolicy",
            json!({"UserName": "plain", "PolicyArn": "arn:aws:iam::aws:policy/x"}),
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/x does not exist or is not attachable.",
        ),
        (
            "TagUser",
            json!({"UserName": "plain", "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}),
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
    ];
    for (operation, input, code, text) in cases {
        let told = bench.fault(operation, input.clone()).await;
        assert_eq!((told.0, told.1.as_str()), (*code, *text), "{operation}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_policy_is_refused_with_its_place() {
    let bench = furnished().await;
    for document in [
        "",
        "{",
        "[]",
        r#"{"Statement":[{"Effect":"Allow","Resource":"*"}]}"#,
        &ALLOW.replace("Allow", "allow"),
    ] {
        let put = json!({"UserName": "plain", "PolicyName": "own", "PolicyDocument": document});
        let (code, text) = bench.fault("PutUserPolicy", put).await;
        assert_eq!(code, "MalformedPolicyDocument", "{document}");
        assert!(text.contains("line 1"), "{document}: {text}");
    }
    let long = ALLOW.replace("sqs:*", &format!("sqs:{}", "x".repeat(2048)));
    let put = json!({"UserName": "plain", "PolicyName": "own", "PolicyDocument": long});
    let told = bench.fault("PutUserPolicy", put).await;
    assert_eq!(
        told,
        (
            "LimitExceeded",
            "Maximum policy size of 2048 bytes exceeded for user plain".to_owned()
        )
    );
}

#[tokio::test]
async fn quotas_are_those_of_the_user_guide() {
    let bench = furnished().await;
    for number in 0..10 {
        let policy = json!({"PolicyName": format!("p{number}"), "PolicyDocument": ALLOW});
        let arn = bench.ok("CreatePolicy", policy).await["Policy"]["Arn"].clone();
        bench
            .ok(
                "AttachUserPolicy",
                json!({"UserName": "plain", "PolicyArn": arn}),
            )
            .await;
        let name = format!("g{number}");
        bench.ok("CreateGroup", json!({"GroupName": name})).await;
        bench
            .ok(
                "AddUserToGroup",
                json!({"UserName": "plain", "GroupName": name}),
            )
            .await;
    }
    let more = json!({"UserName": "plain", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
    let told = bench.fault("AttachUserPolicy", more).await;
    assert_eq!(
        told,
        (
            "LimitExceeded",
            "Cannot exceed quota for PoliciesPerUser: 10".to_owned()
        )
    );
    let told = bench
        .fault(
            "AddUserToGroup",
            json!({"UserName": "plain", "GroupName": "team"}),
        )
        .await;
    assert_eq!(
        told,
        (
            "LimitExceeded",
            "Cannot exceed quota for GroupsPerUser: 10".to_owned()
        )
    );
}

#[tokio::test]
async fn a_member_is_missing_in_the_form() {
    let bench = Bench::new();
    let answer = bench
        .query(
            "CreateUser",
            "Action=CreateUser&Version=2010-05-08&UserName=Bob",
        )
        .await
        .unwrap();
    assert!(
        answer.contains("<Arn>arn:aws:iam::123456789012:user/Bob</Arn>"),
        "{answer}"
    );
    let empty = bench
        .query("ListUsers", "PathPrefix=%2Fnone%2F")
        .await
        .unwrap();
    assert!(
        empty.contains("<Users></Users><IsTruncated>false</IsTruncated>"),
        "{empty}"
    );
}
