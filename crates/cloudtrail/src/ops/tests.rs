//! Requests and answers as AWS's documentation has them.

use base64::Engine;
use serde_json::{Value, json};

use super::testing::Bench;
use crate::trails::simulation::BUCKET;

const ARN: &str = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main";

async fn with_trail() -> Bench {
    let bench = Bench::new();
    let input = json!({"Name": "main", "S3BucketName": BUCKET, "EnableLogFileValidation": true});
    bench.ok("CreateTrail", input).await;
    bench
}

#[tokio::test]
async fn a_trail_is_made_changed_and_deleted() {
    let bench = Bench::new();
    let input = json!({"Name": "main", "S3BucketName": BUCKET, "S3KeyPrefix": "p"});
    let made = bench.ok("CreateTrail", input.clone()).await;
    let expected = json!({
        "Name": "main", "S3BucketName": BUCKET, "S3KeyPrefix": "p", "TrailARN": ARN,
        "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": false,
        "LogFileValidationEnabled": false, "IsOrganizationTrail": false,
    });
    assert_eq!(made, expected);
    let again = bench.fault("CreateTrail", input).await;
    assert_eq!(again.code, "TrailAlreadyExistsException");
    assert_eq!(
        again.message,
        "Trail main already exists for customer: 123456789012"
    );
    let changes = json!({"Name": ARN, "S3KeyPrefix": "", "IsMultiRegionTrail": true});
    let changed = bench.ok("UpdateTrail", changes).await;
    assert_eq!(changed["S3KeyPrefix"], Value::Null);
    assert_eq!(changed["IsMultiRegionTrail"], true);
    let trail = bench.ok("GetTrail", json!({"Name": "main"})).await["Trail"].clone();
    assert_eq!(trail["HomeRegion"], "eu-west-1");
    assert_eq!(trail["HasCustomEventSelectors"], false);
    let all = bench.ok("DescribeTrails", json!({})).await;
    assert_eq!(all["trailList"], json!([trail]));
    let some = json!({"trailNameList": ["none", ARN]});
    assert_eq!(bench.ok("DescribeTrails", some).await, all);
    let listed = bench.ok("ListTrails", json!({})).await;
    let info = json!({"TrailARN": ARN, "Name": "main", "HomeRegion": "eu-west-1"});
    assert_eq!(listed, json!({"Trails": [info]}));
    assert_eq!(
        bench.ok("DeleteTrail", json!({"Name": ARN})).await,
        json!({})
    );
    let gone = bench.fault("GetTrail", json!({"Name": "main"})).await;
    assert_eq!(gone.code, "TrailNotFoundException");
    assert_eq!(
        gone.message,
        format!("Unknown trail: {ARN} for the user: 123456789012")
    );
}

/// Codes by the error lists of the service model.
#[tokio::test]
async fn what_is_wrong_with_a_trail_has_its_code() {
    let bench = Bench::new();
    let new = |more: Value| {
        let mut input = json!({"Name": "main", "S3BucketName": BUCKET});
        let members = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(members);
        input
    };
    for (input, code) in [
        (json!({"Name": "m"}), "InvalidTrailNameException"),
        (json!({"Name": "a--b"}), "InvalidTrailNameException"),
        (json!({"S3BucketName": "A"}), "InvalidS3BucketNameException"),
        (
            json!({"S3BucketName": "nowhere"}),
            "S3BucketDoesNotExistException",
        ),
        (json!({"S3KeyPrefix": "/a"}), "InvalidS3PrefixException"),
        (
            json!({"IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false}),
            "InvalidParameterCombinationException",
        ),
        (json!({"SnsTopicName": "t"}), "InvalidSnsTopicNameException"),
        (
            json!({"CloudWatchLogsRoleArn": "r"}),
            "CloudWatchLogsDeliveryUnavailableException",
        ),
        (json!({"KmsKeyId": "alias/k"}), "KmsKeyNotFoundException"),
        (
            json!({"IsOrganizationTrail": true}),
            "OrganizationsNotInUseException",
        ),
        (
            json!({"RecursiveLogging": false}),
            "InvalidParameterException",
        ),
        (
            json!({"TagsList": [{"Key": "a"}, {"Key": "a"}]}),
            "InvalidTagParameterException",
        ),
    ] {
        assert_eq!(
            bench.code("CreateTrail", new(input.clone())).await,
            code,
            "{input}"
        );
    }
    bench.world.memory.set_policy(BUCKET, None);
    let refused = bench.fault("CreateTrail", new(json!({}))).await;
    assert_eq!(refused.code, "InsufficientS3BucketPolicyException");
    let text = "Incorrect S3 bucket policy is detected for bucket: logs. It does not allow cloudtrail.amazonaws.com s3:GetBucketAcl on arn:aws:s3:::logs";
    assert_eq!(refused.message, text);
    // Nothing, said in many words, is nothing.
    for name in ["t-1", "t-2", "t-3", "t-4", "t-5"] {
        bench.world.create(name, false);
    }
    let sixth = bench
        .fault(
            "CreateTrail",
            new(json!({"KmsKeyId": "", "IsOrganizationTrail": false})),
        )
        .await;
    assert_eq!(sixth.code, "MaximumNumberOfTrailsExceededException");
}

#[tokio::test]
async fn logging_begins_ends_and_tells_how_it_goes() {
    let mut bench = with_trail().await;
    let status = bench.ok("GetTrailStatus", json!({"Name": "main"})).await;
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status["TimeLoggingStarted"], "");
    bench.ok("StartLogging", json!({"Name": ARN})).await;
    bench.record("CreateQueue");
    bench.world.advance(61);
    bench.world.deliver().await;
    let status = bench.ok("GetTrailStatus", json!({"Name": "main"})).await;
    assert_eq!(status["IsLogging"], true);
    assert_eq!(status["StartLoggingTime"], 1_795_934_530);
    assert_eq!(status["TimeLoggingStarted"], "2026-11-29T06:42:10Z");
    assert_eq!(status["LatestDeliveryTime"], 1_795_934_591);
    assert_eq!(
        status["LatestDeliveryAttemptSucceeded"],
        "2026-11-29T06:43:11Z"
    );
    assert_eq!(status["LatestDeliveryError"], Value::Null);
    bench.world.memory.set_policy(BUCKET, None);
    bench.record("CreateQueue");
    bench.world.advance(61);
    bench.world.deliver().await;
    let status = bench.ok("GetTrailStatus", json!({"Name": "main"})).await;
    let error = status["LatestDeliveryError"].as_str().unwrap();
    assert!(error.starts_with("AccessDenied: "), "{error}");
    bench.ok("StopLogging", json!({"Name": "main"})).await;
    let status = bench.ok("GetTrailStatus", json!({"Name": "main"})).await;
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status["TimeLoggingStopped"], "2026-11-29T06:44:12Z");
    for operation in [
        "StartLogging",
        "StopLogging",
        "GetTrailStatus",
        "DeleteTrail",
    ] {
        let code = bench.code(operation, json!({"Name": "none"})).await;
        assert_eq!(code, "TrailNotFoundException", "{operation}");
        let code = bench.code(operation, json!({"Name": "arn:x"})).await;
        assert_eq!(code, "CloudTrailARNInvalidException", "{operation}");
    }
}

#[tokio::test]
async fn selectors_come_back_as_they_were_given() {
    let bench = with_trail().await;
    let name = json!({"TrailName": "main"});
    let all = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}]);
    let found = bench.ok("GetEventSelectors", name.clone()).await;
    assert_eq!(found, json!({"TrailARN": ARN, "EventSelectors": all}));
    let basic = json!([{
        "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::logs/"]}],
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }]);
    let put = json!({"TrailName": "main", "EventSelectors": basic});
    let expected = json!({"TrailARN": ARN, "EventSelectors": basic});
    assert_eq!(bench.ok("PutEventSelectors", put).await, expected);
    assert_eq!(bench.ok("GetEventSelectors", name.clone()).await, expected);
    // The example of the user guide for a data event selector, with the type of queues.
    let advanced = json!([{
        "Name": "queues",
        "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::SQS::Queue"]},
            {"Field": "resources.ARN", "NotStartsWith": ["arn:aws:sqs:eu-west-1:123456789012:tmp"]},
        ],
    }]);
    let put = json!({"TrailName": ARN, "AdvancedEventSelectors": advanced});
    let expected = json!({"TrailARN": ARN, "AdvancedEventSelectors": advanced});
    assert_eq!(bench.ok("PutEventSelectors", put).await, expected);
    assert_eq!(bench.ok("GetEventSelectors", name).await, expected);
    let trail = bench.ok("GetTrail", json!({"Name": "main"})).await;
    assert_eq!(trail["Trail"]["HasCustomEventSelectors"], true);
    for wrong in [
        json!({}),
        json!({"EventSelectors": all, "AdvancedEventSelectors": advanced}),
        json!({"EventSelectors": [{"ReadWriteType": "Both"}]}),
        json!({"AdvancedEventSelectors": [{"FieldSelectors": []}]}),
    ] {
        let mut input = wrong.clone();
        input["TrailName"] = json!("main");
        let code = bench.code("PutEventSelectors", input).await;
        assert_eq!(code, "InvalidEventSelectorsException", "{wrong}");
    }
}

#[tokio::test]
async fn insights_are_not_pretended() {
    let bench = with_trail().await;
    let name = json!({"TrailName": "main"});
    let code = bench.code("GetInsightSelectors", name).await;
    assert_eq!(code, "InsightNotEnabledException");
    let put = |selectors: Value| json!({"TrailName": "main", "InsightSelectors": selectors});
    let code = bench
        .code(
            "PutInsightSelectors",
            put(json!([{"InsightType": "ApiCallRateInsight"}])),
        )
        .await;
    assert_eq!(code, "UnsupportedOperationException");
    let off = bench.ok("PutInsightSelectors", put(json!([]))).await;
    assert_eq!(off, json!({"TrailARN": ARN, "InsightSelectors": []}));
    let code = bench.code("GetInsightSelectors", json!({})).await;
    assert_eq!(code, "InvalidParameterCombinationException");
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let bench = with_trail().await;
    let add = json!({"ResourceId": ARN, "TagsList": [{"Key": "a", "Value": "1"}, {"Key": "b"}]});
    assert_eq!(bench.ok("AddTags", add).await, json!({}));
    let list = json!({"ResourceIdList": [ARN]});
    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b"}]);
    let expected = json!({"ResourceTagList": [{"ResourceId": ARN, "TagsList": tags}]});
    assert_eq!(bench.ok("ListTags", list.clone()).await, expected);
    let remove = json!({"ResourceId": ARN, "TagsList": [{"Key": "a"}]});
    bench.ok("RemoveTags", remove).await;
    let left = bench.ok("ListTags", list).await;
    assert_eq!(
        left["ResourceTagList"][0]["TagsList"],
        json!([{"Key": "b"}])
    );
    let add = |arn: &str| json!({"ResourceId": arn, "TagsList": [{"Key": "a"}]});
    let store = "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/x";
    for (arn, code) in [
        ("main", "CloudTrailARNInvalidException"),
        (store, "ResourceTypeNotSupportedException"),
        (&*ARN.replace("main", "none"), "ResourceNotFoundException"),
    ] {
        assert_eq!(bench.code("AddTags", add(arn)).await, code, "{arn}");
    }
    let many: Vec<Value> = (0..51).map(|it| json!({"Key": it.to_string()})).collect();
    let many = json!({"ResourceId": ARN, "TagsList": many});
    assert_eq!(
        bench.code("AddTags", many).await,
        "TagsLimitExceededException"
    );
    let arns = json!({"ResourceIdList": vec![ARN; 21]});
    assert_eq!(
        bench.code("ListTags", arns).await,
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn events_are_looked_up_by_pages() {
    let mut bench = Bench::new();
    for operation in [
        "CreateQueue",
        "ListQueues",
        "CreateQueue",
        "DeleteQueue",
        "CreateQueue",
    ] {
        bench.record(operation);
        bench.world.advance(1);
    }
    let all = bench.ok("LookupEvents", json!({})).await;
    let names: Vec<_> = all["Events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["EventName"].clone())
        .collect();
    assert_eq!(
        names,
        [
            "CreateQueue",
            "DeleteQueue",
            "CreateQueue",
            "ListQueues",
            "CreateQueue"
        ]
    );
    let first = &all["Events"][3];
    let record: Value = serde_json::from_str(first["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(record["eventID"], first["EventId"]);
    assert_eq!(first["ReadOnly"], "true");
    assert_eq!(first["EventSource"], "sqs.amazonaws.com");
    assert_eq!(first["Username"], "alice");
    assert_eq!(first["AccessKeyId"], "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(first["EventTime"], 1_795_934_531);
    assert_eq!(
        first["Resources"][0],
        json!({"ResourceType": "AWS::SQS::Queue", "ResourceName": "s2s"})
    );
    bench.world.advance(10);
    let by_name = |more: Value| {
        let mut input = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateQueue"}], "MaxResults": 2});
        let more = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(more);
        input
    };
    let page = bench.ok("LookupEvents", by_name(json!({}))).await;
    assert_eq!(page["Events"].as_array().unwrap().len(), 2);
    let token = &page["NextToken"];
    let rest = bench
        .ok("LookupEvents", by_name(json!({"NextToken": token})))
        .await;
    assert_eq!(rest["Events"].as_array().unwrap().len(), 1);
    assert_eq!(rest["NextToken"], Value::Null);
    for (input, code) in [
        (
            by_name(json!({"NextToken": token, "StartTime": 1})),
            "InvalidNextTokenException",
        ),
        (
            by_name(json!({"NextToken": "***"})),
            "InvalidNextTokenException",
        ),
        (
            by_name(json!({"MaxResults": 51})),
            "InvalidMaxResultsException",
        ),
        (
            by_name(json!({"MaxResults": 0})),
            "InvalidMaxResultsException",
        ),
        (
            by_name(json!({"StartTime": 2, "EndTime": 1})),
            "InvalidTimeRangeException",
        ),
        (
            by_name(json!({"EventCategory": "data"})),
            "InvalidEventCategoryException",
        ),
        (
            json!({"LookupAttributes": [{"AttributeKey": "Color", "AttributeValue": "x"}]}),
            "InvalidLookupAttributesException",
        ),
        (
            json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": ""}]}),
            "InvalidLookupAttributesException",
        ),
        (
            json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}, {"AttributeKey": "EventId", "AttributeValue": "b"}]}),
            "InvalidLookupAttributesException",
        ),
    ] {
        assert_eq!(
            bench.code("LookupEvents", input.clone()).await,
            code,
            "{input}"
        );
    }
    let insight = bench
        .ok("LookupEvents", by_name(json!({"EventCategory": "insight"})))
        .await;
    assert_eq!(insight["Events"], json!([]));
}

#[tokio::test]
async fn two_lookups_a_second_are_answered() {
    let bench = Bench::new();
    bench.ok("LookupEvents", json!({})).await;
    bench.ok("LookupEvents", json!({})).await;
    let third = bench.fault("LookupEvents", json!({})).await;
    assert_eq!(
        (third.code, &*third.message),
        ("ThrottlingException", "Rate exceeded")
    );
    bench.world.advance(1);
    bench.ok("LookupEvents", json!({})).await;
}

#[tokio::test]
async fn public_keys_are_those_of_the_time() {
    let mut bench = with_trail().await;
    assert_eq!(
        bench.ok("ListPublicKeys", json!({})).await,
        json!({"PublicKeyList": []})
    );
    bench.ok("StartLogging", json!({"Name": "main"})).await;
    bench.record("CreateQueue");
    bench.world.advance(3601);
    bench.world.deliver().await;
    let keys = bench.ok("ListPublicKeys", json!({})).await["PublicKeyList"].clone();
    let value = keys[0]["Value"].as_str().unwrap();
    let der = base64::engine::general_purpose::STANDARD
        .decode(value)
        .unwrap();
    // RFC 8017, RSAPublicKey: a sequence that begins with the modulus, 2048 bits and a zero before them.
    assert_eq!(der[..8], [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01]);
    assert_eq!(keys[0]["Fingerprint"].as_str().unwrap().len(), 32);
    let early = json!({"StartTime": 1, "EndTime": 2});
    assert_eq!(
        bench.ok("ListPublicKeys", early).await,
        json!({"PublicKeyList": []})
    );
    let wrong = json!({"StartTime": 2, "EndTime": 1});
    assert_eq!(
        bench.code("ListPublicKeys", wrong).await,
        "InvalidTimeRangeException"
    );
}

/// Resources by the Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudTrail".
#[tokio::test]
async fn calls_touch_the_trail_or_all_of_the_account() {
    let bench = with_trail().await;
    let all = "arn:aws:cloudtrail:eu-west-1:123456789012:*";
    let name = json!({"Name": "main"});
    let arn = json!({"Name": ARN});
    let selectors = json!({"TrailName": "main"});
    for (operation, input, on) in [
        ("DeleteTrail", &name, ARN),
        ("StopLogging", &arn, ARN),
        ("GetTrail", &name, ARN),
        ("GetEventSelectors", &selectors, ARN),
        ("DescribeTrails", &json!({}), all),
        ("ListTrails", &json!({}), all),
        ("LookupEvents", &json!({}), all),
        ("ListPublicKeys", &json!({}), all),
        ("ListTags", &json!({"ResourceIdList": [ARN]}), ARN),
    ] {
        let expected = [format!("cloudtrail:{operation} {on}")];
        assert_eq!(bench.access(operation, input), expected, "{operation}");
    }
    let tagged = json!({"Name": "t-1", "S3BucketName": "b", "TagsList": [{"Key": "a"}]});
    let on = ARN.replace("main", "t-1");
    let expected = [
        format!("cloudtrail:CreateTrail {on}"),
        format!("cloudtrail:AddTags {on}"),
    ];
    assert_eq!(bench.access("CreateTrail", &tagged), expected);
}
