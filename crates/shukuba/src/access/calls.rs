//! Calls of IAM in its query form, wherever they go.

use super::answer::{Node, NotXml};

/// The version of the API whose forms these are.
pub(crate) const VERSION: &str = "2010-05-08";
/// The most pages of one list. Chosen: a hundred thousand entries at a thousand each.
const PAGES_MAX: usize = 100;

/// What a call takes: names and values.
pub(crate) type Form<'a> = [(&'a str, &'a str)];

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The other side said no.
    #[error("{operation}: {code}: {message}")]
    Refused {
        /// What was called.
        operation: String,
        /// Such as `NoSuchEntity`.
        code: String,
        /// For people.
        message: String,
    },
    /// The other side said something that is no answer.
    #[error("{operation}: {source}")]
    Unreadable {
        /// What was called.
        operation: String,
        /// What is wrong with it.
        source: NotXml,
    },
    /// There was no answer.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

impl Failure {
    /// Whether it was refused with this code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// Somewhere that IAM's operations can be called.
pub(crate) trait Calls {
    /// Calls `operation`, and waits for its answer.
    fn call(&self, operation: &str, form: &Form<'_>) -> Result<Node, Failure>;
}

impl dyn Calls + '_ {
    /// As [`Calls::call`]; `None` where what it asks about does not exist.
    pub(crate) fn find(&self, operation: &str, form: &Form<'_>) -> Result<Option<Node>, Failure> {
        match self.call(operation, form) {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.is("NoSuchEntity") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The members of the list called `list`, over all its pages.
    pub(crate) fn list(
        &self,
        operation: &str,
        form: &Form<'_>,
        list: &str,
    ) -> Result<Vec<Node>, Failure> {
        let mut all = Vec::new();
        let mut marker = String::new();
        for _ in 0..PAGES_MAX {
            let mut form = form.to_vec();
            if !marker.is_empty() {
                form.push(("Marker", &marker));
            }
            let page = self.call(operation, &form)?;
            all.extend(page.members(list).cloned());
            if page.text("IsTruncated") != "true" {
                break;
            }
            marker = page.text("Marker").to_owned();
        }
        Ok(all)
    }
}

/// The body of a call: `Action=GetUser&Version=2010-05-08&UserName=alice`.
pub(crate) fn body(operation: &str, version: &str, form: &Form<'_>) -> String {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("Action", operation)
        .append_pair("Version", version)
        .extend_pairs(form);
    body.finish()
}

/// Reads an answer.
pub(crate) fn read(operation: &str, text: &[u8]) -> Result<Node, Failure> {
    Node::parse(&String::from_utf8_lossy(text)).map_err(|source| Failure::Unreadable {
        operation: operation.to_owned(),
        source,
    })
}
