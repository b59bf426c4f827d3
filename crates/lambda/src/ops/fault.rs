//! The one place where facts become codes on the wire.
//!
//! Codes and texts are those that AWS answers with, as far as they are known from its API reference, from clients that look for them
//! (the Terraform provider waits for some), and from reports that cite them.

use api::{Fault, Side};
use wire::Detail;

use super::Lambda;
use crate::code::{self, Unfit};
use crate::engine::error::Stale;
use crate::engine::{self, Missing};
use crate::events::NotAccepted;
use crate::fleet::{Refused, Throttle};
use crate::functions::Error;

impl Lambda {
    /// What a caller is told of `error`.
    pub(super) fn told(&self, error: impl Into<Error>) -> Fault {
        match error.into() {
            Error::Refused(refused) => self.refused(refused),
            Error::Code(code::Error::Unfit(unfit)) => package(&unfit),
            error => internal(&error),
        }
    }

    fn refused(&self, error: engine::Error) -> Fault {
        use engine::Error as E;
        match error {
            E::NotFound(missing) => not_found(self.missing(&missing)),
            E::FunctionExists { name } => conflict(format!("Function already exist: {name}")),
            E::AliasExists { name, alias } => {
                let arn = self.functions.place().arn(&name);
                conflict(format!("Alias already exists: {arn}:{alias}"))
            }
            E::StatementExists { id } => conflict(format!(
                "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
            )),
            E::Stale(of) => stale(of),
            E::Referenced { aliases } => conflict(format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                aliases.join(", ")
            )),
            E::Invalid(text) => invalid(text),
            E::OutOfBounds(text) => out_of_bounds(text),
            E::CodeStorage { .. } => Fault::sender(
                "CodeStorageExceededException",
                "Code storage limit exceeded.",
            ),
            E::TooMany { what, limit } => Fault::sender(
                "CodeStorageExceededException",
                format!("There are {limit} {what}, which is the most that there may be."),
            ),
            E::PolicyLength { bytes, limit } => Fault::sender(
                "PolicyLengthExceededException",
                format!("The final policy size ({bytes}) is bigger than the limit ({limit})."),
            ),
        }
    }

    fn missing(&self, missing: &Missing) -> String {
        let place = self.functions.place();
        match missing {
            Missing::Function { name, qualifier } => {
                let arn = place.arn(name);
                let behind = qualifier.as_ref().map(|it| format!(":{it}"));
                format!("Function not found: {arn}{}", behind.unwrap_or_default())
            }
            Missing::Alias { name, alias } => {
                format!("Cannot find alias arn: {}:{alias}", place.arn(name))
            }
            Missing::Policy => "The resource you requested does not exist.".to_owned(),
            Missing::PolicyOfStatement => {
                "No policy is associated with the given resource.".to_owned()
            }
            Missing::Statement { id } => format!("Statement {id} is not found in resource policy."),
            Missing::EventConfig { name, qualifier } => format!(
                "The function {}:{qualifier} doesn't have an EventInvokeConfig",
                place.arn(name)
            ),
        }
    }

    /// What a caller is told whose call was not run.
    pub(super) fn not_run(&self, refused: Refused) -> Fault {
        match refused {
            Refused::Throttled(throttle) => throttled(throttle),
            Refused::Role(trouble) => {
                tracing::warn!(error = %trouble, "a function's role cannot be assumed");
                Fault::sender("AccessDeniedException", CANNOT_ASSUME).with_status(403)
            }
            Refused::Package(trouble) => {
                tracing::error!(error = %trouble, "a function's code cannot be had");
                service("The code of the function cannot be read.")
            }
            Refused::Stopping => Fault::unavailable("The server stops. Please try again."),
        }
    }

    /// What a caller is told whose event was not accepted.
    pub(super) fn not_accepted(&self, error: NotAccepted) -> Fault {
        match error {
            NotAccepted::NotFound(name) => self.told(engine::Error::no_function(&name)),
            NotAccepted::TooLarge { bytes } => {
                too_large(bytes, crate::events::PAYLOAD_BYTES_MAX, "Event")
            }
            NotAccepted::Full => throttled(Throttle::Concurrency),
            NotAccepted::Kept(error) => self.told(error),
        }
    }
}

/// What the Terraform provider waits for while a new role is not known everywhere yet.
pub(super) const CANNOT_ASSUME: &str =
    "The role defined for the function cannot be assumed by Lambda.";

/// A value is wrong.
pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterValueException", text.into())
}

/// A value is outside the model's bounds.
pub(super) fn out_of_bounds(text: String) -> Fault {
    Fault::sender("ValidationException", text)
}

/// Something is not there.
pub(super) fn not_found(text: impl Into<String>) -> Fault {
    Fault::sender("ResourceNotFoundException", text.into()).with_status(404)
}

/// A payload is no JSON.
pub(super) fn no_json(text: String) -> Fault {
    Fault::sender("InvalidRequestContentException", text)
}

/// An event is too large. `kind`: `Event` or `RequestResponse`.
pub(super) fn too_large(bytes: usize, limit: usize, kind: &str) -> Fault {
    let text = format!(
        "{bytes} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    );
    Fault::sender("RequestTooLargeException", text).with_status(413)
}

/// A package is too large to come within a request.
pub(super) fn package_too_large(operation: &str) -> Fault {
    let text = format!("Request must be smaller than 70167211 bytes for the {operation} operation");
    Fault::sender("RequestEntityTooLargeException", text).with_status(413)
}

/// Something of ours is away.
pub(super) fn service(text: &'static str) -> Fault {
    Fault {
        code: "ServiceException",
        query_code: "ServiceException",
        status: 500,
        message: text.into(),
        side: Side::Receiver,
        namespace: None,
        details: Vec::new(),
    }
}

fn conflict(text: String) -> Fault {
    Fault::sender("ResourceConflictException", text).with_status(409)
}

fn stale(of: Stale) -> Fault {
    let api = match of {
        Stale::Function => "GetFunction/GetAlias",
        Stale::Alias => "GetAlias",
        Stale::Policy => "GetPolicy",
    };
    let text = format!(
        "The Revision Id provided does not match the latest Revision Id. Call the {api} API to retrieve the latest Revision Id"
    );
    Fault::sender("PreconditionFailedException", text).with_status(412)
}

fn throttled(throttle: Throttle) -> Fault {
    let reason = Detail::Text(throttle.reason().to_owned());
    Fault::sender("TooManyRequestsException", "Rate Exceeded.")
        .with_status(429)
        .with_detail("Reason", reason)
        .with_detail("Retry-After", Detail::Header(RETRY_AFTER_SECS.to_owned()))
}

/// After how many seconds a throttled call may be tried again. Chosen: most invocations end before.
const RETRY_AFTER_SECS: &str = "1";

fn package(unfit: &Unfit) -> Fault {
    match unfit {
        Unfit::Empty => invalid("Uploaded file must be a non-empty zip"),
        Unfit::TooLarge => invalid("Unzipped size must be smaller than 262144000 bytes"),
        Unfit::Unreadable(_) => invalid(format!(
            "Could not unzip uploaded file. Please check your file, then try to upload again. ({unfit})"
        )),
        Unfit::TooMany | Unfit::Name(_) | Unfit::Twice(_) | Unfit::Link(_) | Unfit::Kind(_) => {
            invalid(format!("Could not unzip uploaded file: {unfit}."))
        }
    }
}

fn internal(error: &Error) -> Fault {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    tracing::error!(%error, causes = causes.join(": "), "a call failed");
    service("The AWS Lambda service encountered an internal error.")
}
