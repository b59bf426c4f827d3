//! Where functions are, and how requests name them.
//!
//! ```text
//! scaler                                                     a name
//! scaler:live                                                with a version or alias
//! 123456789012:function:scaler                               with its account
//! arn:aws:lambda:ap-northeast-1:123456789012:function:scaler whole
//! ```

use base::{AccountId, Arn, Region};

use crate::engine::{Error, check};
use crate::function::{FunctionName, Qualifier};

/// Where functions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Their region.
    pub region: Region,
    /// Their account.
    pub account: AccountId,
    /// The architecture of this machine, `x86_64` or `arm64`.
    pub architecture: &'static str,
}

/// Which function is meant, and which version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The function.
    pub name: FunctionName,
    /// The version or alias; the function itself where there is none.
    pub qualifier: Option<Qualifier>,
}

/// What AWS says a name must be.
const NAME: &str = "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";
/// What AWS says a qualifier must be.
const QUALIFIER: &str = "(|[a-zA-Z0-9$_-]+)";

impl Place {
    /// A place on this machine.
    #[must_use]
    pub const fn here(region: Region, account: AccountId) -> Self {
        Self {
            region,
            account,
            architecture: match cfg!(target_arch = "aarch64") {
                true => "arm64",
                false => "x86_64",
            },
        }
    }

    /// The ARN of a function: `arn:aws:lambda:ap-northeast-1:123456789012:function:scaler`.
    #[must_use]
    pub fn arn(&self, name: &FunctionName) -> Arn {
        self.arn_of(name, None)
    }

    /// The ARN of a function, or with `:` and its name of a version or alias.
    #[must_use]
    pub fn arn_of(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> Arn {
        self.resource(&match qualifier {
            None => format!("function:{name}"),
            Some(qualifier) => format!("function:{name}:{qualifier}"),
        })
    }

    /// What actions without a resource act on.
    #[must_use]
    pub fn all(&self) -> Arn {
        self.resource("*")
    }

    fn resource(&self, resource: &str) -> Arn {
        Arn::new("lambda", &self.region, &self.account, resource)
    }

    /// Which function a request means.
    ///
    /// `qualifier`: beside the name; it may not contradict one within.
    ///
    /// # Errors
    /// Where it names none that could be here.
    pub fn named(&self, text: &str, qualifier: Option<&str>) -> Result<Named, Error> {
        let (name, within) = self.split(text)?;
        let unfit = || check::unfit("functionName", text, NAME);
        let name: FunctionName = name.parse().map_err(|_| unfit())?;
        let parse = |text: &str| {
            let parsed = text.parse::<Qualifier>();
            parsed.map_err(|_| check::unfit("qualifier", text, QUALIFIER))
        };
        let beside = qualifier
            .filter(|text| !text.is_empty())
            .map(parse)
            .transpose()?;
        let within = within.map(parse).transpose()?;
        if within.is_some() && beside.is_some() && within != beside {
            return Err(Error::Invalid(
                "The derived qualifier from the function name does not match the specified qualifier.".to_owned(),
            ));
        }
        Ok(Named {
            name,
            qualifier: beside.or(within),
        })
    }

    /// The function itself that a request means, where it may not mean a version.
    ///
    /// # Errors
    /// As [`Place::named`], and where a version is meant.
    pub fn function(&self, text: &str) -> Result<FunctionName, Error> {
        let named = self.named(text, None)?;
        match named.qualifier {
            None | Some(Qualifier::Latest) => Ok(named.name),
            Some(_) => Err(Error::Invalid(
                "This operation does not support versions or aliases of a function: name the function itself.".to_owned(),
            )),
        }
    }

    /// Name and qualifier of `text`.
    fn split<'a>(&self, text: &'a str) -> Result<(&'a str, Option<&'a str>), Error> {
        let mut rest = text;
        if let Some(tail) = text.strip_prefix("arn:aws:lambda:") {
            let (region, tail) = tail.split_once(':').unwrap_or((tail, ""));
            if region != self.region.as_str() {
                return Err(Error::Invalid(format!(
                    "Functions from '{region}' are not reachable in this region ('{}')",
                    self.region
                )));
            }
            rest = tail;
        }
        let head = rest.split_once(':');
        let is_account =
            |head: &str| head.len() == 12 && head.bytes().all(|it| it.is_ascii_digit());
        if let Some((account, tail)) = head.filter(|(_, tail)| tail.starts_with("function:"))
            && is_account(account)
        {
            if account != self.account.as_str() {
                return Err(Error::Invalid(format!(
                    "Functions of the account '{account}' are not reachable in this account ('{}')",
                    self.account
                )));
            }
            rest = tail;
        }
        rest = rest.strip_prefix("function:").unwrap_or(rest);
        match rest.split_once(':') {
            Some((name, qualifier)) => Ok((name, Some(qualifier))),
            None => Ok((rest, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::here(
            "ap-northeast-1".parse().unwrap(),
            "123456789012".parse().unwrap(),
        )
    }

    #[test]
    fn a_function_is_named_in_four_ways() {
        let arn = "arn:aws:lambda:ap-northeast-1:123456789012:function:scaler";
        for text in [
            "scaler",
            "function:scaler",
            "123456789012:function:scaler",
            arn,
        ] {
            let named = place().named(text, None).unwrap();
            assert_eq!(
                (named.name.as_str(), named.qualifier),
                ("scaler", None),
                "{text}"
            );
            let live = place()
                .named(&format!("{text}:live"), Some("live"))
                .unwrap();
            assert_eq!(
                live.qualifier,
                Some(Qualifier::Alias("live".to_owned())),
                "{text}"
            );
        }
        assert_eq!(place().arn(&"scaler".parse().unwrap()).to_string(), arn);
    }

    #[test]
    fn what_names_none_here_is_refused() {
        for (text, qualifier, part) in [
            ("a b", None, "at 'functionName' failed to satisfy"),
            ("", None, "at 'functionName' failed to satisfy"),
            ("a:b:c", None, "at 'qualifier' failed to satisfy"),
            ("a:1", Some("2"), "does not match the specified qualifier"),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:a",
                None,
                "Functions from 'us-east-1' are not reachable in this region ('ap-northeast-1')",
            ),
            (
                "210987654321:function:a",
                None,
                "not reachable in this account",
            ),
        ] {
            let error = place().named(text, qualifier).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(place().function("a:1").is_err() && place().function("a:$LATEST").is_ok());
    }
}
