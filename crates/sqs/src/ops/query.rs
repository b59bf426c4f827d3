//! The query protocol of SQS, as it was before 2023 and as `curl` still speaks it: names in forms and in answers.

use serde_json::json;

use super::testing::Bench;

const OPEN: &str = r#"<?xml version="1.0"?><"#;
const XMLNS: &str = r#" xmlns="http://queue.amazonaws.com/doc/2012-11-05/">"#;

/// The XML of an answer: `inner` in the envelope of `operation`.
fn answer(operation: &str, inner: &str) -> String {
    let id = api::RequestId::from_bytes([7; 16]);
    let metadata = format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
    format!("{OPEN}{operation}Response{XMLNS}{inner}{metadata}</{operation}Response>")
}

#[tokio::test]
async fn a_queue_is_made_asked_and_listed() {
    let bench = Bench::new();
    let form = "QueueName=s2s&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Attribute.2.Name=VisibilityTimeout\
                &Attribute.2.Value=60&Tag.1.Key=team&Tag.1.Value=ads+%2B+co";
    let url = "<QueueUrl>http://localhost:5310/123456789012/s2s</QueueUrl>";
    let expected = answer(
        "CreateQueue",
        &format!("<CreateQueueResult>{url}</CreateQueueResult>"),
    );
    assert_eq!(bench.query("CreateQueue", form).await, Ok(expected));

    let form = "QueueUrl=http://localhost:5310/123456789012/s2s&AttributeName.1=DelaySeconds&AttributeName.2=VisibilityTimeout";
    let attribute =
        |name, value| format!("<Attribute><Name>{name}</Name><Value>{value}</Value></Attribute>");
    let inner = attribute("DelaySeconds", 5) + &attribute("VisibilityTimeout", 60);
    let expected = format!("<GetQueueAttributesResult>{inner}</GetQueueAttributesResult>");
    assert_eq!(
        bench.query("GetQueueAttributes", form).await,
        Ok(answer("GetQueueAttributes", &expected))
    );

    let expected = answer(
        "ListQueues",
        &format!("<ListQueuesResult>{url}</ListQueuesResult>"),
    );
    assert_eq!(
        bench.query("ListQueues", "QueueNamePrefix=s").await,
        Ok(expected)
    );

    let form = "QueueUrl=http://localhost:5310/123456789012/s2s";
    let tag = "<Tag><Key>team</Key><Value>ads + co</Value></Tag>";
    let expected = answer(
        "ListQueueTags",
        &format!("<ListQueueTagsResult>{tag}</ListQueueTagsResult>"),
    );
    assert_eq!(bench.query("ListQueueTags", form).await, Ok(expected));
}

// As the API Reference's example of SetQueueAttributes has it.
#[tokio::test]
async fn one_attribute_may_stand_without_a_number() {
    let bench = Bench::with_queue("s2s").await;
    let url = "QueueUrl=http://localhost:5310/123456789012/s2s/";
    let form = format!("{url}&Attribute.Name=VisibilityTimeout&Attribute.Value=35");
    assert_eq!(
        bench.query("SetQueueAttributes", &form).await,
        Ok(answer("SetQueueAttributes", ""))
    );
    let form = format!("{url}&AttributeName.1=VisibilityTimeout");
    let xml = bench.query("GetQueueAttributes", &form).await.unwrap();
    assert!(xml.contains("<Value>35</Value>"), "{xml}");
}

#[tokio::test]
async fn a_batch_is_sent_received_and_deleted() {
    let bench = Bench::with_queue("s2s").await;
    let url = "QueueUrl=http://localhost:5310/123456789012/s2s";
    let form = format!(
        "{url}&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=four\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v\
         &SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=x\
         &SendMessageBatchRequestEntry.2.DelaySeconds=901"
    );
    let xml = bench.query("SendMessageBatch", &form).await.unwrap();
    assert!(
        xml.contains("<SendMessageBatchResultEntry><Id>a</Id><MessageId>"),
        "{xml}"
    );
    assert!(
        xml.contains("<MD5OfMessageBody>8cbad96aced40b3838dd9f07f6ef5772</MD5OfMessageBody>"),
        "{xml}"
    );
    let failed = "<BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault><Code>InvalidParameterValue</Code>";
    assert!(xml.contains(failed), "{xml}");

    // `AttributeName=All` without a number, as the API Reference's own example has it.
    let form = format!("{url}&MaxNumberOfMessages=5&AttributeName=All&MessageAttributeName.1=n");
    let xml = bench.query("ReceiveMessage", &form).await.unwrap();
    for part in [
        "<ReceiveMessageResult><Message><MessageId>",
        "<Body>four</Body><Attribute><Name>ApproximateFirstReceiveTimestamp</Name><Value>1795000000000</Value></Attribute>",
        "<MessageAttribute><Name>n</Name><Value><StringValue>v</StringValue><DataType>String</DataType></Value></MessageAttribute></Message>",
    ] {
        assert!(xml.contains(part), "{xml}");
    }
    let handle = xml
        .split("<ReceiptHandle>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let handle: String = handle.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!(
        "{url}&DeleteMessageBatchRequestEntry.1.Id=a&DeleteMessageBatchRequestEntry.1.ReceiptHandle={handle}"
    );
    let result = "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry></DeleteMessageBatchResult>";
    assert_eq!(
        bench.query("DeleteMessageBatch", &form).await,
        Ok(answer("DeleteMessageBatch", result))
    );
}

#[tokio::test]
async fn an_operation_without_an_answer_has_only_metadata_and_an_empty_batch_its_own_fault() {
    let bench = Bench::with_queue("s2s").await;
    let url = "QueueUrl=http://localhost:5310/123456789012/s2s";
    assert_eq!(
        bench.query("PurgeQueue", url).await,
        Ok(answer("PurgeQueue", ""))
    );
    let fault = bench.query("SendMessageBatch", url).await.unwrap_err();
    assert_eq!(fault.query_code, "AWS.SimpleQueueService.EmptyBatchRequest");
    let json = bench
        .fault(
            "SendMessageBatch",
            json!({"QueueUrl": bench.url("s2s"), "Entries": []}),
        )
        .await;
    assert_eq!(json, fault);
}
