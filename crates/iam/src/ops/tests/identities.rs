//! Users, groups, roles, instance profiles and their tags.

use serde_json::{Value, json};

use super::Bench;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn names(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap();
    let text = |item: &Value| item[name].as_str().unwrap().to_owned();
    items.iter().map(text).collect()
}

#[tokio::test]
async fn a_user_has_a_path_an_id_and_tags() {
    let bench = Bench::new();
    let tags = json!([{"Key": "team", "Value": "ads"}]);
    let input = json!({"UserName": "Bob", "Path": "/dev/", "Tags": tags});
    let made = bench.ok("CreateUser", input).await["User"].clone();
    assert_eq!(made["Arn"], "arn:aws:iam::123456789012:user/dev/Bob");
    let id = made["UserId"].as_str().unwrap();
    assert!(id.starts_with("AIDA") && id.len() == 21, "{id}");
    assert_eq!(made["CreateDate"], 1_795_000_000);
    let seen = bench.ok("GetUser", json!({"UserName": "Bob"})).await;
    assert_eq!(seen["User"], made);
    let listed = bench.ok("ListUsers", json!({"PathPrefix": "/dev"})).await;
    assert_eq!(names(&listed, "Users", "UserName"), ["Bob"]);
    assert_eq!(
        listed["Users"][0]["Tags"],
        Value::Null,
        "as the reference says of lists"
    );
    let update = json!({"UserName": "Bob", "NewUserName": "Robert", "NewPath": "/"});
    bench.ok("UpdateUser", update).await;
    let seen = bench.ok("GetUser", json!({"UserName": "Robert"})).await;
    assert_eq!(seen["User"]["UserId"], made["UserId"]);
    let untag = json!({"UserName": "Robert", "TagKeys": ["TEAM"]});
    bench.ok("UntagUser", untag).await;
    let left = bench
        .ok("ListUserTags", json!({"UserName": "Robert"}))
        .await;
    assert_eq!(left["Tags"], json!([]));
}

#[tokio::test]
async fn a_caller_who_names_nobody_means_itself() {
    let bench = Bench::new();
    let seen = bench.ok("GetUser", json!({})).await;
    assert_eq!(seen["User"]["UserName"], "administrator");
    let own = bench.ok("ListAccessKeys", json!({})).await;
    assert_eq!(own["AccessKeyMetadata"].as_array().unwrap().len(), 1);
    let touched = bench.reach("administrator", "GetUser", &json!({}));
    assert_eq!(
        touched.resource.to_string(),
        "arn:aws:iam::123456789012:user/administrator"
    );
}

#[tokio::test]
async fn a_group_has_members_until_they_are_taken_out() {
    let bench = Bench::new();
    bench
        .ok("CreateGroup", json!({"GroupName": "Developers"}))
        .await;
    for name in ["a", "b", "c"] {
        bench.ok("CreateUser", json!({"UserName": name})).await;
        let member = json!({"GroupName": "Developers", "UserName": name});
        bench.ok("AddUserToGroup", member.clone()).await;
        bench.ok("AddUserToGroup", member).await;
    }
    let first = json!({"GroupName": "Developers", "MaxItems": 2});
    let first = bench.ok("GetGroup", first).await;
    assert_eq!(names(&first, "Users", "UserName"), ["a", "b"]);
    assert_eq!(first["IsTruncated"], true);
    let rest = json!({"GroupName": "Developers", "Marker": first["Marker"]});
    let rest = bench.ok("GetGroup", rest).await;
    assert_eq!(names(&rest, "Users", "UserName"), ["c"]);
    assert_eq!(
        (&rest["IsTruncated"], &rest["Marker"]),
        (&json!(false), &Value::Null)
    );
    let groups = bench
        .ok("ListGroupsForUser", json!({"UserName": "b"}))
        .await;
    assert_eq!(names(&groups, "Groups", "GroupName"), ["Developers"]);
    for name in ["a", "b", "c"] {
        let member = json!({"GroupName": "Developers", "UserName": name});
        bench.ok("RemoveUserFromGroup", member).await;
    }
    bench
        .ok("DeleteGroup", json!({"GroupName": "Developers"}))
        .await;
    let groups = bench.ok("ListGroups", json!({})).await;
    assert_eq!(groups["Groups"], json!([]));
}

#[tokio::test]
async fn a_role_stands_in_an_instance_profile() {
    let bench = Bench::new();
    let make =
        json!({"RoleName": "web", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 7200});
    let role = bench.ok("CreateRole", make).await["Role"].clone();
    assert_eq!(role["Arn"], "arn:aws:iam::123456789012:role/web");
    // As the API Reference says: URL-encoded in compliance with RFC 3986.
    let trust = role["AssumeRolePolicyDocument"].as_str().unwrap();
    assert!(
        trust.starts_with("%7B%22Version%22%3A%222012-10-17%22%2C"),
        "{trust}"
    );
    bench
        .ok(
            "CreateInstanceProfile",
            json!({"InstanceProfileName": "web"}),
        )
        .await;
    let both = json!({"InstanceProfileName": "web", "RoleName": "web"});
    // Source: Service Authorization Reference, IAM: dependent actions of AddRoleToInstanceProfile.
    let access = bench.reaches("administrator", "AddRoleToInstanceProfile", &both);
    let reached: Vec<_> = access
        .iter()
        .map(|it| (it.action, &*it.resource.resource))
        .collect();
    assert_eq!(
        reached,
        [
            ("iam:AddRoleToInstanceProfile", "instance-profile/web"),
            ("iam:PassRole", "role/web")
        ]
    );
    bench.ok("AddRoleToInstanceProfile", both.clone()).await;
    let profiles = json!({"RoleName": "web"});
    let profiles = bench.ok("ListInstanceProfilesForRole", profiles).await;
    assert_eq!(
        profiles["InstanceProfiles"][0]["Roles"][0]["RoleName"],
        "web"
    );
    bench.ok("RemoveRoleFromInstanceProfile", both).await;
    bench
        .ok(
            "DeleteInstanceProfile",
            json!({"InstanceProfileName": "web"}),
        )
        .await;
    bench.ok("DeleteRole", json!({"RoleName": "web"})).await;
}

#[tokio::test]
async fn the_summary_counts_and_the_details_tell_all() {
    let bench = Bench::new();
    bench.ok("CreateUser", json!({"UserName": "Bob"})).await;
    bench.ok("CreateGroup", json!({"GroupName": "Admin"})).await;
    bench
        .ok(
            "AddUserToGroup",
            json!({"GroupName": "Admin", "UserName": "Bob"}),
        )
        .await;
    let admin =
        json!({"GroupName": "Admin", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    bench.ok("AttachGroupPolicy", admin).await;
    let summary = bench.ok("GetAccountSummary", json!({})).await;
    let count = |name: &str| summary["SummaryMap"][name].as_i64();
    assert_eq!((count("Users"), count("Groups")), (Some(2), Some(1)));
    assert_eq!(
        (count("UsersQuota"), count("AccountAccessKeysPresent")),
        (Some(5000), Some(0))
    );
    let details = bench.ok("GetAccountAuthorizationDetails", json!({})).await;
    let bob = &details["UserDetailList"][1];
    assert_eq!(
        (&bob["UserName"], &bob["GroupList"]),
        (&json!("Bob"), &json!(["Admin"]))
    );
    let group = &details["GroupDetailList"][0]["AttachedManagedPolicies"][0];
    assert_eq!(group["PolicyName"], "AdministratorAccess");
    assert_eq!(details["Policies"][0]["AttachmentCount"], 2);
    let only = json!({"Filter": ["Group"]});
    let only = bench.ok("GetAccountAuthorizationDetails", only).await;
    assert_eq!(
        (&only["UserDetailList"], &only["Policies"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn an_account_has_one_alias() {
    let bench = Bench::new();
    let aliases = || bench.ok("ListAccountAliases", json!({}));
    assert_eq!(aliases().await["AccountAliases"], json!([]));
    for alias in ["adstation", "motherboard"] {
        bench
            .ok("CreateAccountAlias", json!({"AccountAlias": alias}))
            .await;
        assert_eq!(aliases().await["AccountAliases"], json!([alias]));
    }
    bench
        .ok("DeleteAccountAlias", json!({"AccountAlias": "motherboard"}))
        .await;
    assert_eq!(aliases().await["AccountAliases"], json!([]));
}
