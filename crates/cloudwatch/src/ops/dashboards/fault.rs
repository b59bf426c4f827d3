//! The one place where facts become codes on the wire. Texts are AWS's where they are known.

use api::Fault;
use serde::Serialize;
use wire::Detail;

use crate::dashboard::kept::{DASHBOARDS_MAX, NAME_CHARS_MAX, TAGS_MAX};
use crate::dashboard::{Error, Message, Refused};

/// A dashboard's error on the wire.
pub(super) fn of(error: Error) -> Fault {
    match error {
        // Recorded from AWS, with its line end.
        Error::NameForm { .. } => invalid(
            "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).\n",
        ),
        Error::NameLength => invalid(format!(
            "The value for field DashboardName must have a length from 1 to {NAME_CHARS_MAX}."
        )),
        Error::Refused(refused) => of_body(refused),
        Error::NotFound { name } => Fault::sender_with_query_code(
            "DashboardNotFoundError",
            "ResourceNotFound",
            format!("Dashboard {name} does not exist"),
        )
        .with_status(404),
        Error::TooMany => body(format!(
            "The limit of {DASHBOARDS_MAX} dashboards has been reached."
        )),
        Error::TooManyTags => invalid(format!("A dashboard can have at most {TAGS_MAX} tags.")),
        Error::TagForm { key } => {
            invalid(format!("The tag {key} is too long or has an empty key."))
        }
        Error::DeletedCount { count } => invalid(format!(
            "The parameter DashboardNames must have 1 to 100 members, not {count}."
        )),
        Error::NotChecked | Error::NotRead(_) | Error::Broken { .. } | Error::NotWritten(_) => {
            tracing::error!(error = %chain(&error), "an operation on dashboards failed");
            Fault::internal()
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn of_body(refused: Refused) -> Fault {
    match refused {
        Refused::NotObject => body("The field DashboardBody must be a valid JSON object"),
        Refused::TooLong { .. } => body(format!("The field DashboardBody is too long: {refused}")),
        Refused::Invalid(messages) => {
            body(told(&messages)).with_detail("dashboardValidationMessages", members(&messages))
        }
    }
}

/// One message as AWS writes it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "dataPath")]
    path: &'a str,
    message: &'a str,
}

/// All that is wrong with a body, in AWS's form.
fn told(messages: &[Message]) -> String {
    let told = messages.iter().map(|it| Told {
        path: &it.path,
        message: &it.text,
    });
    let told = serde_json::to_string_pretty(&told.collect::<Vec<_>>()).unwrap_or_default();
    let count = messages.len();
    format!("The dashboard body is invalid, there are {count} validation errors:\n{told}")
}

/// The same, as the shape has it.
fn members(messages: &[Message]) -> Detail {
    let member = |it: &Message| vec![("DataPath", it.path.clone()), ("Message", it.text.clone())];
    Detail::List(messages.iter().map(member).collect())
}

fn body(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::sender_with_query_code(
        "DashboardInvalidInputError",
        "InvalidParameterInput",
        message,
    )
}

/// A parameter that is wrong.
pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::sender_with_query_code(
        "InvalidParameterValueException",
        "InvalidParameterValue",
        message,
    )
}

/// A widget that is not drawn.
pub(super) fn widget(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::sender("ValidationError", message)
}

/// The sentence for what is wrong with a widget.
pub(super) fn widget_told(messages: &[Message]) -> String {
    let told = messages.iter().map(|it| match it.path.as_str() {
        "" => it.text.clone(),
        path => format!("{path}: {}", it.text),
    });
    format!(
        "The metric widget is invalid: {}",
        told.collect::<Vec<_>>().join("; ")
    )
}
