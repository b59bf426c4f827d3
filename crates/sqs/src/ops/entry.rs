//! What batches share: the entry of a failure, and outcomes put back into the order of the request.

use api::Fault;
use wire::Shape;

use super::fault;
use crate::Error;

/// An entry of a batch that failed.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct BatchResultErrorEntry {
    #[shape(required)]
    pub(super) id: String,
    #[shape(required)]
    pub(super) sender_fault: bool,
    #[shape(required)]
    pub(super) code: String,
    pub(super) message: Option<String>,
}

impl BatchResultErrorEntry {
    pub(super) fn new(id: String, fault: Fault) -> Self {
        Self {
            id,
            sender_fault: fault::is_senders(&fault),
            code: fault.query_code.to_owned(),
            message: Some(fault.message.into_owned()),
        }
    }
}

/// The outcomes of entries about receipt handles; the texts of faults quote them. `entries`: ids and handles.
pub(super) fn of_handles(
    entries: impl Iterator<Item = (String, String)>,
    outcomes: impl IntoIterator<Item = Result<(), Error>>,
) -> impl Iterator<Item = (String, Result<(), Fault>)> {
    entries.zip(outcomes).map(|((id, handle), outcome)| {
        let outcome = outcome.map_err(|error| fault::of_handle(error, &handle));
        (id, outcome)
    })
}

/// Sorts the outcomes of a batch into what went well and what did not, each in the order of the request.
pub(super) fn sort<T, S>(
    outcomes: impl Iterator<Item = (String, Result<T, Fault>)>,
    mut done: impl FnMut(String, T) -> S,
) -> (Vec<S>, Vec<BatchResultErrorEntry>) {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, outcome) in outcomes {
        match outcome {
            Ok(value) => successful.push(done(id, value)),
            Err(fault) => failed.push(BatchResultErrorEntry::new(id, fault)),
        }
    }
    (successful, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_entry_has_the_code_of_the_query_protocol() {
        let entry = BatchResultErrorEntry::new("a".into(), Error::handle("x").into());
        assert_eq!(entry.code, "ReceiptHandleIsInvalid");
        assert!(entry.sender_fault);
        let ours = BatchResultErrorEntry::new("a".into(), Error::Busy.into());
        assert!(!ours.sender_fault);
    }
}
