//! The calls of a sender: GetQueueUrl and SendMessageBatch, in AWS JSON 1.0.

use aws::failure::is_passing;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::Http;
use super::{Answer, Error, Message, QueueClient};

/// A queue behind an endpoint.
#[derive(Debug)]
pub(crate) struct SqsQueue {
    http: Http,
    url: String,
}

impl SqsQueue {
    /// The queue `queue`, a URL or a name that is asked for with GetQueueUrl.
    pub(crate) async fn open(http: Http, queue: &str) -> Result<Self, Error> {
        if queue.contains("://") {
            return Ok(Self {
                http,
                url: queue.to_owned(),
            });
        }
        let answer = call(&http, "GetQueueUrl", json!({ "QueueName": queue })).await?;
        match answer.get("QueueUrl").and_then(Value::as_str) {
            Some(url) => Ok(Self {
                url: url.to_owned(),
                http,
            }),
            None => Err(unreadable(&http, "GetQueueUrl")),
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether messages of a group come one after the other.
    pub(crate) fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }
}

impl QueueClient for SqsQueue {
    fn send_batch<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Result<Vec<Answer>, Error>> {
        Box::pin(async move {
            let body = batch(&self.url, messages);
            let answer = post(&self.http, "SendMessageBatch", body).await?;
            let answer: BatchAnswer = serde_json::from_slice(&answer)
                .map_err(|_| unreadable(&self.http, "SendMessageBatch"))?;
            Ok(answer.in_order(messages.len()))
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    #[serde(default)]
    successful: Vec<Taken>,
    #[serde(default)]
    failed: Vec<NotTaken>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    id: String,
    message_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotTaken {
    id: String,
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    sender_fault: bool,
}

impl BatchAnswer {
    fn in_order(self, count: usize) -> Vec<Answer> {
        let unanswered = || Answer::Later {
            code: "Unanswered".to_owned(),
            detail: "no word of this message".to_owned(),
        };
        let mut answers: Vec<_> = std::iter::repeat_with(unanswered).take(count).collect();
        let mut put = |id: &str, answer: Answer| {
            if let Some(slot) = id.parse::<usize>().ok().and_then(|at| answers.get_mut(at)) {
                *slot = answer;
            }
        };
        for taken in self.successful {
            put(
                &taken.id,
                Answer::Accepted {
                    message_id: taken.message_id,
                },
            );
        }
        for not in self.failed {
            let answer = if not.sender_fault && !is_passing(&not.code) {
                Answer::Refused {
                    code: not.code,
                    detail: not.message,
                }
            } else {
                Answer::Later {
                    code: not.code,
                    detail: not.message,
                }
            };
            put(&not.id, answer);
        }
        answers
    }
}

/// The body of SendMessageBatch, written once.
fn batch(url: &str, messages: &[Message]) -> Bytes {
    let size: usize = messages
        .iter()
        .map(|message| message.body.len() + message.body.len() / 8 + 400)
        .sum();
    let mut out = Vec::with_capacity(size + 200);
    out.extend_from_slice(b"{\"QueueUrl\":");
    string(&mut out, url);
    out.extend_from_slice(b",\"Entries\":[");
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        entry(&mut out, index, message);
    }
    out.extend_from_slice(b"]}");
    Bytes::from(out)
}

fn entry(out: &mut Vec<u8>, index: usize, message: &Message) {
    out.extend_from_slice(b"{\"Id\":\"");
    out.extend_from_slice(index.to_string().as_bytes());
    out.extend_from_slice(b"\",\"MessageBody\":");
    // Lines are checked to be UTF-8 before they are packed.
    string(out, &String::from_utf8_lossy(&message.body));
    if let Some(group) = &message.group {
        out.extend_from_slice(b",\"MessageGroupId\":");
        string(out, group);
        if let Some(id) = &message.id {
            out.extend_from_slice(b",\"MessageDeduplicationId\":");
            string(out, id);
        }
    }
    let lines = (message.lines > 1).then(|| message.lines.to_string());
    let attributes = [
        ("shukuba.id", "String", message.id.as_deref()),
        ("shukuba.lines", "Number", lines.as_deref()),
        ("shukuba.origin", "String", message.origin.as_deref()),
    ];
    let mut separator: &[u8] = b",\"MessageAttributes\":{";
    for (name, kind, value) in attributes {
        let Some(value) = value else { continue };
        out.extend_from_slice(separator);
        string(out, name);
        out.extend_from_slice(b":{\"DataType\":");
        string(out, kind);
        out.extend_from_slice(b",\"StringValue\":");
        string(out, value);
        out.push(b'}');
        separator = b",";
    }
    if separator == b"," {
        out.push(b'}');
    }
    out.push(b'}');
}

fn string(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

async fn call(http: &Http, operation: &'static str, input: Value) -> Result<Value, Error> {
    let answer = post(http, operation, Bytes::from(input.to_string())).await?;
    serde_json::from_slice(&answer).map_err(|_| unreadable(http, operation))
}

async fn post(http: &Http, operation: &'static str, body: Bytes) -> Result<Bytes, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    if let Ok(target) = HeaderValue::from_str(&format!("AmazonSQS.{operation}")) {
        headers.insert("x-amz-target", target);
    }
    let answer = http.post("/", headers, body).await?;
    if answer.status == 200 {
        return Ok(answer.body);
    }
    Err(fault(http.url(), answer.status, &answer.body))
}

/// The error in an answer of AWS JSON.
pub(crate) fn fault(url: &str, status: u16, body: &[u8]) -> Error {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| value.get(*name)?.as_str())
            .map(str::to_owned)
    };
    let code = text(["__type", "code"]).map_or_else(
        || format!("status {status}"),
        |code| code.rsplit('#').next().unwrap_or_default().to_owned(),
    );
    let detail = text(["message", "Message"]).unwrap_or_default();
    let url = url.to_owned();
    if status >= 500 || status == 429 || is_passing(&code) {
        Error::Unavailable {
            url,
            detail: format!("{code}: {detail}"),
        }
    } else {
        Error::Refused { url, code, detail }
    }
}

fn unreadable(http: &Http, operation: &str) -> Error {
    Error::Unavailable {
        url: http.url().to_owned(),
        detail: format!("the answer to {operation} is not its JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        Message {
            body: body.as_bytes().to_vec(),
            lines: 1,
            id: None,
            origin: None,
            group: None,
        }
    }

    #[test]
    fn a_batch_is_the_json_that_the_api_documents() {
        let messages = [
            message("a \"quoted\"\tline"),
            Message {
                lines: 2,
                id: Some("f1-0".to_owned()),
                origin: Some("here".to_owned()),
                group: Some("f1".to_owned()),
                ..message("b\nc")
            },
        ];
        let body: Value = serde_json::from_slice(&batch("http://h/1/q.fifo", &messages)).unwrap();
        assert_eq!(
            body,
            json!({"QueueUrl": "http://h/1/q.fifo", "Entries": [
                {"Id": "0", "MessageBody": "a \"quoted\"\tline"},
                {"Id": "1", "MessageBody": "b\nc", "MessageGroupId": "f1", "MessageDeduplicationId": "f1-0",
                 "MessageAttributes": {
                    "shukuba.id": {"DataType": "String", "StringValue": "f1-0"},
                    "shukuba.lines": {"DataType": "Number", "StringValue": "2"},
                    "shukuba.origin": {"DataType": "String", "StringValue": "here"}}},
            ]})
        );
    }

    #[test]
    fn answers_come_in_the_order_of_the_messages() {
        let answer: BatchAnswer = serde_json::from_value(json!({
            "Failed": [
                {"Id": "0", "Code": "InvalidMessageContents", "SenderFault": true, "Message": "no"},
                {"Id": "2", "Code": "InternalFailure", "SenderFault": false}],
            "Successful": [{"Id": "1", "MessageId": "m", "MD5OfMessageBody": "x"}]}))
        .unwrap();
        let answers = answer.in_order(4);
        assert!(
            matches!(&answers[0], Answer::Refused { code, .. } if code == "InvalidMessageContents")
        );
        assert!(matches!(&answers[1], Answer::Accepted { message_id } if message_id == "m"));
        assert!(matches!(&answers[2], Answer::Later { .. }));
        assert!(matches!(&answers[3], Answer::Later { code, .. } if code == "Unanswered"));
    }

    #[test]
    fn faults_say_whether_waiting_helps() {
        let body = br#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no queue"}"#;
        assert!(
            matches!(fault("u", 400, body), Error::Refused { code, .. } if code == "QueueDoesNotExist")
        );
        let body = br#"{"__type":"com.amazon.coral.service#RequestThrottled","message":"slow"}"#;
        assert!(matches!(fault("u", 400, body), Error::Unavailable { .. }));
        assert!(matches!(
            fault("u", 503, b"oops"),
            Error::Unavailable { .. }
        ));
    }
}
