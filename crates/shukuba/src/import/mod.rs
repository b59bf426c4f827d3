//! Endpoints of other webhook servers as destinations of ours: what their exports say, in our settings and our sealed secrets, so
//! that receivers need no change.
//!
//! - [`read`]: the records of an export
//! - [`svix`], [`convoy`], [`hook0`], [`outpost`]: from a record of each to an [`endpoint`]
//! - [`name`]: of destinations and secrets
//! - [`plan`]: settings and secrets, checked by the settings' own rules
//! - [`place`]: where the lines stand in a file

mod convoy;
mod endpoint;
mod hook0;
mod name;
mod outpost;
pub(crate) mod place;
mod plan;
mod read;
mod svix;

use std::fmt;

use base::Timestamp;

use self::endpoint::Context;
pub(crate) use self::plan::Plan;
pub(crate) use self::read::FILE_BYTES_MAX;

/// Whose export it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Product {
    /// `GET /api/v1/app/ID/endpoint/` and the answers of `/secret/` and `/headers/`, or rows of `endpoint`
    Svix,
    /// `GET /api/v1/projects/ID/endpoints` and `/projects/ID`, or rows of `convoy.endpoints`
    Convoy,
    /// `GET /api/v1/subscriptions/`
    Hook0,
    /// `GET /api/v1/tenants/ID/destinations`
    Outpost,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Svix => "svix",
            Self::Convoy => "convoy",
            Self::Hook0 => "hook0",
            Self::Outpost => "outpost",
        })
    }
}

impl Product {
    /// What the names of its secrets begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Svix => "SVIX",
            Self::Convoy => "CONVOY",
            Self::Hook0 => "HOOK0",
            Self::Outpost => "OUTPOST",
        }
    }

    /// What `--signature` may be; the first holds without it.
    fn signatures(self) -> &'static [&'static str] {
        match self {
            Self::Svix => &svix::SIGNATURES,
            Self::Convoy => &[],
            Self::Hook0 => &hook0::SIGNATURES,
            Self::Outpost => &outpost::SIGNATURES,
        }
    }
}

/// What an export comes to, and how long its server tries.
///
/// # Errors
/// What is wrong with the export; a record that cannot be set up is no error.
pub(crate) fn plan(
    product: Product,
    bytes: &[u8],
    signature: Option<&str>,
    now: Timestamp,
) -> Result<(Plan, String), String> {
    if let Some(given) = signature
        && !product.signatures().contains(&given)
    {
        return Err(match product.signatures() {
            [] => {
                format!("is of {product}, whose project says how it signs: leave --signature out")
            }
            known => format!(
                "is of {product}, where --signature is one of {}, not `{given}`",
                known.join(", ")
            ),
        });
    }
    let records = read::records(bytes)?;
    let context = Context { signature, now };
    let project = match product {
        Product::Convoy => convoy::Project::of(&records)?,
        _ => convoy::Project::default(),
    };
    let mut plan = Plan::default();
    for (number, record) in records.iter().enumerate() {
        let found = match product {
            Product::Svix => svix::read(record, context),
            Product::Convoy => convoy::read(record, &project, context),
            Product::Hook0 => hook0::read(record, context),
            Product::Outpost => outpost::read(record, context),
        };
        let found = found.map_err(|wrong| format!("record {}: {wrong}", number + 1))?;
        plan.take(product, found);
    }
    let retry_for = match product {
        Product::Svix => svix::RETRY_FOR.to_owned(),
        Product::Convoy => project.retry_for(),
        Product::Hook0 => hook0::RETRY_FOR.to_owned(),
        Product::Outpost => outpost::RETRY_FOR.to_owned(),
    };
    Ok((plan, retry_for))
}

#[cfg(test)]
mod tests;
