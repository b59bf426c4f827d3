//! Reports on who used what last.

use serde_json::{Value, json};

use super::Bench;

const SEND: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","s3:GetObject"],"Resource":"*"}]}"#;

async fn team() -> Bench {
    let bench = Bench::new();
    bench.ok("CreateGroup", json!({"GroupName": "team"})).await;
    for name in ["a", "b"] {
        bench.ok("CreateUser", json!({"UserName": name})).await;
        bench
            .ok(
                "AddUserToGroup",
                json!({"UserName": name, "GroupName": "team"}),
            )
            .await;
    }
    bench
        .ok(
            "PutGroupPolicy",
            json!({"GroupName": "team", "PolicyName": "own", "PolicyDocument": SEND}),
        )
        .await;
    bench
}

fn arn(rest: &str) -> String {
    format!("arn:aws:iam::123456789012:{rest}")
}

async fn id_of(bench: &Bench, name: &str) -> String {
    let seen = bench.ok("GetUser", json!({"UserName": name})).await;
    seen["User"]["UserId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_report_has_the_services_that_policies_open_and_their_last_use() {
    let bench = team().await;
    let (a, b) = (id_of(&bench, "a").await, id_of(&bench, "b").await);
    let accesses = bench.iam.accesses();
    accesses.note(&a, "sqs:SendMessage", "ap-northeast-1", bench.now());
    bench.advance(3600);
    accesses.note(&b, "sqs:SendMessage", "ap-northeast-1", bench.now());
    // Tried, but not what the policies open.
    accesses.note(&b, "iam:CreateUser", "us-east-1", bench.now());
    let ask = json!({"Arn": arn("group/team"), "Granularity": "ACTION_LEVEL"});
    let job = bench.ok("GenerateServiceLastAccessedDetails", ask).await;
    assert_eq!(job["JobId"].as_str().unwrap().len(), 36);
    let seen = bench.ok("GetServiceLastAccessedDetails", job.clone()).await;
    assert_eq!(
        (&seen["JobStatus"], &seen["JobType"]),
        (&json!("COMPLETED"), &json!("ACTION_LEVEL"))
    );
    let services = seen["ServicesLastAccessed"].as_array().unwrap();
    let names: Vec<_> = services
        .iter()
        .map(|service| &service["ServiceNamespace"])
        .collect();
    assert_eq!(names, ["s3", "sqs"]);
    assert_eq!(
        (
            &services[0]["LastAuthenticated"],
            &services[0]["TotalAuthenticatedEntities"]
        ),
        (&Value::Null, &json!(0))
    );
    let sqs = json!({
        "ServiceName": "Amazon SQS", "ServiceNamespace": "sqs", "LastAuthenticated": 1_795_003_600,
        "LastAuthenticatedEntity": arn("user/b"), "LastAuthenticatedRegion": "ap-northeast-1",
        "TotalAuthenticatedEntities": 2,
        "TrackedActionsLastAccessed": [{
            "ActionName": "SendMessage", "LastAccessedEntity": arn("user/b"), "LastAccessedTime": 1_795_003_600,
            "LastAccessedRegion": "ap-northeast-1",
        }],
    });
    assert_eq!(services[1], sqs);
    let who = json!({"JobId": job["JobId"], "ServiceNamespace": "sqs"});
    let who = bench
        .ok("GetServiceLastAccessedDetailsWithEntities", who)
        .await;
    let who: Vec<_> = who["EntityDetailsList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| &entity["EntityInfo"]["Name"])
        .collect();
    assert_eq!(who, ["b", "a"]);
    let (code, _) = bench
        .fault_as("a", "GetServiceLastAccessedDetails", job)
        .await;
    assert_eq!(code, "NoSuchEntity", "only who asked may fetch");
}

#[tokio::test]
async fn policies_that_open_a_service_are_told_with_where_they_are() {
    let bench = team().await;
    let read = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    bench
        .ok(
            "AttachUserPolicy",
            json!({"UserName": "a", "PolicyArn": read}),
        )
        .await;
    let ask = json!({"Arn": arn("user/a"), "ServiceNamespaces": ["sqs", "sts", "nonsense"]});
    let seen = bench.ok("ListPoliciesGrantingServiceAccess", ask).await;
    let entries = seen["PoliciesGrantingServiceAccess"].as_array().unwrap();
    let managed =
        json!({"PolicyName": "ReadOnlyAccess", "PolicyType": "MANAGED", "PolicyArn": read});
    let inline = json!({"PolicyName": "own", "PolicyType": "INLINE", "EntityType": "GROUP", "EntityName": "team"});
    assert_eq!(entries[0]["Policies"], json!([managed, inline]));
    assert_eq!(entries[1]["Policies"], json!([managed]));
    assert_eq!(entries[2]["Policies"], json!([]));
}

#[tokio::test]
async fn a_report_on_nobody_is_refused() {
    let bench = team().await;
    for (arn, expected) in [
        (arn("user/x"), "NoSuchEntity"),
        (arn("user/other/a"), "NoSuchEntity"),
        (arn("policy/x"), "NoSuchEntity"),
        (arn("mfa/x"), "InvalidInput"),
        ("nonsense".to_owned(), "InvalidInput"),
    ] {
        let (code, _) = bench
            .fault("GenerateServiceLastAccessedDetails", json!({"Arn": arn}))
            .await;
        assert_eq!(code, expected, "{arn}");
    }
}
