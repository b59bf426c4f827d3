//! Keys, passwords, MFA devices, and the report on all of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Bench;
use crate::totp;

#[tokio::test]
async fn a_user_has_two_keys_that_are_switched_off_and_deleted() {
    let bench = Bench::new();
    bench.ok("CreateUser", json!({"UserName": "it"})).await;
    let made = bench.ok("CreateAccessKey", json!({"UserName": "it"})).await["AccessKey"].clone();
    assert_eq!(
        (&made["UserName"], &made["Status"]),
        (&json!("it"), &json!("Active"))
    );
    let id = made["AccessKeyId"].as_str().unwrap();
    assert!(id.starts_with("AKIA") && id.len() == 20, "{id}");
    assert_eq!(made["SecretAccessKey"].as_str().unwrap().len(), 40);
    bench.ok("CreateAccessKey", json!({"UserName": "it"})).await;
    let (code, text) = bench
        .fault("CreateAccessKey", json!({"UserName": "it"}))
        .await;
    assert_eq!(
        (code, text.as_str()),
        (
            "LimitExceeded",
            "Cannot exceed quota for AccessKeysPerUser: 2"
        )
    );
    bench
        .ok(
            "UpdateAccessKey",
            json!({"UserName": "it", "AccessKeyId": id, "Status": "Inactive"}),
        )
        .await;
    let listed = bench.ok("ListAccessKeys", json!({"UserName": "it"})).await;
    let key = &listed["AccessKeyMetadata"];
    let key = key
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["AccessKeyId"] == id)
        .unwrap();
    assert_eq!(
        (&key["Status"], &key["SecretAccessKey"]),
        (&json!("Inactive"), &Value::Null)
    );
    let used = bench
        .ok("GetAccessKeyLastUsed", json!({"AccessKeyId": id}))
        .await;
    // As the API Reference says of a key that was never used.
    assert_eq!(
        used["AccessKeyLastUsed"],
        json!({"ServiceName": "N/A", "Region": "N/A"})
    );
    bench
        .ok(
            "DeleteAccessKey",
            json!({"UserName": "it", "AccessKeyId": id}),
        )
        .await;
    let (code, text) = bench
        .fault(
            "DeleteAccessKey",
            json!({"UserName": "it", "AccessKeyId": id}),
        )
        .await;
    assert_eq!(
        (code, text),
        (
            "NoSuchEntity",
            format!("The Access Key with id {id} cannot be found.")
        )
    );
}

#[tokio::test]
async fn a_first_password_is_changed_by_its_owner() {
    let bench = Bench::new();
    bench.ok("CreateUser", json!({"UserName": "it"})).await;
    let make =
        json!({"UserName": "it", "Password": "First-1-password", "PasswordResetRequired": true});
    let made = bench.ok("CreateLoginProfile", make.clone()).await;
    assert_eq!(made["LoginProfile"]["PasswordResetRequired"], true);
    let (code, text) = bench.fault("CreateLoginProfile", make).await;
    assert_eq!(
        (code, text.as_str()),
        (
            "EntityAlreadyExists",
            "Login Profile for user it already exists."
        )
    );
    let change = |old: &str, new: &str| json!({"OldPassword": old, "NewPassword": new});
    let (code, text) = bench
        .fault_as("it", "ChangePassword", change("wrong", "Second-2-password"))
        .await;
    assert_eq!(code, "AccessDenied");
    assert!(text.contains("No policy refused"), "{text}");
    let (code, _) = bench
        .fault_as("it", "ChangePassword", change("First-1-password", "short"))
        .await;
    assert_eq!(code, "PasswordPolicyViolation");
    bench
        .call_as(
            "it",
            "ChangePassword",
            change("First-1-password", "Second-2-password"),
        )
        .await
        .unwrap();
    let seen = bench.ok("GetLoginProfile", json!({"UserName": "it"})).await;
    assert_eq!(seen["LoginProfile"]["PasswordResetRequired"], false);
    bench
        .ok("DeleteLoginProfile", json!({"UserName": "it"}))
        .await;
    let (code, text) = bench
        .fault("GetLoginProfile", json!({"UserName": "it"}))
        .await;
    assert_eq!(
        (code, text.as_str()),
        ("NoSuchEntity", "Login Profile for User it cannot be found.")
    );
}

#[tokio::test]
async fn the_password_policy_is_set_shown_and_deleted() {
    let bench = Bench::new();
    let (code, text) = bench.fault("GetAccountPasswordPolicy", json!({})).await;
    let expected = "The Password Policy with domain name 123456789012 cannot be found.";
    assert_eq!((code, text.as_str()), ("NoSuchEntity", expected));
    let set = json!({"MinimumPasswordLength": 12, "RequireSymbols": true, "MaxPasswordAge": 90, "PasswordReusePrevention": 5});
    bench.ok("UpdateAccountPasswordPolicy", set).await;
    let seen = bench.ok("GetAccountPasswordPolicy", json!({})).await;
    // What is not named is not kept, as the API Reference says: "not passed means its default".
    let expected = json!({
        "MinimumPasswordLength": 12, "RequireSymbols": true, "RequireNumbers": false, "RequireUppercaseCharacters": false,
        "RequireLowercaseCharacters": false, "AllowUsersToChangePassword": false, "ExpirePasswords": true,
        "MaxPasswordAge": 90, "PasswordReusePrevention": 5, "HardExpiry": false,
    });
    assert_eq!(seen["PasswordPolicy"], expected);
    let (code, text) = bench
        .fault(
            "UpdateAccountPasswordPolicy",
            json!({"MinimumPasswordLength": 129}),
        )
        .await;
    assert_eq!(code, "ValidationError");
    assert_eq!(
        text,
        "1 validation error detected: Value '129' at 'minimumPasswordLength' failed to satisfy constraint: Member must have value less than or equal to 128"
    );
    bench.ok("DeleteAccountPasswordPolicy", json!({})).await;
    let (code, _) = bench.fault("DeleteAccountPasswordPolicy", json!({})).await;
    assert_eq!(code, "NoSuchEntity");
}

#[tokio::test]
async fn a_device_is_enabled_by_two_codes_in_a_row() {
    let bench = Bench::new();
    let make = json!({"VirtualMFADeviceName": "phone"});
    let made = bench.ok("CreateVirtualMFADevice", make).await["VirtualMFADevice"].clone();
    let serial = made["SerialNumber"].clone();
    assert_eq!(serial, "arn:aws:iam::123456789012:mfa/phone");
    let seed = STANDARD
        .decode(made["Base32StringSeed"].as_str().unwrap())
        .unwrap();
    let seed = String::from_utf8(seed).unwrap();
    let step = bench.now().as_secs() / 30;
    let code = |step: u64| totp::code(&seed, step);
    let enable = |first: u64, second: u64| json!({"UserName": "administrator", "SerialNumber": serial, "AuthenticationCode1": code(first), "AuthenticationCode2": code(second)});
    let (fault, _) = bench
        .fault("EnableMFADevice", enable(step - 1, step - 1))
        .await;
    assert_eq!(fault, "InvalidAuthenticationCode");
    bench.ok("EnableMFADevice", enable(step - 1, step)).await;
    let (fault, _) = bench.fault("EnableMFADevice", enable(step - 1, step)).await;
    assert_eq!(fault, "EntityAlreadyExists");
    let listed = bench.ok("ListMFADevices", json!({})).await;
    assert_eq!(listed["MFADevices"][0]["SerialNumber"], serial);
    let (fault, text) = bench
        .fault("DeleteVirtualMFADevice", json!({"SerialNumber": serial}))
        .await;
    assert_eq!(
        (fault, text.as_str()),
        (
            "DeleteConflict",
            "MFA VirtualDevice in use. Must deactivate first."
        )
    );
    let assigned = bench
        .ok(
            "ListVirtualMFADevices",
            json!({"AssignmentStatus": "Assigned"}),
        )
        .await;
    let device = &assigned["VirtualMFADevices"][0];
    assert_eq!(
        (&device["User"]["UserName"], &device["Base32StringSeed"]),
        (&json!("administrator"), &Value::Null)
    );
    bench
        .ok("DeactivateMFADevice", json!({"SerialNumber": serial}))
        .await;
    bench
        .ok("DeleteVirtualMFADevice", json!({"SerialNumber": serial}))
        .await;
}

#[tokio::test]
async fn the_credential_report_begins_with_root_and_lasts_four_hours() {
    let bench = Bench::new();
    let (code, _) = bench.fault("GetCredentialReport", json!({})).await;
    assert_eq!(code, "ReportNotPresent");
    bench.ok("CreateUser", json!({"UserName": "a,b"})).await;
    bench
        .ok(
            "CreateLoginProfile",
            json!({"UserName": "a,b", "Password": "First-1-password"}),
        )
        .await;
    let first = bench.ok("GenerateCredentialReport", json!({})).await;
    assert_eq!(first["State"], "STARTED");
    let again = bench.ok("GenerateCredentialReport", json!({})).await;
    assert_eq!(again["State"], "COMPLETE");
    let report = bench.ok("GetCredentialReport", json!({})).await;
    assert_eq!(report["ReportFormat"], "text/csv");
    let text = STANDARD
        .decode(report["Content"].as_str().unwrap())
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.lines().collect();
    // The columns of the user guide, of which the last four are of certificates.
    assert_eq!(lines[0].split(',').count(), 22);
    assert_eq!(lines.len(), 4);
    assert!(
        lines[1].starts_with(
            "<root_account>,arn:aws:iam::123456789012:root,2026-11-18T11:06:40+00:00,not_supported,"
        ),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("\"a,b\",\"arn:aws:iam::123456789012:user/a,b\",2026-11-18T11:06:40+00:00,true,no_information,"), "{}", lines[2]);
    assert!(
        lines[3].starts_with("administrator,") && lines[3].ends_with(",false,N/A,false,N/A"),
        "{}",
        lines[3]
    );
    bench.advance(4 * 60 * 60);
    let (code, _) = bench.fault("GetCredentialReport", json!({})).await;
    assert_eq!(code, "ReportExpired");
}
