use api::Audit;
use bytes::Bytes;
use serde_json::{Value, json};

use super::testing::{Bench, ROLE, creation, package, zipped};
use super::*;

const ALL: &str = "/2015-03-31/functions";
const ONE: &str = "/2015-03-31/functions/notifier";
const ARN: &str = "arn:aws:lambda:ap-northeast-1:123456789012:function:notifier";

#[test]
fn the_shapes_are_those_of_the_service_model() {
    let model = include_str!("../../models/lambda-2015-03-31.txt");
    // Those of mappings are compared beside them.
    let own = || schemas().filter(|(name, ..)| !name.contains("EventSourceMapping"));
    api::model::check_shapes(own(), model);
    api::model::check_table(own(), model);
}

#[test]
fn only_invocations_are_data() {
    for operation in OPERATIONS {
        let is_data = operation.audit() == Audit::Data;
        assert_eq!(is_data, operation.name() == "Invoke", "{operation:?}");
    }
}

#[tokio::test]
async fn a_function_is_shown_as_it_was_made() {
    let bench = Bench::new().await;
    let made = bench.create().await;
    let got = bench.ok(&format!("GET {ONE}"), Value::Null).await.json();
    assert_eq!(got["Configuration"], made);
    // What waiters and Terraform look at; values of the API reference.
    for (member, expected) in [
        ("FunctionName", json!("notifier")),
        ("FunctionArn", json!(ARN)),
        ("State", json!("Active")),
        ("LastUpdateStatus", json!("Successful")),
        ("Version", json!("$LATEST")),
        ("MemorySize", json!(128)),
        ("Timeout", json!(20)),
        ("PackageType", json!("Zip")),
        (
            "SnapStart",
            json!({"ApplyOn": "None", "OptimizationStatus": "Off"}),
        ),
        ("TracingConfig", json!({"Mode": "PassThrough"})),
        ("EphemeralStorage", json!({"Size": 512})),
        (
            "LoggingConfig",
            json!({"LogFormat": "Text", "LogGroup": "/aws/lambda/notifier"}),
        ),
        ("Environment", json!({"Variables": {"QUEUE": "s2s"}})),
    ] {
        assert_eq!(made[member], expected, "{member}");
    }
    let modified = made["LastModified"].as_str().unwrap();
    assert!(
        modified.ends_with("+0000") && modified.len() == "2026-11-29T20:00:00.000+0000".len(),
        "{modified}"
    );
    use sha2::Digest;
    let hash = sha2::Sha256::digest(package("echo \"said $event\""));
    use base64::Engine as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    assert_eq!(made["CodeSha256"], json!(hash));
    assert_eq!(got["Code"], json!({"RepositoryType": "S3"}));
    let signing = "GET /2020-06-30/functions/notifier/code-signing-config";
    let signing = bench.ok(signing, Value::Null).await.json();
    assert_eq!(
        signing,
        json!({"CodeSigningConfigArn": "", "FunctionName": "notifier"})
    );
    let again = bench.fault(&format!("POST {ALL}"), creation()).await;
    let text = "Function already exist: notifier".to_owned();
    assert_eq!(again, ("ResourceConflictException", 409, text));
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_stop() {
    let bench = Bench::new().await;
    bench.create().await;
    bench.ok(&format!("POST {ONE}/versions"), json!({})).await;
    let alias = json!({"Name": "live", "FunctionVersion": "1"});
    bench.ok(&format!("POST {ONE}/aliases"), alias).await;
    let allow = json!({"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"});
    bench.ok(&format!("POST {ONE}/policy"), allow).await;
    let lines = [
        format!("GET {ONE}?Qualifier=live"),
        format!("GET {ONE}/versions"),
        format!("GET {ONE}/aliases/live"),
        format!("GET {ONE}/policy"),
    ];
    let mut before = Vec::new();
    for line in &lines {
        before.push(bench.ok(line, Value::Null).await.json());
    }
    let bench = bench.again().await;
    for (line, before) in lines.iter().zip(before) {
        assert_eq!(bench.ok(line, Value::Null).await.json(), before, "{line}");
    }
    let answer = invoke(&bench, "live", "{}").await;
    assert_eq!(answer.header("x-amz-executed-version"), "1");
}

async fn invoke(bench: &Bench, qualifier: &str, event: &str) -> super::testing::Answer {
    let line = format!("POST {ONE}/invocations?Qualifier={qualifier}");
    let headers = [("x-amz-log-type", "Tail")];
    bench
        .call(&line, &headers, event.to_owned().into())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_invocation_runs_the_code_of_its_version() {
    let bench = Bench::new().await;
    bench.create().await;
    bench.ok(&format!("POST {ONE}/versions"), json!({})).await;
    let code = json!({"ZipFile": zipped("event=\"\\\"new\\\"\"")});
    let updated = bench.ok(&format!("PUT {ONE}/code"), code).await.json();
    assert_eq!(updated["Version"], "$LATEST");
    let old = invoke(&bench, "1", "{\"a\":1}").await;
    assert_eq!((old.status, &*old.body), (200, &b"{\"a\":1}"[..]));
    assert_eq!(old.header("x-amz-executed-version"), "1");
    use base64::Engine as _;
    let tail = base64::engine::general_purpose::STANDARD.decode(old.header("x-amz-log-result"));
    let tail = String::from_utf8(tail.unwrap()).unwrap();
    assert!(
        tail.contains("said {\"a\":1}") && tail.contains("REPORT RequestId:"),
        "{tail}"
    );
    let new = invoke(&bench, "$LATEST", "{}").await;
    assert_eq!(&*new.body, b"\"new\"");
    assert_eq!(
        (
            new.header("x-amz-executed-version"),
            new.header("x-amz-function-error")
        ),
        ("$LATEST", "")
    );
    bench.lambda.fleet.stop(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_function_that_fails_is_answered_with_its_error() {
    let bench = Bench::new().await;
    let mut creation = creation();
    creation["Code"]["ZipFile"] = json!(zipped("exit 3"));
    bench.ok(&format!("POST {ALL}"), creation).await;
    let failed = invoke(&bench, "$LATEST", "{}").await;
    assert_eq!(
        (failed.status, failed.header("x-amz-function-error")),
        (200, "Unhandled")
    );
    assert_eq!(failed.json()["errorType"], "Runtime.ExitError");
    bench.lambda.fleet.stop(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn what_is_not_waited_for_is_accepted_and_what_is_dry_is_not_run() {
    let bench = Bench::new().await;
    bench.create().await;
    let line = format!("POST {ONE}/invocations");
    for (kind, status) in [("Event", 202), ("DryRun", 204)] {
        let headers = [("x-amz-invocation-type", kind)];
        let answer = bench.call(&line, &headers, "{}".into()).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{kind}");
    }
    assert_eq!(bench.lambda.events.waiting(), 1);
}

#[tokio::test]
async fn what_cannot_be_invoked_is_told() {
    let bench = Bench::new().await;
    bench.create().await;
    let line = format!("POST {ONE}/invocations");
    let fault = |headers: &'static [(&'static str, &'static str)], body: Bytes| {
        let (bench, line) = (&bench, &line);
        async move {
            let fault = bench.call(line, headers, body).await.unwrap_err();
            (fault.code, fault.status)
        }
    };
    assert_eq!(
        fault(&[], "{".into()).await,
        ("InvalidRequestContentException", 400)
    );
    assert_eq!(
        fault(&[("x-amz-client-context", "e")], "{}".into()).await,
        ("InvalidRequestContentException", 400)
    );
    assert_eq!(
        fault(&[("x-amz-log-type", "All")], "{}".into()).await,
        ("ValidationException", 400)
    );
    let large: Bytes = format!("\"{}\"", "x".repeat(6 * 1024 * 1024)).into();
    assert_eq!(
        fault(&[], large.clone()).await,
        ("RequestTooLargeException", 413)
    );
    assert_eq!(
        fault(&[("x-amz-invocation-type", "Event")], large).await,
        ("RequestTooLargeException", 413)
    );
    let gone = bench
        .fault(&format!("POST {ONE}/invocations?Qualifier=7"), json!({}))
        .await;
    assert_eq!(
        gone,
        (
            "ResourceNotFoundException",
            404,
            format!("Function not found: {ARN}:7")
        )
    );
    bench
        .ok(
            "PUT /2017-10-31/functions/notifier/concurrency",
            json!({"ReservedConcurrentExecutions": 0}),
        )
        .await;
    let throttled = bench.call(&line, &[], "{}".into()).await.unwrap_err();
    assert_eq!(
        (throttled.code, throttled.status),
        ("TooManyRequestsException", 429)
    );
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded".to_owned();
    assert_eq!(throttled.details[0], ("Reason", wire::Detail::Text(reason)));
    assert_eq!(throttled.details[1].0, "Retry-After");
}

#[tokio::test]
async fn what_functions_have_not_is_refused_by_name() {
    let bench = Bench::new().await;
    let with = |member: &str, value: Value| {
        let mut creation = creation();
        creation[member] = value;
        creation
    };
    for (member, value, part) in [
        ("VpcConfig", json!({"SubnetIds": ["subnet-1"]}), "VpcConfig"),
        ("Layers", json!(["arn:aws:lambda:x:1:layer:l:1"]), "Layers"),
        (
            "SnapStart",
            json!({"ApplyOn": "PublishedVersions"}),
            "SnapStart",
        ),
        ("PackageType", json!("Image"), "container images"),
        ("LoggingConfig", json!({"LogFormat": "JSON"}), "LogFormat"),
        ("KMSKeyArn", json!("arn:aws:kms:x:1:key/k"), "KMSKeyArn"),
        (
            "Runtime",
            json!("nodejs22.x"),
            "[provided.al2023, provided.al2]",
        ),
        (
            "Role",
            json!("arn:aws:iam::123456789012:role/other"),
            "The role defined for the function cannot be assumed by Lambda.",
        ),
        (
            "Code",
            json!({}),
            "Please provide a source for function code.",
        ),
        ("Code", json!({"ZipFile": ""}), "non-empty zip"),
        (
            "Code",
            json!({"ZipFile": "bm8gemlw"}),
            "Could not unzip uploaded file",
        ),
        (
            "Code",
            json!({"S3Bucket": "code", "S3Key": "none.zip"}),
            "The specified key does not exist.",
        ),
        ("Architectures", json!(["x86_64", "arm64"]), "exactly one"),
    ] {
        let (code, status, text) = bench
            .fault(&format!("POST {ALL}"), with(member, value))
            .await;
        assert_eq!(
            (code, status),
            ("InvalidParameterValueException", 400),
            "{member}: {text}"
        );
        assert!(text.contains(part), "{member}: {text}");
    }
    for (member, value) in [
        ("ImageConfig", json!({})),
        (
            "CodeSigningConfigArn",
            json!("arn:aws:lambda:x:1:code-signing-config:c"),
        ),
        ("DurableConfig", json!({})),
    ] {
        assert!(
            !bench.is_read(&format!("POST {ALL}"), &with(member, value)),
            "{member}"
        );
    }
    let mut empty = with(
        "VpcConfig",
        json!({"SubnetIds": [], "SecurityGroupIds": []}),
    );
    empty["Code"] = json!({"S3Bucket": "code", "S3Key": "notifier.zip"});
    empty["SnapStart"] = json!({"ApplyOn": "None"});
    bench.ok(&format!("POST {ALL}"), empty).await;
}

#[tokio::test]
async fn a_package_goes_with_its_last_version() {
    let bench = Bench::new().await;
    bench.create().await;
    let store = bench.lambda.functions.store();
    let code = bench
        .lambda
        .functions
        .with(|state| *state.packages().first().unwrap());
    bench.ok(&format!("POST {ONE}/versions"), json!({})).await;
    let dry = json!({"ZipFile": zipped("echo dry"), "DryRun": true});
    bench.ok(&format!("PUT {ONE}/code"), dry).await;
    bench
        .ok(
            &format!("PUT {ONE}/code"),
            json!({"ZipFile": zipped("echo 2")}),
        )
        .await;
    assert!(store.has(&code));
    bench
        .ok(&format!("DELETE {ONE}?Qualifier=1"), Value::Null)
        .await;
    assert!(!store.has(&code));
    let deleted = bench.ok(&format!("DELETE {ONE}"), Value::Null).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(
        bench.lambda.functions.with(|state| state.packages().len()),
        0
    );
    let gone = bench.fault(&format!("GET {ONE}"), Value::Null).await;
    assert_eq!(
        gone,
        (
            "ResourceNotFoundException",
            404,
            format!("Function not found: {ARN}")
        )
    );
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let bench = Bench::new().await;
    let made = bench.create().await;
    let line = format!("PUT {ONE}/configuration");
    let changed = json!({"MemorySize": 512, "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:ap-northeast-1:123456789012:failed"}});
    let changed = bench.ok(&line, changed).await.json();
    assert_eq!(
        (&changed["MemorySize"], &changed["Timeout"]),
        (&json!(512), &json!(20))
    );
    assert_eq!(
        changed["DeadLetterConfig"]["TargetArn"],
        "arn:aws:sqs:ap-northeast-1:123456789012:failed"
    );
    let stale = json!({"RevisionId": made["RevisionId"]});
    let (code, status, _) = bench.fault(&line, stale).await;
    assert_eq!((code, status), ("PreconditionFailedException", 412));
    let cleared = json!({"DeadLetterConfig": {"TargetArn": ""}, "Environment": {"Variables": {}}, "RevisionId": changed["RevisionId"]});
    let cleared = bench.ok(&line, cleared).await.json();
    assert!(cleared.get("DeadLetterConfig").is_none() && cleared.get("Environment").is_none());
    bench
        .world
        .denied
        .lock()
        .insert("sqs:SendMessage".to_owned());
    let denied = json!({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:ap-northeast-1:123456789012:failed"}});
    let (_, _, text) = bench.fault(&line, denied).await;
    assert!(
        text.contains("does not have permissions to call SendMessage on SQS"),
        "{text}"
    );
    let (code, _, _) = bench.fault(&line, json!({"Timeout": -1})).await;
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn aliases_and_their_faults() {
    let bench = Bench::new().await;
    bench.create().await;
    let version = bench.ok(&format!("POST {ONE}/versions"), json!({})).await;
    assert_eq!(
        (version.status, &version.json()["FunctionArn"]),
        (201, &json!(format!("{ARN}:1")))
    );
    let line = format!("POST {ONE}/aliases");
    let alias = bench
        .ok(&line, json!({"Name": "live", "FunctionVersion": "1"}))
        .await
        .json();
    assert_eq!(alias["AliasArn"], json!(format!("{ARN}:live")));
    let weights = json!({"Name": "x", "FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}});
    let (_, _, text) = bench.fault(&line, weights).await;
    assert!(text.contains("RoutingConfig"), "{text}");
    let none = bench
        .fault(&format!("GET {ONE}/aliases/none"), Value::Null)
        .await;
    assert_eq!(
        none,
        (
            "ResourceNotFoundException",
            404,
            format!("Cannot find alias arn: {ARN}:none")
        )
    );
    let moved = bench
        .ok(
            &format!("PUT {ONE}/aliases/live"),
            json!({"FunctionVersion": "$LATEST"}),
        )
        .await
        .json();
    assert_eq!(moved["FunctionVersion"], "$LATEST");
    let listed = bench
        .ok(&format!("GET {ONE}/aliases?FunctionVersion=1"), Value::Null)
        .await
        .json();
    assert_eq!(listed["Aliases"], json!([]));
    let gone = bench
        .ok(&format!("DELETE {ONE}/aliases/live"), Value::Null)
        .await;
    assert_eq!(gone.status, 204);
}

#[tokio::test]
async fn a_policy_lets_others_invoke() {
    let bench = Bench::new().await;
    bench.create().await;
    let line = format!("POST {ONE}/invocations");
    assert!(bench.access(&line, &json!({}))[0].resource_policy.is_none());
    let none = bench.fault(&format!("GET {ONE}/policy"), Value::Null).await;
    let text = "The resource you requested does not exist.".to_owned();
    assert_eq!(none, ("ResourceNotFoundException", 404, text));
    let allow = json!({
        "StatementId": "minute", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
        "SourceArn": "arn:aws:events:ap-northeast-1:123456789012:rule/minute"
    });
    let added = bench.ok(&format!("POST {ONE}/policy"), allow.clone()).await;
    assert_eq!(added.status, 201);
    let statement: Value =
        serde_json::from_str(added.json()["Statement"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&statement["Sid"], &statement["Resource"]),
        (&json!("minute"), &json!(ARN))
    );
    assert!(bench.access(&line, &json!({}))[0].resource_policy.is_some());
    let qualified = bench.access(&format!("{line}?Qualifier=$LATEST"), &json!({}));
    assert_eq!(qualified[0].resource.to_string(), format!("{ARN}:$LATEST"));
    let (code, status, _) = bench.fault(&format!("POST {ONE}/policy"), allow).await;
    assert_eq!((code, status), ("ResourceConflictException", 409));
    let url = json!({"StatementId": "u", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"});
    assert!(!bench.is_read(&format!("POST {ONE}/policy"), &url));
    let lets = |service, resource: &str, source: &str| {
        let (resource, source) = (resource.parse().unwrap(), source.parse().unwrap());
        let functions = &bench.lambda.functions;
        functions.lets(service, "lambda:InvokeFunction", &resource, &source)
    };
    let rule = "arn:aws:events:ap-northeast-1:123456789012:rule/minute";
    assert!(lets("events.amazonaws.com", ARN, rule));
    assert!(!lets("events.amazonaws.com", ARN, &format!("{rule}s")));
    assert!(!lets("s3.amazonaws.com", ARN, rule));
    assert!(!lets("events.amazonaws.com", &format!("{ARN}:1"), rule));
    let removed = bench
        .ok(&format!("DELETE {ONE}/policy/minute"), Value::Null)
        .await;
    assert_eq!(removed.status, 204);
}

#[tokio::test]
async fn a_caller_must_be_allowed_to_pass_the_role_and_to_read_the_package() {
    let bench = Bench::new().await;
    let mut creation = creation();
    creation["Code"] = json!({"S3Bucket": "code", "S3Key": "a/b.zip"});
    creation["Tags"] = json!({"team": "a"});
    let wanted = bench.access(&format!("POST {ALL}"), &creation);
    let shown: Vec<(&str, String)> = wanted
        .iter()
        .map(|it| (it.action, it.resource.to_string()))
        .collect();
    assert_eq!(
        shown,
        [
            ("lambda:CreateFunction", ARN.to_owned()),
            ("lambda:TagResource", ARN.to_owned()),
            ("iam:PassRole", ROLE.to_owned()),
            ("s3:GetObject", "arn:aws:s3:::code/a/b.zip".to_owned()),
        ]
    );
    assert!(format!("{:?}", wanted[2].context).contains("lambda.amazonaws.com"));
    let update = bench.access(&format!("PUT {ONE}/configuration"), &json!({"Role": ROLE}));
    assert_eq!(update[1].action, "iam:PassRole");
}

#[tokio::test]
async fn secrets_do_not_go_into_the_record() {
    let bench = Bench::new().await;
    let masked = bench.masked(&format!("POST {ALL}"), &creation());
    assert!(
        !masked.contains("s2s") && masked.contains("notifier"),
        "{masked}"
    );
    let input = creation();
    let zip = input["Code"]["ZipFile"].as_str().unwrap();
    assert!(!masked.contains(zip));
}

#[tokio::test]
async fn events_are_treated_as_was_said() {
    use crate::port::Catalog;
    let bench = Bench::new().await;
    bench.create().await;
    let line = "/2019-09-25/functions/notifier/event-invoke-config";
    let none = bench.fault(&format!("GET {line}"), Value::Null).await;
    let text = format!("The function {ARN}:$LATEST doesn't have an EventInvokeConfig");
    assert_eq!(none, ("ResourceNotFoundException", 404, text));
    let queue = "arn:aws:sqs:ap-northeast-1:123456789012:failed";
    let put = json!({"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": queue}}});
    let put = bench.ok(&format!("PUT {line}"), put).await.json();
    assert_eq!(
        (&put["FunctionArn"], &put["MaximumRetryAttempts"]),
        (&json!(format!("{ARN}:$LATEST")), &json!(0))
    );
    bench
        .ok(
            &format!("POST {line}"),
            json!({"MaximumEventAgeInSeconds": 60}),
        )
        .await;
    let rules = bench
        .lambda
        .functions
        .event_rules(&"notifier".parse().unwrap(), None);
    assert_eq!(
        (rules.retries, rules.age_secs, rules.on_failure.as_deref()),
        (0, 60, Some(queue))
    );
    let listed = bench
        .ok(&format!("GET {line}/list"), Value::Null)
        .await
        .json();
    assert_eq!(
        listed["FunctionEventInvokeConfigs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    bench.ok(&format!("DELETE {line}"), Value::Null).await;
    bench
        .world
        .denied
        .lock()
        .insert("sqs:SendMessage".to_owned());
    let denied = json!({"DestinationConfig": {"OnFailure": {"Destination": queue}}});
    let (_, _, text) = bench.fault(&format!("PUT {line}"), denied).await;
    assert!(
        text.contains("does not have permissions to call SendMessage on"),
        "{text}"
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::new().await;
    for name in ["a", "a-b", "b"] {
        let mut creation = creation();
        creation["FunctionName"] = json!(name);
        creation["Publish"] = json!(true);
        bench.ok(&format!("POST {ALL}"), creation).await;
    }
    let names = |answer: &Value, member: &str, of: &str| -> Vec<String> {
        let list = answer[member].as_array().unwrap();
        list.iter()
            .map(|it| it[of].as_str().unwrap().to_owned())
            .collect()
    };
    let first = bench
        .ok(&format!("GET {ALL}?MaxItems=2"), Value::Null)
        .await
        .json();
    let mut all = names(&first, "Functions", "FunctionName");
    assert_eq!(all.len(), 2);
    let marker = first["NextMarker"].as_str().unwrap();
    let rest = bench
        .ok(
            &format!("GET {ALL}?MaxItems=2&Marker={marker}"),
            Value::Null,
        )
        .await
        .json();
    all.extend(names(&rest, "Functions", "FunctionName"));
    all.sort();
    assert_eq!(all, ["a", "a-b", "b"]);
    assert!(rest.get("NextMarker").is_none());
    let versions = bench
        .ok(&format!("GET {ALL}?FunctionVersion=ALL"), Value::Null)
        .await
        .json();
    assert_eq!(versions["Functions"].as_array().unwrap().len(), 6);
    let of_one = bench
        .ok(&format!("GET {ALL}/a/versions"), Value::Null)
        .await
        .json();
    assert_eq!(names(&of_one, "Versions", "Version"), ["$LATEST", "1"]);
    for query in ["MaxItems=0", "Marker=!", "FunctionVersion=1"] {
        let result = bench
            .call(&format!("GET {ALL}?{query}"), &[], Bytes::new())
            .await;
        assert!(result.is_err(), "{query}");
    }
    let settings = bench
        .ok("GET /2016-08-19/account-settings", Value::Null)
        .await
        .json();
    assert_eq!(settings["AccountUsage"]["FunctionCount"], 3);
    assert_eq!(
        settings["AccountLimit"]["TotalCodeSize"],
        80_530_636_800_u64
    );
}

#[tokio::test]
async fn tags_come_and_go() {
    let bench = Bench::new().await;
    bench.create().await;
    let line = format!("/2017-03-31/tags/{}", ARN.replace(':', "%3A"));
    assert_eq!(
        bench.ok(&format!("GET {line}"), Value::Null).await.json(),
        json!({"Tags": {}})
    );
    let tagged = bench
        .ok(
            &format!("POST {line}"),
            json!({"Tags": {"team": "a", "stage": "x"}}),
        )
        .await;
    assert_eq!((tagged.status, tagged.body.len()), (204, 0));
    bench
        .ok(
            &format!("DELETE {line}?tagKeys=stage&tagKeys=none"),
            Value::Null,
        )
        .await;
    let got = bench.ok(&format!("GET {ONE}"), Value::Null).await.json();
    assert_eq!(got["Tags"], json!({"team": "a"}));
    let (code, _, _) = bench
        .fault("GET /2017-03-31/tags/notifier", Value::Null)
        .await;
    assert_eq!(code, "ValidationException");
}

/// The same few packages come and go at once: none that a version uses may be missing, and none may be left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn packages_that_come_and_go_at_once_are_there_while_they_are_used() {
    let bench = Arc::new(Bench::new().await);
    let packages: Vec<String> = (0..3).map(|at| zipped(&format!("echo {at}"))).collect();
    let mut tasks = Vec::new();
    for task in 0..6_usize {
        let (bench, packages) = (Arc::clone(&bench), packages.clone());
        tasks.push(tokio::spawn(async move {
            let name = format!("f{task}");
            let one = format!("{ALL}/{name}");
            for round in 0..8_usize {
                let mut creation = creation();
                creation["FunctionName"] = json!(name);
                creation["Code"]["ZipFile"] = json!(packages[(task + round) % 3]);
                bench.ok(&format!("POST {ALL}"), creation).await;
                let code = json!({"ZipFile": packages[(task * round) % 3], "Publish": true});
                bench.ok(&format!("PUT {one}/code"), code).await;
                let used = bench.lambda.functions.get(&name.parse().unwrap()).unwrap();
                for code in used.packages() {
                    let shelved = bench.lambda.functions.packages();
                    let folder = shelved.unpacked(&code).await.unwrap();
                    assert!(folder.join("bootstrap").is_file());
                }
                if round < 7 {
                    bench.ok(&format!("DELETE {one}"), Value::Null).await;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let functions = &bench.lambda.functions;
    functions.collect().await;
    let used = functions.with(|state| state.packages());
    for code in &used {
        assert!(functions.store().read(*code).await.unwrap().is_some());
    }
    assert_eq!(functions.store().count(), used.len());
}

#[tokio::test]
async fn mappings_are_made_tagged_and_taken_away_beside_functions() {
    let bench = Bench::new().await;
    bench.create().await;
    let queue = "arn:aws:sqs:ap-northeast-1:123456789012:jobs";
    let wanted =
        json!({"EventSourceArn": queue, "FunctionName": "notifier", "Tags": {"team": "ads"}});
    let made = bench
        .ok("POST /2015-03-31/event-source-mappings", wanted)
        .await;
    assert_eq!(made.status, 202);
    let (made, uuid) = (
        made.json(),
        made.json()["UUID"].as_str().unwrap().to_owned(),
    );
    let arn = made["EventSourceMappingArn"].as_str().unwrap();
    let tags = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
    let more = json!({"Tags": {"stage": "live"}});
    assert_eq!(bench.ok(&format!("POST {tags}"), more).await.status, 204);
    let less = format!("DELETE {tags}?tagKeys=team");
    assert_eq!(bench.ok(&less, Value::Null).await.status, 204);
    let kept = bench.ok(&format!("GET {tags}"), Value::Null).await.json();
    assert_eq!(kept, json!({"Tags": {"stage": "live"}}));
    let access = bench.access(&format!("GET {tags}"), &Value::Null);
    assert_eq!(access[0].resource.to_string(), arn);
    let one = format!("/2015-03-31/event-source-mappings/{uuid}");
    assert_eq!(
        bench.ok(&format!("DELETE {one}"), Value::Null).await.json()["State"],
        "Deleting"
    );
    let gone = tags.replace(&uuid, "00000000-0000-0000-0000-000000000000");
    let (code, status, _) = bench.fault(&format!("GET {gone}"), Value::Null).await;
    assert_eq!((code, status), ("ResourceNotFoundException", 404));
}
