//! Managed and inline policies, versions, boundaries.

use serde_json::{Value, json};

use super::Bench;

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
const OWN: &str = "arn:aws:iam::123456789012:policy/ViewBilling";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

async fn with_policy() -> Bench {
    let bench = Bench::new();
    let make = json!({"PolicyName": "ViewBilling", "PolicyDocument": ALLOW, "Description": "for operators"});
    let made = bench.ok("CreatePolicy", make).await["Policy"].clone();
    assert_eq!(
        (&made["Arn"], &made["DefaultVersionId"]),
        (&json!(OWN), &json!("v1"))
    );
    assert_eq!(made["AttachmentCount"], 0);
    bench
}

#[tokio::test]
async fn a_policy_has_versions_of_which_one_counts() {
    let bench = with_policy().await;
    for number in 2..=5 {
        let make = json!({"PolicyArn": OWN, "PolicyDocument": ALLOW, "SetAsDefault": number == 3});
        let made = bench.ok("CreatePolicyVersion", make).await;
        assert_eq!(made["PolicyVersion"]["VersionId"], format!("v{number}"));
    }
    let make = json!({"PolicyArn": OWN, "PolicyDocument": ALLOW});
    let (code, text) = bench.fault("CreatePolicyVersion", make).await;
    assert_eq!(code, "LimitExceeded");
    // As recorded by moto's tests.
    let expected = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.";
    assert_eq!(text, expected);
    let listed = bench
        .ok("ListPolicyVersions", json!({"PolicyArn": OWN}))
        .await;
    let ids: Vec<_> = listed["Versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["VersionId"].clone())
        .collect();
    assert_eq!(ids, ["v5", "v4", "v3", "v2", "v1"]);
    assert_eq!(listed["Versions"][2]["IsDefaultVersion"], true);
    let delete = |version: &str| json!({"PolicyArn": OWN, "VersionId": version});
    let (code, text) = bench.fault("DeletePolicyVersion", delete("v3")).await;
    assert_eq!(
        (code, text.as_str()),
        (
            "DeleteConflict",
            "Cannot delete the default version of a policy."
        )
    );
    bench.ok("DeletePolicyVersion", delete("v1")).await;
    bench.ok("SetDefaultPolicyVersion", delete("v5")).await;
    let seen = bench.ok("GetPolicyVersion", delete("v5")).await;
    let document = seen["PolicyVersion"]["Document"].as_str().unwrap();
    let decoded = percent_encoding::percent_decode_str(document)
        .decode_utf8()
        .unwrap();
    assert_eq!(
        (decoded.as_ref(), &seen["PolicyVersion"]["IsDefaultVersion"]),
        (ALLOW, &json!(true))
    );
}

#[tokio::test]
async fn a_policy_is_attached_counted_and_detached() {
    let bench = with_policy().await;
    bench
        .ok("CreateGroup", json!({"GroupName": "Operators"}))
        .await;
    for arn in [OWN, READ_ONLY] {
        bench
            .ok(
                "AttachGroupPolicy",
                json!({"GroupName": "Operators", "PolicyArn": arn}),
            )
            .await;
    }
    let listed = bench
        .ok(
            "ListAttachedGroupPolicies",
            json!({"GroupName": "Operators"}),
        )
        .await;
    let names: Vec<_> = listed["AttachedPolicies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["PolicyName"].clone())
        .collect();
    assert_eq!(names, ["ViewBilling", "ReadOnlyAccess"]);
    let seen = bench.ok("GetPolicy", json!({"PolicyArn": OWN})).await;
    assert_eq!(seen["Policy"]["AttachmentCount"], 1);
    let holders = bench
        .ok("ListEntitiesForPolicy", json!({"PolicyArn": OWN}))
        .await;
    assert_eq!(holders["PolicyGroups"][0]["GroupName"], "Operators");
    let (code, text) = bench.fault("DeletePolicy", json!({"PolicyArn": OWN})).await;
    assert_eq!(
        (code, text.as_str()),
        (
            "DeleteConflict",
            "Cannot delete a policy attached to entities."
        )
    );
    let detach = json!({"GroupName": "Operators", "PolicyArn": OWN});
    bench.ok("DetachGroupPolicy", detach.clone()).await;
    let (code, text) = bench.fault("DetachGroupPolicy", detach).await;
    assert_eq!(
        (code, text),
        ("NoSuchEntity", format!("Policy {OWN} was not found."))
    );
    bench.ok("DeletePolicy", json!({"PolicyArn": OWN})).await;
    let local = bench.ok("ListPolicies", json!({"Scope": "Local"})).await;
    assert_eq!(local["Policies"], json!([]));
    let aws = bench
        .ok(
            "ListPolicies",
            json!({"Scope": "AWS", "OnlyAttached": true}),
        )
        .await;
    let arns: Vec<_> = aws["Policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["PolicyName"].clone())
        .collect();
    assert_eq!(arns, ["AdministratorAccess", "ReadOnlyAccess"]);
}

#[tokio::test]
async fn an_inline_policy_is_put_got_and_deleted_everywhere() {
    let bench = Bench::new();
    bench.ok("CreateUser", json!({"UserName": "it"})).await;
    bench.ok("CreateGroup", json!({"GroupName": "it"})).await;
    let trust = ALLOW.replace(
        "sqs:*\",\"Resource\":\"*\"",
        "sts:AssumeRole\",\"Principal\":{\"AWS\":\"*\"}",
    );
    bench
        .ok(
            "CreateRole",
            json!({"RoleName": "it", "AssumeRolePolicyDocument": trust}),
        )
        .await;
    for kind in ["User", "Group", "Role"] {
        let holder = |more: Value| {
            let mut input = more;
            input[format!("{kind}Name")] = json!("it");
            input
        };
        let put = holder(json!({"PolicyName": "own", "PolicyDocument": ALLOW}));
        bench.ok(&format!("Put{kind}Policy"), put).await;
        let named = holder(json!({"PolicyName": "own"}));
        let seen = bench.ok(&format!("Get{kind}Policy"), named.clone()).await;
        assert!(
            seen["PolicyDocument"]
                .as_str()
                .unwrap()
                .starts_with("%7B%22"),
            "{seen}"
        );
        let listed = bench
            .ok(&format!("List{kind}Policies"), holder(json!({})))
            .await;
        assert_eq!(listed["PolicyNames"], json!(["own"]));
        bench
            .ok(&format!("Delete{kind}Policy"), named.clone())
            .await;
        let (code, text) = bench.fault(&format!("Get{kind}Policy"), named).await;
        let what = kind.to_lowercase();
        assert_eq!(
            (code, text),
            (
                "NoSuchEntity",
                format!("The {what} policy with name own cannot be found.")
            )
        );
    }
}

#[tokio::test]
async fn a_boundary_bounds_users_and_roles() {
    let bench = with_policy().await;
    bench.ok("CreateUser", json!({"UserName": "it"})).await;
    bench
        .ok(
            "PutUserPermissionsBoundary",
            json!({"UserName": "it", "PermissionsBoundary": OWN}),
        )
        .await;
    let seen = bench.ok("GetUser", json!({"UserName": "it"})).await;
    assert_eq!(
        seen["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"],
        OWN
    );
    assert_eq!(
        seen["User"]["PermissionsBoundary"]["PermissionsBoundaryType"],
        "PermissionsBoundaryPolicy"
    );
    let policy = bench.ok("GetPolicy", json!({"PolicyArn": OWN})).await;
    assert_eq!(policy["Policy"]["PermissionsBoundaryUsageCount"], 1);
    bench
        .ok("DeleteUserPermissionsBoundary", json!({"UserName": "it"}))
        .await;
    let (code, _) = bench
        .fault("DeleteUserPermissionsBoundary", json!({"UserName": "it"}))
        .await;
    assert_eq!(code, "NoSuchEntity");
}
