//! The one place where facts become codes on the wire.
//!
//! Each fault has the shape's name of the service model (JSON `__type`) and the code of the query protocol, which JSON
//! carries in `x-amzn-query-error`. Texts are those that SQS answers with, as far as they are known: from the API
//! Reference and from answers that moto's and LocalStack's tests recorded.

use std::borrow::Cow;

use api::{Fault, Side};

use crate::Error;
use crate::attributes::Flaw;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::QueueNotFound { .. } => no_such_queue(),
            Error::QueueDeletedRecently { .. } => sender(
                "QueueDeletedRecently",
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ),
            Error::QueueNameExists { attribute, .. } => sender(
                "QueueNameExists",
                "QueueAlreadyExists",
                format!(
                    "A queue already exists with the same name and a different value for attribute {attribute}"
                ),
            ),
            Error::UnknownAttribute { name } => {
                Self::sender("InvalidAttributeName", format!("Unknown Attribute {name}."))
            }
            Error::InvalidAttributeValue { name, right, .. } => Self::sender(
                "InvalidAttributeValue",
                format!("Invalid value for the parameter {name}. Reason: {right}."),
            ),
            Error::InvalidParameter { name, value, right } => {
                invalid_parameter(name, &value, &right)
            }
            Error::MissingParameter { name } => sender(
                "MissingRequiredParameterException",
                "MissingParameter",
                format!("The request must contain the parameter {name}."),
            ),
            Error::InvalidMessageAttribute { name, flaw } => invalid_value(flawed(&name, flaw)),
            Error::InvalidCharacters => Self::sender("InvalidMessageContents", INVALID_CHARACTERS),
            Error::MessageTooLong { limit, .. } => invalid_value(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
            )),
            Error::BatchTooLong { bytes, limit } => sender(
                "BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
                format!(
                    "Batch requests cannot be longer than {limit} bytes. You have sent {bytes} bytes."
                ),
            ),
            Error::BatchEmpty => empty_batch("BatchRequestEntry"),
            Error::BatchTooMany { count } => sender(
                "TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                format!("Maximum number of entries per request are 10. You have sent {count}."),
            ),
            Error::BatchIdRepeated { id } => sender(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ),
            Error::BatchIdInvalid { .. } => sender(
                "InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                 It can be at most 80 letters long.",
            ),
            Error::HandleInvalid { handle } => Self::sender(
                "ReceiptHandleIsInvalid",
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
            )
            .with_status(404),
            Error::HandleExpired => invalid_value(HANDLE_EXPIRED),
            Error::NotInFlight => sender(
                "MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message referred to isn't in flight.",
            ),
            // Of a message that is gone: LocalStack's validated tests, 2023.
            Error::NotHeld => invalid_value(NOT_HELD),
            Error::DedupMissing => invalid_value(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            ),
            Error::TooManyActions { count, limit } => Self::sender(
                "OverLimit",
                format!("{count} Actions were found, maximum allowed is {limit}."),
            )
            .with_status(403),
            Error::PolicyTooLong { .. } => {
                Self::sender("OverLimit", "Submitted policy is over max allowed size.")
                    .with_status(403)
            }
            over @ Error::PolicyTooMany { .. } => {
                Self::sender("OverLimit", over.to_string()).with_status(403)
            }
            Error::OverLimit { limit } => Self::sender(
                "OverLimit",
                format!("The maximum number of in flight messages is reached: {limit}."),
            )
            .with_status(403),
            Error::TooManyQueues { limit } => Self::sender(
                "OverLimit",
                format!("The maximum number of queues is reached: {limit}."),
            )
            .with_status(403),
            Error::PurgeInProgress { name } => sender(
                "PurgeQueueInProgress",
                "AWS.SimpleQueueService.PurgeQueueInProgress",
                format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds."),
            )
            .with_status(403),
            Error::NotFound {
                what: "label",
                name,
            } => invalid_value(format!(
                "Value {name} for parameter Label is invalid. Reason: can't find label."
            )),
            Error::NotFound { what, name } => Self::sender(
                "ResourceNotFoundException",
                format!("The {what} {name} does not exist."),
            )
            .with_status(404),
            Error::Unsupported { why } => sender(
                "UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
                why,
            ),
            bound @ Error::BoundToRoute { .. } => {
                sender("AccessDeniedException", "AccessDenied", bound.to_string()).with_status(403)
            }
            full @ (Error::DiskFull
            | Error::ReserveSpent
            | Error::QueueFull { .. }
            | Error::Busy) => Self::unavailable(full.to_string()),
            Error::TooLarge { limit, .. } => invalid_value(format!(
                "One or more parameters are invalid. Reason: The request must be shorter than {limit}."
            )),
            broken @ (Error::Stopped { .. } | Error::Unreadable { .. }) => internal(&broken),
        }
    }
}

const INVALID_CHARACTERS: &str = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | \
                                  #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
const NOT_HELD: &str = "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
                             available for visibility timeout change.";
const HANDLE_EXPIRED: &str =
    "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";

/// The caller's error. The service model gives some of them another status than 400.
fn sender(
    code: &'static str,
    query_code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Fault {
    Fault::sender_with_query_code(code, query_code, message)
}

/// A parameter with a wrong value.
fn invalid_parameter(name: &str, value: &str, right: &str) -> Fault {
    let mut letters = right.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let reason: String = first.into_iter().chain(letters).collect();
    invalid_value(format!(
        "Value {value} for parameter {name} is invalid. Reason: {reason}."
    ))
}

/// What SQS says about a message attribute.
fn flawed(name: &str, flaw: Flaw) -> String {
    match flaw {
        Flaw::TooMany { count } => {
            format!("Number of message attributes [{count}] exceeds the allowed maximum [10].")
        }
        Flaw::NameLength => "Message (user) attribute names must be shorter than 256 Bytes".to_owned(),
        Flaw::NameCharacters => "Message (user) attributes name can only contain upper and lower score characters, \
                                 digits, periods, hyphens and underscores. "
            .to_owned(),
        Flaw::NameReserved => "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings \
                               are reserved for internal use. Additionally, they cannot start or end with '.'."
            .to_owned(),
        Flaw::TypeMissing => format!("Message (user) attribute '{name}' must contain a non-empty attribute type."),
        Flaw::TypeUnknown => format!(
            "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type \
             prefixes: Binary, Number, String."
        ),
        Flaw::Empty { data_type } => {
            format!("Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'.")
        }
        Flaw::NotNumber => format!("Can't cast the value of message (user) attribute '{name}' to a number."),
        Flaw::Characters => INVALID_CHARACTERS.to_owned(),
        flaw @ (Flaw::Misfit | Flaw::NotSendable) => format!("Message attribute '{name}' is invalid. Reason: {flaw}."),
    }
}

/// The fault about a receipt handle, which the texts of two of them quote.
pub(super) fn of_handle(error: Error, handle: &str) -> Fault {
    let is_about_it = matches!(error, Error::HandleExpired | Error::NotHeld);
    let mut fault = Fault::from(error);
    if is_about_it {
        let quoted = format!("Value {handle} for parameter");
        fault.message = fault
            .message
            .replacen("Value for parameter", &quoted, 1)
            .into();
    }
    fault
}

/// A parameter with a wrong value, in SQS's own words.
pub(super) fn invalid_value(message: impl Into<Cow<'static, str>>) -> Fault {
    sender(
        "InvalidParameterValueException",
        "InvalidParameterValue",
        message,
    )
}

/// Ours; what happened goes into the log only.
fn internal(error: &Error) -> Fault {
    tracing::error!(%error, "an operation failed");
    Fault::internal()
}

/// No queue of this name.
pub(super) fn no_such_queue() -> Fault {
    sender(
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )
}

/// A `QueueUrl` that is none.
pub(super) fn invalid_address(url: &str) -> Fault {
    let url: String = url.chars().take(256).collect();
    Fault::sender(
        "InvalidAddress",
        format!("The address {url} is not valid for this endpoint."),
    )
    .with_status(404)
}

/// A queue that a move task names by a parameter, and that is not there.
pub(super) fn no_such_resource(parameter: &str) -> Fault {
    Fault::sender(
        "ResourceNotFoundException",
        format!("The resource that you specified for the {parameter} parameter doesn't exist."),
    )
    .with_status(404)
}

/// A batch without entries. `entry`: what its entries are called.
pub(super) fn empty_batch(entry: &str) -> Fault {
    sender(
        "EmptyBatchRequest",
        "AWS.SimpleQueueService.EmptyBatchRequest",
        format!("There should be at least one {entry} in the request."),
    )
}

/// The fault of a whole batch; an empty one says what its entries are called.
pub(super) fn of_batch(error: Error, entry: &str) -> Fault {
    match error {
        Error::BatchEmpty => empty_batch(entry),
        error => error.into(),
    }
}

/// Whether the caller is at fault.
pub(super) fn is_senders(fault: &Fault) -> bool {
    fault.side == Side::Sender
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `error` becomes shape `code`, query code `query_code`, and a text with `part`.
    fn check(error: Error, code: &str, query_code: &str, part: &str) {
        let fault = Fault::from(error);
        assert_eq!((fault.code, fault.query_code), (code, query_code));
        assert!(fault.message.contains(part), "{}", fault.message);
    }

    // Codes from the Smithy model of SQS (trait awsQueryError).
    #[test]
    fn facts_have_the_codes_of_the_service_model() {
        check(
            Error::QueueNotFound { name: "q".into() },
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        );
        check(
            Error::QueueNameExists {
                name: "q".into(),
                attribute: "DelaySeconds".into(),
            },
            "QueueNameExists",
            "QueueAlreadyExists",
            "different value for attribute DelaySeconds",
        );
        check(
            Error::BatchTooMany { count: 11 },
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            "are 10. You have sent 11.",
        );
        check(
            Error::PurgeInProgress { name: "q".into() },
            "PurgeQueueInProgress",
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            "on q is allowed every 60 seconds",
        );
        check(
            Error::NotInFlight,
            "MessageNotInflight",
            "AWS.SimpleQueueService.MessageNotInflight",
            "isn't in flight",
        );
        check(
            Error::NotHeld,
            "InvalidParameterValueException",
            "InvalidParameterValue",
            "not available for visibility timeout change",
        );
        check(
            Error::handle("x"),
            "ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalid",
            "The input receipt handle \"x\" is not a valid receipt handle.",
        );
    }

    #[test]
    fn internal_faults_keep_their_detail_to_themselves() {
        let fault = Fault::from(Error::Stopped {
            why: "disk 7".into(),
        });
        assert_eq!((fault.code, fault.status), ("InternalFailure", 500));
        assert!(!fault.message.contains("disk"));
    }
}
