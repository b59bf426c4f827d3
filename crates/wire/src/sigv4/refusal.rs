//! Why a signature is refused, and the codes that AWS gives.

use base::Timestamp;

/// Why a request is not taken as signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither an `Authorization` header nor a presigned query.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// A part is missing, stands twice, or is not in form.
    #[error("{0}")]
    Incomplete(String),
    /// Something is sent but not signed, or signed but not sent.
    #[error("{0}")]
    Unsigned(String),
    /// The scope names another day, region, service or terminator.
    #[error("{0}")]
    Scope(String),
    /// Signed too long ago.
    #[error(
        "Signature expired: {signed} is now earlier than {earliest} ({now} - {window_minutes} min.)"
    )]
    Expired {
        /// When it was signed, as sent.
        signed: String,
        /// The earliest time that would be taken.
        earliest: String,
        /// Our time.
        now: String,
        /// The window.
        window_minutes: u64,
    },
    /// Signed in the future.
    #[error(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {window_minutes} min.)"
    )]
    NotYetCurrent {
        /// When it was signed, as sent.
        signed: String,
        /// The latest time that would be taken.
        latest: String,
        /// Our time.
        now: String,
        /// The window.
        window_minutes: u64,
    },
    /// A presigned URL beyond its `X-Amz-Expires`.
    #[error("Request has expired: it held until {until}, and it is {now}")]
    PresignedExpired {
        /// The end of its time.
        until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// No such key, or a key that is switched off.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session token's time is over.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// `x-amz-content-sha256` is not the body's hash.
    #[error(
        "The provided 'x-amz-content-sha256' header does not match what was computed: the body's hash is {computed}"
    )]
    BodyHash {
        /// The body's hash in hex.
        computed: String,
    },
    /// A payload form that is known but not taken here.
    #[error("x-amz-content-sha256 `{form}` is not taken here: send the SHA-256 of the body in hex")]
    PayloadForm {
        /// What was sent.
        form: String,
    },
    /// The signature is not the one that the key gives.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'{canonical}'\n\nThe String-to-Sign should have been\n'{string_to_sign}'\n"
    )]
    Mismatch {
        /// Our canonical request; what is no text in it is shown as `\u{fffd}`.
        canonical: String,
        /// Our string to sign.
        string_to_sign: String,
    },
}

/// Whose codes an answer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON and CBOR protocols.
    Json,
    /// The query protocol.
    Query,
    /// EC2's query protocol.
    Ec2,
    /// S3.
    S3,
}

/// A refusal's code in a dialect, the code of the query protocol, and the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalCodes {
    /// The code to show.
    pub code: &'static str,
    /// The code that goes into `x-amzn-query-error`.
    pub query_code: &'static str,
    /// The HTTP status.
    pub status: u16,
}

impl Refusal {
    /// The codes to answer with.
    ///
    /// Source: Common Errors of the SQS, IAM, EC2 and S3 API references; the names of the JSON dialect from DynamoDB's,
    /// "Error messages and codes", whose front SQS has since it speaks JSON.
    #[must_use]
    pub const fn codes(&self, dialect: Dialect) -> RefusalCodes {
        let (code, query_code, status) = match (self, dialect) {
            (Self::Missing, Dialect::S3) => ("AccessDenied", "AccessDenied", 403),
            (Self::Missing, Dialect::Json) => (
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
                403,
            ),
            (Self::Missing, _) => (
                "MissingAuthenticationToken",
                "MissingAuthenticationToken",
                403,
            ),
            (Self::Incomplete(_) | Self::Scope(_), Dialect::S3) => (
                "AuthorizationHeaderMalformed",
                "AuthorizationHeaderMalformed",
                400,
            ),
            (Self::Incomplete(_) | Self::PayloadForm { .. }, Dialect::Json) => {
                ("IncompleteSignatureException", "IncompleteSignature", 400)
            }
            (Self::Incomplete(_), _) => ("IncompleteSignature", "IncompleteSignature", 400),
            (Self::Unsigned(_), Dialect::S3) => ("AccessDenied", "AccessDenied", 403),
            (Self::Expired { .. } | Self::NotYetCurrent { .. }, Dialect::S3) => {
                ("RequestTimeTooSkewed", "RequestTimeTooSkewed", 403)
            }
            (Self::PresignedExpired { .. }, Dialect::S3) => ("AccessDenied", "AccessDenied", 403),
            (Self::PresignedExpired { .. }, _) => ("RequestExpired", "RequestExpired", 403),
            (Self::UnknownKey, Dialect::Json) => {
                ("UnrecognizedClientException", "InvalidClientTokenId", 403)
            }
            (Self::UnknownKey, Dialect::Query) => {
                ("InvalidClientTokenId", "InvalidClientTokenId", 403)
            }
            (Self::UnknownKey, Dialect::Ec2) => ("AuthFailure", "AuthFailure", 401),
            (Self::UnknownKey, Dialect::S3) => ("InvalidAccessKeyId", "InvalidAccessKeyId", 403),
            (Self::ExpiredToken, Dialect::S3) => ("ExpiredToken", "ExpiredToken", 400),
            (Self::ExpiredToken, Dialect::Json) => ("ExpiredTokenException", "ExpiredToken", 403),
            (Self::ExpiredToken, _) => ("ExpiredToken", "ExpiredToken", 403),
            (Self::BodyHash { .. }, Dialect::S3) => (
                "XAmzContentSHA256Mismatch",
                "XAmzContentSHA256Mismatch",
                400,
            ),
            (Self::PayloadForm { .. }, Dialect::S3) => ("NotImplemented", "NotImplemented", 501),
            (Self::PayloadForm { .. }, _) => ("IncompleteSignature", "IncompleteSignature", 400),
            (
                Self::Unsigned(_)
                | Self::Scope(_)
                | Self::Expired { .. }
                | Self::NotYetCurrent { .. }
                | Self::BodyHash { .. }
                | Self::Mismatch { .. },
                dialect,
            ) => {
                let code = match dialect {
                    Dialect::Json => "InvalidSignatureException",
                    _ => "SignatureDoesNotMatch",
                };
                (code, "SignatureDoesNotMatch", 403)
            }
        };
        RefusalCodes {
            code,
            query_code,
            status,
        }
    }
}
