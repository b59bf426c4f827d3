//! What OTLP/HTTP's clients read: `ExportMetricsServiceResponse`, and `google.rpc.Status` where nothing was taken.
//!
//! Source: OTLP specification, "OTLP/HTTP Response", "Partial Success", "Failures".

use serde_json::{Map, Value, json};

use super::Form;
use crate::ingest::Answer;
use crate::ingest::protobuf::Writer;
use crate::ingest::skipped::Skipped;

impl Form {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    fn answer(self, status: u16, body: Vec<u8>) -> Answer {
        Answer {
            status,
            content_type: Some(self.content_type()),
            body,
        }
    }
}

/// Says how many points were not kept, and why; nothing where all were.
pub(in crate::ingest) fn accepted(form: Form, skipped: &Skipped) -> Answer {
    let text = skipped.to_string();
    let rejected = skipped.total();
    let body = match form {
        Form::Protobuf => {
            let mut partial = Writer::default();
            partial.number(1, rejected);
            partial.bytes(2, text.as_bytes());
            let mut response = Writer::default();
            response.bytes(1, &partial.done());
            response.done()
        }
        Form::Json if text.is_empty() => b"{}".to_vec(),
        Form::Json => {
            let mut partial = Map::new();
            if rejected > 0 {
                partial.insert("rejectedDataPoints".to_owned(), rejected.to_string().into());
            }
            partial.insert("errorMessage".to_owned(), text.into());
            json!({ "partialSuccess": partial })
                .to_string()
                .into_bytes()
        }
    };
    form.answer(200, body)
}

/// Says why nothing was taken.
pub(in crate::ingest) fn refusal(form: Form, status: u16, message: &str) -> Answer {
    let code = code(status);
    let body = match form {
        Form::Protobuf => {
            let mut writer = Writer::default();
            writer.number(1, code);
            writer.bytes(2, message.as_bytes());
            writer.done()
        }
        Form::Json => {
            let status: Value = json!({ "code": code, "message": message });
            status.to_string().into_bytes()
        }
    };
    form.answer(status, body)
}

/// The `google.rpc.Code` of an HTTP status. Source: googleapis, `google/rpc/code.proto`.
const fn code(status: u16) -> u64 {
    match status {
        401 => 16,
        403 => 7,
        404 => 5,
        408 => 4,
        413 | 429 => 8,
        503 => 14,
        400..=499 => 3,
        _ => 13,
    }
}
