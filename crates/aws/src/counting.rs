//! Counts what is called, as AWS bills it: by the service that a call is signed for, and for S3 by its kind.

use std::sync::atomic::{AtomicU64, Ordering};

use ::http::{Method, Request, header};

/// What a call counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Any call to SQS.
    Sqs,
    /// S3: PUT, COPY, POST and LIST.
    S3Put,
    /// S3: GET and all others that are billed.
    S3Get,
    /// S3: DELETE, which is free.
    S3Delete,
    /// Any call to CloudWatch.
    CloudWatch,
    /// Anything else.
    Other,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sqs,
        Self::S3Put,
        Self::S3Get,
        Self::S3Delete,
        Self::CloudWatch,
        Self::Other,
    ];

    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqs => "SQS",
            Self::S3Put => "S3 PUT, POST, LIST",
            Self::S3Get => "S3 GET",
            Self::S3Delete => "S3 DELETE",
            Self::CloudWatch => "CloudWatch",
            Self::Other => "other",
        }
    }
}

/// Calls so far, retries too.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Kind::ALL.len()]);

impl Counts {
    /// Counts a call.
    pub fn add<B>(&self, request: &Request<B>) {
        if let Some(count) = self.0.get(kind(request) as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        let count = self.0.get(kind as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

fn kind<B>(request: &Request<B>) -> Kind {
    let signature = request.headers().get(header::AUTHORIZATION);
    let signature = signature.and_then(|value| value.to_str().ok());
    // AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, …
    let service = signature.and_then(|text| text.split(['/', ',']).nth(3));
    match service {
        Some("sqs") => Kind::Sqs,
        Some("monitoring") => Kind::CloudWatch,
        Some("s3") => of_s3(request),
        _ => Kind::Other,
    }
}

fn of_s3<B>(request: &Request<B>) -> Kind {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::DELETE => Kind::S3Delete,
        Method::GET if query.contains("list-type=") => Kind::S3Put,
        Method::GET | Method::HEAD => Kind::S3Get,
        _ => Kind::S3Put,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_by_what_they_are_billed_as() {
        let counts = Counts::default();
        for (method, path, service) in [
            ("POST", "/", "sqs"),
            ("POST", "/", "sqs"),
            ("PUT", "/bucket/key", "s3"),
            ("GET", "/bucket?list-type=2&prefix=a", "s3"),
            ("POST", "/bucket?delete", "s3"),
            ("GET", "/bucket/key", "s3"),
            ("DELETE", "/bucket/key", "s3"),
            (
                "POST",
                "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
                "monitoring",
            ),
            ("POST", "/", "lambda"),
        ] {
            let signature = format!(
                "AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            );
            let request = Request::builder().method(method).uri(path);
            counts.add(&request.header("authorization", signature).body(()).unwrap());
        }
        counts.add(&Request::new(()));
        let found = Kind::ALL.map(|kind| counts.of(kind));
        assert_eq!(found, [2, 3, 1, 1, 1, 2]);
    }
}
