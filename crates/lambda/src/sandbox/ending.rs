//! How one try of a call ended.

use bytes::Bytes;

use super::FunctionError;
use super::desk::Said;
use super::memory::Over;
use super::report::Fault;

/// How one try ended.
pub(super) enum Ending {
    Answer(Bytes),
    Error { kind: Option<String>, body: Bytes },
    Fault(Fault),
}

impl Ending {
    /// Whether the process is to be ended: by a fault, but not by an answer that was too large, which is the function's alone.
    pub(super) const fn is_end(&self) -> bool {
        matches!(self, Self::Fault(fault) if !matches!(fault, Fault::TooLarge))
    }

    /// What the caller is told.
    pub(super) fn told(self, request_id: &str) -> (Bytes, Option<FunctionError>) {
        match self {
            Self::Answer(payload) => (payload, None),
            Self::Error { kind, body } => {
                let error = FunctionError {
                    kind: kind.unwrap_or_else(|| "Unhandled".to_owned()),
                    is_reported: true,
                };
                (body, Some(error))
            }
            Self::Fault(fault) => {
                let error = FunctionError {
                    kind: fault.kind().to_owned(),
                    is_reported: false,
                };
                (fault.body(request_id), Some(error))
            }
        }
    }
}

impl From<Said> for Ending {
    fn from(said: Said) -> Self {
        match said {
            Said::Answer(payload) => Self::Answer(payload),
            Said::Error { kind, body } => Self::Error { kind, body },
            Said::TooLarge => Self::Fault(Fault::TooLarge),
        }
    }
}

impl From<Over> for Fault {
    fn from(over: Over) -> Self {
        match over {
            Over::Memory => Self::OutOfMemory,
            Over::Storage => Self::StorageFull,
        }
    }
}

/// What a runtime says of its start that failed.
pub(super) fn init_error(said: Said) -> Fault {
    match said {
        Said::Error { kind, body } => Fault::InitError {
            kind: kind.unwrap_or_else(|| "Runtime.Unknown".to_owned()),
            body,
        },
        Said::Answer(_) | Said::TooLarge => Fault::TooLarge,
    }
}
