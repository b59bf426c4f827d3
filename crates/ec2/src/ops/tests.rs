//! Calls and what they answer.

use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::testing::Bench;
use crate::engine::Facts;

/// The ids of what DescribeInstances answers to filters.
async fn found(bench: &Bench, filters: Value) -> Vec<String> {
    let answer = bench
        .ok("DescribeInstances", json!({ "Filters": filters }))
        .await;
    ids(&answer)
}

fn ids(answer: &Value) -> Vec<String> {
    let reservations = answer["Reservations"].as_array().unwrap().iter();
    let all = reservations.flat_map(|it| it["Instances"].as_array().unwrap());
    let mut ids: Vec<_> = all
        .map(|it| it["InstanceId"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
    ids.sort();
    ids
}

async fn run(bench: &Bench, input: Value) -> Vec<String> {
    let answer = bench.ok("RunInstances", input).await;
    let all = answer["Instances"].as_array().unwrap().iter();
    all.map(|it| it["InstanceId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_host_is_shown_with_what_it_says_of_itself() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let answer = bench
        .ok("DescribeInstances", json!({ "InstanceIds": [id] }))
        .await;
    let reservation = &answer["Reservations"][0];
    assert_eq!(reservation["OwnerId"], "123456789012");
    assert_eq!(reservation["Groups"], json!([]));
    let shown = &reservation["Instances"][0];
    assert_eq!(
        *shown,
        json!({
            "InstanceId": id,
            "State": { "Code": 16, "Name": "running" },
            "PrivateDnsName": "web-1.example",
            "PublicDnsName": "",
            "StateTransitionReason": "",
            "AmiLaunchIndex": 0,
            "InstanceType": "host.2c4g",
            "LaunchTime": 1_795_000_000,
            "Placement": { "GroupName": "", "Tenancy": "default", "AvailabilityZone": "ap-northeast-1a" },
            "Monitoring": { "State": "disabled" },
            "PrivateIpAddress": "10.0.0.7",
            "Architecture": "arm64",
            "ClientToken": "",
            "EbsOptimized": false,
            "SecurityGroups": [],
            "Tags": [{ "Key": "Name", "Value": "web-1" }],
            "CpuOptions": { "CoreCount": 2, "ThreadsPerCore": 1 },
            "PlatformDetails": "Linux/UNIX",
            "Ipv6Address": "2001:db8::7",
        })
    );
}

#[tokio::test]
async fn values_are_alternatives_and_filters_must_all_hold() {
    let bench = Bench::new().await;
    let web = [bench.host("web-1").await, bench.host("web-2").await];
    let db = bench.host("db-1").await;
    let waiting = run(
        &bench,
        json!({ "MinCount": 1, "MaxCount": 1, "ImageId": "ami-1" }),
    )
    .await
    .remove(0);
    let filter = |name: &str, values: &[&str]| json!({ "Name": name, "Values": values });
    let both = sorted(&[&web[0], &web[1]]);
    assert_eq!(
        found(&bench, json!([filter("tag:Name", &["web-*"])])).await,
        both
    );
    assert_eq!(
        found(&bench, json!([filter("tag:Name", &["WEB-*"])])).await,
        Vec::<String>::new()
    );
    let any = filter("tag:Name", &["web-1", "db-?"]);
    assert_eq!(found(&bench, json!([any])).await, sorted(&[&web[0], &db]));
    let and = json!([any, filter("instance-id", &[&db])]);
    assert_eq!(found(&bench, and).await, sorted(&[&db]));
    for (name, value, expected) in [
        ("instance-state-name", "pending", vec![&waiting]),
        ("instance-state-code", "0", vec![&waiting]),
        ("image-id", "ami-*", vec![&waiting]),
        ("architecture", "arm64", vec![&web[0], &web[1], &db]),
        ("private-dns-name", "db-1.example", vec![&db]),
        (
            "private-ip-address",
            "10.0.0.*",
            vec![&web[0], &web[1], &db],
        ),
        ("ipv6-address", "2001:db8::7", vec![&web[0], &web[1], &db]),
        ("tag-key", "Name", vec![&web[0], &web[1], &db]),
        ("tag-value", "db-1", vec![&db]),
        ("instance-type", "host.2c4g", vec![&web[0], &web[1], &db]),
        (
            "availability-zone",
            "ap-northeast-1a",
            vec![&web[0], &web[1], &db, &waiting],
        ),
        (
            "owner-id",
            "123456789012",
            vec![&web[0], &web[1], &db, &waiting],
        ),
        ("monitoring-state", "enabled", vec![]),
        ("vpc-id", "*", vec![]),
        (
            "launch-time",
            "2026-11-18T*",
            vec![&web[0], &web[1], &db, &waiting],
        ),
    ] {
        let answer = found(&bench, json!([filter(name, &[value])])).await;
        assert_eq!(answer, sorted(&expected), "{name}");
    }
    // No value matches nothing.
    assert_eq!(
        found(&bench, json!([{ "Name": "tag:Name", "Values": [] }])).await,
        Vec::<String>::new()
    );
    let (code, text) = bench
        .fault(
            "DescribeInstances",
            json!({ "Filters": [filter("name", &["x"])] }),
        )
        .await;
    assert_eq!(
        (code, text.as_str()),
        ("InvalidParameterValue", "The filter 'name' is invalid")
    );
    let many: Vec<_> = (0..201).map(|n| n.to_string()).collect();
    let input = json!({ "Filters": [{ "Name": "tag:Name", "Values": many }] });
    assert_eq!(
        bench.fault("DescribeInstances", input).await.0,
        "FilterLimitExceeded"
    );
}

#[tokio::test]
async fn ids_that_are_wrong_are_said_as_ec2_says_it() {
    let bench = Bench::new().await;
    let (a, b) = ("i-0f1e2d3c4b5a69788", "i-1a2b3c4d");
    for (ids, code, text) in [
        (
            vec![a],
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-0f1e2d3c4b5a69788' does not exist",
        ),
        (
            vec![a, b],
            "InvalidInstanceID.NotFound",
            "The instance IDs 'i-0f1e2d3c4b5a69788, i-1a2b3c4d' do not exist",
        ),
        (
            vec!["foo"],
            "InvalidInstanceID.Malformed",
            "Invalid id: \"foo\" (expecting \"i-...\")",
        ),
        (
            vec!["i-foo"],
            "InvalidInstanceID.Malformed",
            "Invalid id: \"i-foo\"",
        ),
    ] {
        for operation in [
            "DescribeInstances",
            "DescribeInstanceStatus",
            "StartInstances",
            "StopInstances",
            "RebootInstances",
            "TerminateInstances",
            "MonitorInstances",
        ] {
            let fault = bench.fault(operation, json!({ "InstanceIds": ids })).await;
            assert_eq!((fault.0, fault.1.as_str()), (code, text), "{operation}");
        }
    }
    let both = json!({ "InstanceIds": [a], "MaxResults": 5 });
    for operation in ["DescribeInstances", "DescribeInstanceStatus"] {
        let (code, text) = bench.fault(operation, both.clone()).await;
        assert_eq!(code, "InvalidParameterCombination");
        assert_eq!(
            text,
            "The parameter instancesSet cannot be used with the parameter maxResults"
        );
    }
}

#[tokio::test]
async fn pages_of_instances_join_to_all() {
    let bench = Bench::new().await;
    let mut made = run(&bench, json!({ "MinCount": 12, "MaxCount": 12 })).await;
    made.sort();
    let (mut all, mut token) = (Vec::new(), Value::Null);
    for size in [5, 5, 2] {
        let answer = bench
            .ok(
                "DescribeInstances",
                json!({ "MaxResults": 5, "NextToken": token }),
            )
            .await;
        let page = ids(&answer);
        assert_eq!(page.len(), size);
        all.extend(page);
        token = answer["NextToken"].clone();
    }
    assert_eq!((all, token), (made, Value::Null));
    let (_, text) = bench
        .fault("DescribeInstances", json!({ "MaxResults": 4 }))
        .await;
    assert_eq!(
        text,
        "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5."
    );
    let answer = bench
        .ok("DescribeInstances", json!({ "MaxResults": 1000 }))
        .await;
    assert_eq!(answer["Reservations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn instances_are_run_as_wanted_and_wait_for_hosts() {
    let bench = Bench::new().await;
    let input = json!({
        "MinCount": 1, "MaxCount": 2, "ImageId": "ami-1", "InstanceType": "t3.micro", "KeyName": "k",
        "ClientToken": "t-1", "Monitoring": { "Enabled": true }, "DisableApiTermination": true,
        "Placement": { "AvailabilityZone": "ap-northeast-1a" },
        "TagSpecifications": [{ "ResourceType": "instance", "Tags": [{ "Key": "Name", "Value": "front" }] }],
    });
    let answer = bench.ok("RunInstances", input.clone()).await;
    assert!(answer["ReservationId"].as_str().unwrap().starts_with("r-"));
    let instances = answer["Instances"].as_array().unwrap();
    assert_eq!(instances.len(), 2);
    let second = &instances[1];
    assert_eq!(second["State"], json!({ "Code": 0, "Name": "pending" }));
    assert_eq!(second["AmiLaunchIndex"], 1);
    assert_eq!(
        (
            &second["ImageId"],
            &second["InstanceType"],
            &second["KeyName"]
        ),
        (&json!("ami-1"), &json!("t3.micro"), &json!("k"))
    );
    assert_eq!(second["Monitoring"]["State"], "enabled");
    assert_eq!(second["Tags"], json!([{ "Key": "Name", "Value": "front" }]));
    // The same again is the same; another with the same token is not.
    assert_eq!(bench.ok("RunInstances", input.clone()).await, answer);
    let mut other = input;
    other["MaxCount"] = json!(3);
    assert_eq!(
        bench.fault("RunInstances", other).await.0,
        "IdempotentParameterMismatch"
    );
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let bench = Bench::new().await;
    let with = |more: Value| {
        let mut input = json!({ "MinCount": 1, "MaxCount": 1 });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        input
    };
    for (input, code) in [
        (
            with(json!({ "MinCount": 2 })),
            "InvalidParameterCombination",
        ),
        (with(json!({ "MinCount": 0 })), "InvalidParameterValue"),
        (with(json!({ "MaxCount": 101 })), "InvalidParameterValue"),
        (
            with(json!({ "UserData": "%" })),
            "InvalidUserData.Malformed",
        ),
        (
            with(json!({ "UserData": STANDARD.encode([0; 16385]) })),
            "InvalidParameterValue",
        ),
        (
            with(json!({ "Placement": { "AvailabilityZone": "us-east-1a" } })),
            "InvalidParameterValue",
        ),
        (
            with(json!({ "InstanceInitiatedShutdownBehavior": "terminate" })),
            "InvalidParameterValue",
        ),
        (
            with(json!({ "TagSpecifications": [{ "ResourceType": "volume", "Tags": [] }] })),
            "InvalidParameterValue",
        ),
        (
            with(
                json!({ "TagSpecifications": [{ "ResourceType": "instance", "Tags": [{ "Key": "aws:x" }] }] }),
            ),
            "InvalidParameterValue",
        ),
        (with(json!({ "ClientToken": "" })), "InvalidParameterValue"),
    ] {
        assert_eq!(
            bench.fault("RunInstances", input.clone()).await.0,
            code,
            "{input}"
        );
    }
    // What would promise something that nobody keeps is not even read.
    for member in [
        json!({ "SecurityGroups": ["web"] }),
        json!({ "PrivateIpAddress": "10.0.0.7" }),
        json!({ "LaunchTemplate": { "LaunchTemplateId": "lt-1" } }),
        json!({ "IamInstanceProfile": { "Name": "p" } }),
        json!({ "NetworkInterfaces": [{ "DeviceIndex": 0 }] }),
    ] {
        assert!(
            !bench.is_read("RunInstances", &with(member.clone())),
            "{member}"
        );
    }
    assert!(bench.is_read(
        "RunInstances",
        &with(json!({ "BlockDeviceMappings": [{ "DeviceName": "/dev/xvda" }] }))
    ));
    assert_eq!(
        ids(&bench.ok("DescribeInstances", json!({})).await),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn states_change_step_by_step_as_ec2_tells_them() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let input = json!({ "InstanceIds": [id] });
    let answer = bench.ok("StopInstances", input.clone()).await;
    assert_eq!(
        answer,
        json!({ "StoppingInstances": [{
            "InstanceId": id,
            "CurrentState": { "Code": 64, "Name": "stopping" },
            "PreviousState": { "Code": 16, "Name": "running" },
        }] })
    );
    let answer = bench
        .ok(
            "StopInstances",
            json!({ "InstanceIds": [id], "Force": true }),
        )
        .await;
    assert_eq!(
        answer["StoppingInstances"][0]["CurrentState"]["Name"],
        "stopped"
    );
    let shown = bench.ok("DescribeInstances", input.clone()).await;
    let shown = &shown["Reservations"][0]["Instances"][0];
    assert_eq!(
        shown["StateReason"],
        json!({
            "Code": "Client.UserInitiatedShutdown",
            "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
        })
    );
    assert_eq!(
        shown["StateTransitionReason"],
        "User initiated (2026-11-18 11:06:40 GMT)"
    );
    let (code, text) = bench.fault("RebootInstances", input.clone()).await;
    assert_eq!(code, "IncorrectInstanceState");
    assert_eq!(
        text,
        format!("This instance '{id}' is not in a state from which it can be rebooted.")
    );
    let answer = bench.ok("StartInstances", input.clone()).await;
    assert_eq!(
        answer["StartingInstances"][0]["CurrentState"]["Name"],
        "pending"
    );
    let answer = bench.ok("TerminateInstances", input.clone()).await;
    assert_eq!(
        answer["TerminatingInstances"][0]["CurrentState"],
        json!({ "Code": 48, "Name": "terminated" })
    );
    assert!(bench.keeper.keys.lock().is_empty());
    let (_, text) = bench.fault("StartInstances", input).await;
    assert_eq!(
        text,
        format!("The instance '{id}' is not in a state from which it can be started.")
    );
    for operation in [
        "StartInstances",
        "StopInstances",
        "RebootInstances",
        "TerminateInstances",
    ] {
        assert_eq!(
            bench.fault(operation, json!({ "InstanceIds": [] })).await.0,
            "MissingParameter"
        );
    }
}

#[tokio::test]
async fn status_checks_follow_the_host() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let waiting = run(&bench, json!({ "MinCount": 1, "MaxCount": 1 }))
        .await
        .remove(0);
    let answer = bench.ok("DescribeInstanceStatus", json!({})).await;
    assert_eq!(answer["InstanceStatuses"].as_array().unwrap().len(), 1);
    assert_eq!(
        answer["InstanceStatuses"][0],
        json!({
            "AvailabilityZone": "ap-northeast-1a",
            "InstanceId": id,
            "InstanceState": { "Code": 16, "Name": "running" },
            "InstanceStatus": { "Details": [{ "Name": "reachability", "Status": "passed" }], "Status": "ok" },
            "SystemStatus": { "Details": [{ "Name": "reachability", "Status": "passed" }], "Status": "ok" },
        })
    );
    bench.advance(180);
    bench.instances.tick().await.unwrap();
    let filter = json!([{ "Name": "instance-status.status", "Values": ["impaired"] }]);
    let answer = bench
        .ok("DescribeInstanceStatus", json!({ "Filters": filter }))
        .await;
    let status = &answer["InstanceStatuses"][0];
    assert_eq!(
        status["InstanceStatus"],
        json!({ "Details": [{ "ImpairedSince": 1_795_000_000, "Name": "reachability", "Status": "failed" }], "Status": "impaired" })
    );
    assert_eq!(status["SystemStatus"]["Status"], "insufficient-data");
    assert_eq!(status["InstanceState"]["Name"], "running");
    let all = bench
        .ok(
            "DescribeInstanceStatus",
            json!({ "IncludeAllInstances": true, "InstanceIds": [waiting] }),
        )
        .await;
    assert_eq!(
        all["InstanceStatuses"][0]["InstanceStatus"],
        json!({ "Status": "not-applicable" })
    );
}

#[tokio::test]
async fn user_data_shows_once_how_to_join() {
    let bench = Bench::new().await;
    let given = STANDARD.encode("#!/bin/sh\necho hello");
    let id = run(
        &bench,
        json!({ "MinCount": 1, "MaxCount": 1, "UserData": given }),
    )
    .await
    .remove(0);
    let input = json!({ "InstanceId": id, "Attribute": "userData" });
    let actions = |bench: &Bench| -> Vec<_> {
        bench
            .access("DescribeInstanceAttribute", &input)
            .iter()
            .map(|it| it.action)
            .collect()
    };
    assert_eq!(
        actions(&bench),
        ["ec2:DescribeInstanceAttribute", "ec2:RunInstances"]
    );
    let answer = bench.ok("DescribeInstanceAttribute", input.clone()).await;
    let text = |answer: &Value| {
        String::from_utf8(
            STANDARD
                .decode(answer["UserData"]["Value"].as_str().unwrap())
                .unwrap(),
        )
        .unwrap()
    };
    let script = text(&answer);
    let (before, command) = script.split_once("shukuba agent").unwrap();
    assert_eq!(before, "#!/bin/sh\necho hello\n");
    assert_eq!(
        command,
        " --join http://127.0.0.1:5310 --region ap-northeast-1 --token sj_AKIAJOIN1_secret1 # once, until 2026-11-19T11:06:40Z\n"
    );
    // From now on it is what was given, for everybody.
    assert_eq!(actions(&bench), ["ec2:DescribeInstanceAttribute"]);
    let again = bench.ok("DescribeInstanceAttribute", input.clone()).await;
    assert_eq!(again["UserData"]["Value"], given);
    let facts = Facts {
        fingerprint: "m".to_owned(),
        hostname: "h".to_owned(),
        ..Facts::default()
    };
    let joined = bench.join("AKIAJOIN1", facts).await;
    assert_eq!(joined.instance.as_str(), id);
    assert!(!bench.keeper.enrolments.lock().contains_key("AKIAJOIN1"));
    // Nothing was given: it says when it was shown, and the record holds no secret.
    let id = run(&bench, json!({ "MinCount": 1, "MaxCount": 1 }))
        .await
        .remove(0);
    let input = json!({ "InstanceId": id, "Attribute": "userData" });
    let masked = bench
        .masked("DescribeInstanceAttribute", input.clone())
        .await;
    assert!(
        masked.contains(&id) && !masked.contains(&STANDARD.encode("#!/bin/sh\nshukuba")[..16]),
        "{masked}"
    );
    let again = text(&bench.ok("DescribeInstanceAttribute", input).await);
    assert_eq!(
        again,
        "#!/bin/sh\n# How to join was shown at 2026-11-18T11:06:40Z, and is not shown again.\n"
    );
}

#[tokio::test]
async fn of_two_who_ask_at_once_one_is_shown_how_to_join() {
    let bench = Bench::new().await;
    let id = run(&bench, json!({ "MinCount": 1, "MaxCount": 1 }))
        .await
        .remove(0);
    let input = json!({ "InstanceId": id, "Attribute": "userData" });
    let ask = || bench.ok("DescribeInstanceAttribute", input.clone());
    let (a, b) = tokio::join!(ask(), ask());
    let shows = |answer: &Value| {
        let script = STANDARD
            .decode(answer["UserData"]["Value"].as_str().unwrap())
            .unwrap();
        String::from_utf8(script).unwrap().contains("--token sj_")
    };
    assert_ne!(shows(&a), shows(&b));
    // The key that was made in vain is taken back.
    let bound = bench
        .keeper
        .enrolments
        .lock()
        .values()
        .filter(|it| it.is_some())
        .count();
    assert_eq!(bound, 1);
}

#[tokio::test]
async fn attributes_are_shown_and_those_that_protect_can_be_changed() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let show = |attribute: &str| json!({ "InstanceId": id, "Attribute": attribute });
    let shown = bench
        .ok("DescribeInstanceAttribute", show("disableApiTermination"))
        .await;
    assert_eq!(
        shown,
        json!({ "InstanceId": id, "DisableApiTermination": { "Value": false } })
    );
    let change = json!({ "InstanceId": id, "DisableApiTermination": { "Value": true } });
    bench.ok("ModifyInstanceAttribute", change).await;
    let change = json!({ "InstanceId": id, "Attribute": "disableApiStop", "Value": "true" });
    bench.ok("ModifyInstanceAttribute", change).await;
    for (operation, text) in [
        (
            "TerminateInstances",
            "may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.",
        ),
        (
            "StopInstances",
            "may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
        ),
    ] {
        let fault = bench.fault(operation, json!({ "InstanceIds": [id] })).await;
        assert_eq!(
            fault,
            (
                "OperationNotPermitted",
                format!("The instance '{id}' {text}")
            )
        );
    }
    for (attribute, member, value) in [
        (
            "instanceType",
            "InstanceType",
            json!({ "Value": "host.2c4g" }),
        ),
        ("disableApiStop", "DisableApiStop", json!({ "Value": true })),
        (
            "instanceInitiatedShutdownBehavior",
            "InstanceInitiatedShutdownBehavior",
            json!({ "Value": "stop" }),
        ),
        ("userData", "UserData", json!({})),
        ("ebsOptimized", "EbsOptimized", json!({ "Value": false })),
        ("groupSet", "Groups", json!([])),
    ] {
        assert_eq!(
            bench.ok("DescribeInstanceAttribute", show(attribute)).await[member],
            value,
            "{attribute}"
        );
    }
    assert_eq!(
        bench
            .fault("DescribeInstanceAttribute", show("colour"))
            .await
            .0,
        "InvalidParameterValue"
    );
    for (input, code) in [
        (json!({ "InstanceId": id }), "InvalidParameterCombination"),
        (
            json!({ "InstanceId": id, "Attribute": "disableApiStop", "Value": "maybe" }),
            "InvalidParameterValue",
        ),
        (
            json!({ "InstanceId": id, "Attribute": "instanceType", "Value": "t3.micro" }),
            "InvalidParameterValue",
        ),
        (
            json!({ "InstanceId": "x", "DisableApiStop": { "Value": true } }),
            "InvalidInstanceID.Malformed",
        ),
    ] {
        assert_eq!(bench.fault("ModifyInstanceAttribute", input).await.0, code);
    }
    assert!(!bench.is_read(
        "ModifyInstanceAttribute",
        &json!({ "InstanceId": id, "InstanceType": { "Value": "t3.micro" } })
    ));
}

#[tokio::test]
async fn tags_come_and_go() {
    let bench = Bench::new().await;
    let (web, db) = (bench.host("web-1").await, bench.host("db-1").await);
    let tags = json!([{ "Key": "team", "Value": "広告" }, { "Key": "empty" }]);
    bench
        .ok(
            "CreateTags",
            json!({ "Resources": [web, db], "Tags": tags }),
        )
        .await;
    let filter = json!([{ "Name": "tag:team", "Values": ["広?"] }, { "Name": "resource-id", "Values": [web] }]);
    let answer = bench.ok("DescribeTags", json!({ "Filters": filter })).await;
    assert_eq!(
        answer,
        json!({ "Tags": [{ "Key": "team", "ResourceId": web, "ResourceType": "instance", "Value": "広告" }] })
    );
    async fn count(bench: &Bench, filters: Value) -> usize {
        let answer = bench
            .ok("DescribeTags", json!({ "Filters": filters }))
            .await;
        answer["Tags"].as_array().unwrap().len()
    }
    assert_eq!(count(&bench, json!([])).await, 6);
    assert_eq!(
        count(
            &bench,
            json!([{ "Name": "key", "Values": ["Name", "team"] }])
        )
        .await,
        4
    );
    assert_eq!(
        count(
            &bench,
            json!([{ "Name": "resource-type", "Values": ["volume"] }])
        )
        .await,
        0
    );
    // With another value it stays.
    bench
        .ok(
            "DeleteTags",
            json!({ "Resources": [web], "Tags": [{ "Key": "team", "Value": "x" }] }),
        )
        .await;
    assert_eq!(count(&bench, json!([])).await, 6);
    bench
        .ok(
            "DeleteTags",
            json!({ "Resources": [web], "Tags": [{ "Key": "team" }, { "Key": "none" }] }),
        )
        .await;
    assert_eq!(count(&bench, json!([])).await, 5);
    bench
        .ok("DeleteTags", json!({ "Resources": [web, db] }))
        .await;
    assert_eq!(count(&bench, json!([])).await, 0);
}

#[tokio::test]
async fn tags_that_are_wrong_are_said_as_ec2_says_it() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let tag = |key: &str, value: &str| json!({ "Resources": [id], "Tags": [{ "Key": key, "Value": value }] });
    let long = |count: usize| "k".repeat(count);
    for (input, code, text) in [
        (
            tag("aws:x", ""),
            "InvalidParameterValue",
            "Tag keys starting with 'aws:' are reserved for internal use",
        ),
        (
            tag(&long(129), ""),
            "InvalidParameterValue",
            "Tag key exceeds the maximum length of 128 characters",
        ),
        (
            tag("k", &long(257)),
            "InvalidParameterValue",
            "Tag value exceeds the maximum length of 256 characters",
        ),
        (
            json!({ "Resources": ["vpc-1"], "Tags": [{ "Key": "k" }] }),
            "InvalidID",
            "The ID 'vpc-1' is not valid",
        ),
        (
            json!({ "Resources": [id], "Tags": [] }),
            "MissingParameter",
            "The request must contain the parameter tagSet",
        ),
        (
            json!({ "Resources": [], "Tags": [{ "Key": "k" }] }),
            "MissingParameter",
            "The request must contain the parameter resourceIdSet",
        ),
    ] {
        let fault = bench.fault("CreateTags", input).await;
        assert_eq!((fault.0, fault.1.as_str()), (code, text));
    }
    let many: Vec<_> = (0..50).map(|n| json!({ "Key": format!("k{n}") })).collect();
    let fault = bench
        .fault("CreateTags", json!({ "Resources": [id], "Tags": many }))
        .await;
    assert_eq!(
        fault,
        (
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.".to_owned()
        )
    );
}

#[tokio::test]
async fn there_is_one_region_and_one_zone() {
    let bench = Bench::new().await;
    let answer = bench
        .ok(
            "DescribeRegions",
            json!({ "RegionNames": ["ap-northeast-1"] }),
        )
        .await;
    assert_eq!(
        answer["Regions"],
        json!([{ "OptInStatus": "opt-in-not-required", "RegionName": "ap-northeast-1", "Endpoint": "127.0.0.1:5310" }])
    );
    assert_eq!(
        bench
            .fault("DescribeRegions", json!({ "RegionNames": ["us-east-1"] }))
            .await
            .0,
        "InvalidParameterValue"
    );
    let filter = json!([{ "Name": "region-name", "Values": ["us-*"] }]);
    assert_eq!(
        bench
            .ok("DescribeRegions", json!({ "Filters": filter }))
            .await,
        json!({ "Regions": [] })
    );
    let filter = json!([{ "Name": "state", "Values": ["available"] }]);
    let answer = bench
        .ok("DescribeAvailabilityZones", json!({ "Filters": filter }))
        .await;
    assert_eq!(
        answer["AvailabilityZones"][0]["ZoneName"],
        "ap-northeast-1a"
    );
    let wrong = json!({ "ZoneNames": ["us-east-1a"] });
    assert_eq!(
        bench.fault("DescribeAvailabilityZones", wrong).await.0,
        "InvalidParameterValue"
    );
}

#[tokio::test]
async fn types_are_those_that_hosts_have() {
    let bench = Bench::new().await;
    bench.host("web-1").await;
    bench.host("web-2").await;
    run(
        &bench,
        json!({ "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro" }),
    )
    .await;
    let answer = bench.ok("DescribeInstanceTypes", json!({})).await;
    assert_eq!(
        answer["InstanceTypes"],
        json!([
            {
                "InstanceType": "host.2c4g",
                "CurrentGeneration": true,
                "ProcessorInfo": { "SupportedArchitectures": ["arm64"] },
                "VCpuInfo": { "DefaultVCpus": 2 },
                "MemoryInfo": { "SizeInMiB": 4096 },
                "BurstablePerformanceSupported": false,
                "HibernationSupported": false,
            },
            {
                "InstanceType": "t3.micro",
                "CurrentGeneration": true,
                "BurstablePerformanceSupported": false,
                "HibernationSupported": false,
            },
        ])
    );
    let filter = json!([{ "Name": "vcpu-info.default-vcpus", "Values": ["2"] }]);
    let answer = bench
        .ok("DescribeInstanceTypes", json!({ "Filters": filter }))
        .await;
    assert_eq!(answer["InstanceTypes"].as_array().unwrap().len(), 1);
    let (code, text) = bench
        .fault(
            "DescribeInstanceTypes",
            json!({ "InstanceTypes": ["t3.micro", "x1.large"] }),
        )
        .await;
    assert_eq!(
        (code, text.as_str()),
        (
            "InvalidInstanceType",
            "The following supplied instance types do not exist: [x1.large]"
        )
    );
}

#[tokio::test]
async fn monitoring_in_detail_is_switched() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let input = json!({ "InstanceIds": [id] });
    let answer = bench.ok("MonitorInstances", input.clone()).await;
    assert_eq!(
        answer,
        json!({ "InstanceMonitorings": [{ "InstanceId": id, "Monitoring": { "State": "pending" } }] })
    );
    let shown = bench.ok("DescribeInstances", input.clone()).await;
    assert_eq!(
        shown["Reservations"][0]["Instances"][0]["Monitoring"]["State"],
        "enabled"
    );
    let answer = bench.ok("UnmonitorInstances", input).await;
    assert_eq!(
        answer["InstanceMonitorings"][0]["Monitoring"]["State"],
        "disabling"
    );
}

#[tokio::test]
async fn every_operation_has_a_dry_run() {
    let bench = Bench::new().await;
    // Those without in the service model.
    let without = [
        "DescribeVpcClassicLinkDnsSupport",
        "DisableVpcClassicLinkDnsSupport",
        "EnableVpcClassicLinkDnsSupport",
        "ModifySubnetAttribute",
        "ModifyVpcAttribute",
    ];
    for [operation, request, ..] in super::golden::rows() {
        if without.contains(&operation) {
            continue;
        }
        let mut input: Value = serde_json::from_str(request).unwrap();
        input["DryRun"] = json!(true);
        let fault = bench.call(operation, input).await.unwrap_err();
        assert_eq!(fault.code, "DryRunOperation", "{operation}");
    }
}

#[tokio::test]
async fn a_dry_run_does_nothing() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    for (operation, input) in [
        (
            "RunInstances",
            json!({ "MinCount": 1, "MaxCount": 1, "DryRun": true }),
        ),
        (
            "TerminateInstances",
            json!({ "InstanceIds": [id], "DryRun": true }),
        ),
        ("DeleteTags", json!({ "Resources": [id], "DryRun": true })),
        ("DescribeInstances", json!({ "DryRun": true })),
    ] {
        let fault = bench.call(operation, input).await.unwrap_err();
        assert_eq!(
            (fault.code, fault.status),
            ("DryRunOperation", 412),
            "{operation}"
        );
        assert_eq!(
            fault.message,
            "Request would have succeeded, but DryRun flag is set."
        );
    }
    let shown = bench.ok("DescribeInstances", json!({})).await;
    assert_eq!(
        shown["Reservations"][0]["Instances"][0]["State"]["Name"],
        "running"
    );
    assert_eq!(ids(&shown).len(), 1);
}

#[tokio::test]
async fn calls_name_what_they_touch_with_its_tags() {
    let bench = Bench::new().await;
    let id = bench.host("web-1").await;
    let shown = |operation: &str, input: Value| -> Vec<String> {
        let access = bench.access(operation, &input);
        access
            .iter()
            .map(|it| format!("{} {}", it.action, it.resource))
            .collect()
    };
    let all = "arn:aws:ec2:ap-northeast-1:123456789012:*";
    for operation in [
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeTags",
        "DescribeRegions",
        "DescribeAvailabilityZones",
        "DescribeInstanceTypes",
    ] {
        assert_eq!(
            shown(operation, json!({})),
            [format!("ec2:{operation} {all}")]
        );
    }
    let arn = |id: &str| format!("arn:aws:ec2:ap-northeast-1:123456789012:instance/{id}");
    let both = json!({ "InstanceIds": [id, "i-1a2b3c4d"] });
    let expected = [
        format!("ec2:StopInstances {}", arn(&id)),
        format!("ec2:StopInstances {}", arn("i-1a2b3c4d")),
    ];
    assert_eq!(shown("StopInstances", both), expected);
    let tags = json!([{ "ResourceType": "instance", "Tags": [{ "Key": "team", "Value": "ads" }] }]);
    let input = json!({ "MinCount": 1, "MaxCount": 1, "TagSpecifications": tags });
    let expected = [
        format!("ec2:RunInstances {}", arn("*")),
        format!("ec2:CreateTags {}", arn("*")),
    ];
    assert_eq!(shown("RunInstances", input.clone()), expected);
    let context = |access: &api::Access| format!("{:?}", access.context);
    let access = bench.access("RunInstances", &input);
    for part in ["aws:requesttag/team", "aws:tagkeys", "ads"] {
        assert!(context(&access[1]).to_lowercase().contains(part), "{part}");
    }
    assert!(
        context(&access[1])
            .to_lowercase()
            .contains("ec2:createaction")
    );
    let access = bench.access("TerminateInstances", &json!({ "InstanceIds": [id] }));
    for part in ["aws:resourcetag/name", "ec2:resourcetag/name", "web-1"] {
        assert!(context(&access[0]).to_lowercase().contains(part), "{part}");
    }
}

#[tokio::test]
async fn trouble_with_credentials_is_ours_and_shows_no_detail() {
    let bench = Bench::new().await;
    let id = run(&bench, json!({ "MinCount": 1, "MaxCount": 1 }))
        .await
        .remove(0);
    bench.keeper.fails.store(true, Ordering::SeqCst);
    let input = json!({ "InstanceId": id, "Attribute": "userData" });
    let fault = bench
        .call("DescribeInstanceAttribute", input.clone())
        .await
        .unwrap_err();
    assert_eq!((fault.code, fault.status), ("InternalError", 500));
    assert!(!fault.message.contains("told to fail"));
    // It was not shown, so the next one is.
    bench.keeper.fails.store(false, Ordering::SeqCst);
    assert!(bench.ok("DescribeInstanceAttribute", input).await["UserData"]["Value"].is_string());
}
