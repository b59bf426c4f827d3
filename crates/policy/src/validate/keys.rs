//! The global condition keys: which exist, and what their values are.
//!
//! Source: the IAM user guide, "AWS global condition context keys".

use crate::condition::operator::Test;

/// What the values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    Text,
    Bool,
    Number,
    /// A time as a text.
    Date,
    /// A time in seconds: numbers and dates both compare it.
    Epoch,
    Address,
    Arn,
}

/// A key in lower case, its values, and whether it has many of them.
pub(super) struct GlobalKey {
    pub(super) name: &'static str,
    pub(super) values: Values,
    pub(super) is_many: bool,
}

const fn one(name: &'static str, values: Values) -> GlobalKey {
    GlobalKey {
        name,
        values,
        is_many: false,
    }
}

const fn many(name: &'static str) -> GlobalKey {
    GlobalKey {
        name,
        values: Values::Text,
        is_many: true,
    }
}

/// A key that ends in `/` is followed by the name of a tag.
const KEYS: &[GlobalKey] = &[
    one("aws:assumedroot", Values::Bool),
    many("aws:calledvia"),
    one("aws:calledviafirst", Values::Text),
    one("aws:calledvialast", Values::Text),
    one("aws:chatbotsourcearn", Values::Arn),
    one("aws:currenttime", Values::Date),
    one("aws:ec2instancesourceprivateipv4", Values::Address),
    one("aws:ec2instancesourcevpc", Values::Text),
    one("aws:epochtime", Values::Epoch),
    one("aws:federatedprovider", Values::Text),
    one("aws:multifactorauthage", Values::Number),
    one("aws:multifactorauthpresent", Values::Bool),
    one("aws:principalaccount", Values::Text),
    one("aws:principalarn", Values::Arn),
    one("aws:principalisawsservice", Values::Bool),
    one("aws:principalorgid", Values::Text),
    many("aws:principalorgpaths"),
    one("aws:principalservicename", Values::Text),
    many("aws:principalservicenameslist"),
    one("aws:principaltag/", Values::Text),
    one("aws:principaltype", Values::Text),
    one("aws:referer", Values::Text),
    one("aws:requestedregion", Values::Text),
    one("aws:requesttag/", Values::Text),
    one("aws:resourceaccount", Values::Text),
    one("aws:resourceorgid", Values::Text),
    many("aws:resourceorgpaths"),
    one("aws:resourcetag/", Values::Text),
    one("aws:securetransport", Values::Bool),
    one("aws:sourceaccount", Values::Text),
    one("aws:sourcearn", Values::Arn),
    one("aws:sourceidentity", Values::Text),
    one("aws:sourceip", Values::Address),
    one("aws:sourceorgid", Values::Text),
    many("aws:sourceorgpaths"),
    one("aws:sourceowner", Values::Text),
    one("aws:sourcevpc", Values::Text),
    one("aws:sourcevpcarn", Values::Arn),
    one("aws:sourcevpce", Values::Text),
    many("aws:tagkeys"),
    one("aws:tokenissuetime", Values::Date),
    one("aws:useragent", Values::Text),
    one("aws:userid", Values::Text),
    one("aws:username", Values::Text),
    one("aws:viaawsmcpservice", Values::Bool),
    one("aws:viaawsservice", Values::Bool),
    one("aws:vpceaccount", Values::Text),
    one("aws:vpceorgid", Values::Text),
    many("aws:vpceorgpaths"),
    one("aws:vpcsourceip", Values::Address),
];

/// What is known of a key.
pub(super) enum Known {
    /// Not one of the global keys.
    OfService,
    Global(&'static GlobalKey),
    /// It needs the name of a tag.
    NoTag,
    /// There is no such global key.
    Nothing,
}

/// Looks up a key in whatever case.
pub(super) fn lookup(key: &str) -> Known {
    let key = key.to_ascii_lowercase();
    if !key.starts_with("aws:") {
        return Known::OfService;
    }
    let is = |known: &&GlobalKey| match known.name.strip_suffix('/') {
        Some(_) => key.len() > known.name.len() && key.starts_with(known.name),
        None => known.name == key,
    };
    if let Some(known) = KEYS.iter().find(is) {
        return Known::Global(known);
    }
    let is_bare =
        |known: &GlobalKey| known.name.strip_suffix('/') == Some(key.trim_end_matches('/'));
    if KEYS.iter().any(is_bare) {
        Known::NoTag
    } else {
        Known::Nothing
    }
}

impl Values {
    /// The operators for it, when `test` is none of them.
    pub(super) fn instead_of(self, test: Test) -> Option<&'static str> {
        let is_text = matches!(test, Test::Exact | Test::IgnoreCase | Test::Like);
        let (fits, name) = match self {
            Self::Text => (is_text, "String"),
            Self::Bool => (test == Test::Bool, "Boolean"),
            Self::Number => (matches!(test, Test::Number(_)), "Numeric"),
            Self::Date => (matches!(test, Test::Date(_)), "Date"),
            Self::Epoch => (matches!(test, Test::Date(_) | Test::Number(_)), "Date"),
            Self::Address => (test == Test::Address, "IpAddress"),
            Self::Arn => (is_text || test == Test::Arn, "ARN"),
        };
        (!fits && test != Test::Null).then_some(name)
    }
}
