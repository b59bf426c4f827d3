//! An error as the wire shows it.

use std::borrow::Cow;

use wire::Detail;

/// Whose error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The caller's: trying the same again fails again.
    Sender,
    /// Ours: trying again may help.
    Receiver,
}

impl Side {
    /// As the query protocol names it: `Sender` or `Receiver`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "Sender",
            Self::Receiver => "Receiver",
        }
    }
}

/// An error as the wire shows it. Each service makes its faults in one place, `ops/fault.rs`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// The modelled shape's name, such as `QueueDoesNotExist`; JSON and CBOR show it.
    pub code: &'static str,
    /// The code of the query protocol, such as `AWS.SimpleQueueService.NonExistentQueue`; it goes into
    /// `x-amzn-query-error` too.
    pub query_code: &'static str,
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// For people.
    pub message: Cow<'static, str>,
    /// Whose error it is.
    pub side: Side,
    /// Such as `com.amazonaws.sqs`, for the full `__type`; `None` takes the service's own.
    pub namespace: Option<&'static str>,
    /// Members of the modelled shape besides its message, by name.
    pub details: Vec<(&'static str, Detail)>,
}

impl Fault {
    /// The caller's error with status 400, with the same code in all protocols.
    #[must_use]
    pub fn sender(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::sender_with_query_code(code, code, message)
    }

    /// The caller's error with status 400, with another code in the query protocol.
    #[must_use]
    pub fn sender_with_query_code(
        code: &'static str,
        query_code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            query_code,
            status: 400,
            message: message.into(),
            side: Side::Sender,
            namespace: None,
            details: Vec::new(),
        }
    }

    /// Our error with status 500: `InternalFailure`. The detail belongs into the log, never here.
    #[must_use]
    pub fn internal() -> Self {
        Self {
            code: "InternalFailure",
            query_code: "InternalFailure",
            status: 500,
            message: Cow::Borrowed(
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
            side: Side::Receiver,
            namespace: None,
            details: Vec::new(),
        }
    }

    /// Our passing trouble with status 503: `ServiceUnavailable`.
    #[must_use]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: "ServiceUnavailable",
            query_code: "ServiceUnavailable",
            status: 503,
            message: message.into(),
            side: Side::Receiver,
            namespace: None,
            details: Vec::new(),
        }
    }

    /// The same fault with a member that its shape has besides the message.
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, detail: Detail) -> Self {
        self.details.push((name, detail));
        self
    }

    /// The same fault with another HTTP status.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}
