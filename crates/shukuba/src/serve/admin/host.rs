//! Hosts, as operators list them, and tokens by which new ones join.

use std::time::Duration;

use base::setting::Span;
use bytes::Bytes;
use ec2::engine::Instance;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Desk;
use crate::answers::{Answer, failed, read, refuse, write};

/// Which hosts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct List {
    /// The pattern of their Names.
    name: Option<String>,
}

/// For whom a token is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    /// An instance that was run; any host where there is none.
    #[serde(default)]
    instance: Option<String>,
    /// The subnet that new hosts are inside of; outside where there is none.
    #[serde(default)]
    subnet: Option<String>,
    /// For how long it may be used.
    #[serde(rename = "for")]
    lasts: Span,
}

/// The hosts that are known, sorted by Name.
pub(super) async fn list(desk: &Desk, input: Bytes) -> Answer {
    let input: List = read(&input)?;
    let instances = &desk.watching()?.instances;
    let mut found = match input.name.as_deref() {
        Some(pattern) => instances.by_name(pattern),
        None => instances.all(),
    };
    found.sort_by(|a, b| (a.name(), &a.id).cmp(&(b.name(), &b.id)));
    let heard = |instance: &Instance| instances.heard(&instance.id).map(base::Timestamp::rfc3339);
    let hosts: Vec<Value> = found
        .iter()
        .map(|instance| {
            let facts = instance.facts();
            json!({
                "id": instance.id.to_string(),
                "name": instance.name(),
                "state": instance.state,
                "silent_since": instance.silent_since.map(base::Timestamp::rfc3339),
                "heard": heard(instance),
                "tags": instance.tags.iter().collect::<std::collections::BTreeMap<_, _>>(),
                "facts": facts,
            })
        })
        .collect();
    write(&json!({ "hosts": hosts }))
}

/// A token by which a host joins.
pub(super) async fn token(desk: &Desk, input: Bytes) -> Answer {
    let input: Token = read(&input)?;
    let id = match input.instance.as_deref().map(str::parse) {
        Some(Err(_)) => return Err(refuse("an instance's id is `i-` and 17 digits")),
        Some(Ok(id)) => Some(id),
        None => None,
    };
    let lasts: Duration = input.lasts.get();
    let instances = &desk.watching()?.instances;
    let made = match (&input.subnet, &id) {
        (Some(_), Some(_)) => {
            return Err(refuse(
                "an instance has its subnet already: give one of both",
            ));
        }
        (Some(subnet), None) => {
            let subnet = subnet.parse().map_err(|_| {
                refuse("a subnet's id is `subnet-` and 17 digits: aws ec2 describe-subnets")
            })?;
            instances.enrol_inside(&subnet, lasts).await
        }
        (None, id) => instances.enrol(id.as_ref(), lasts).await,
    };
    match made {
        Ok((token, until)) => write(&json!({
            "token": token.text(),
            "until": until.rfc3339(),
        })),
        Err(error) if error.is_ours() => Err(failed("no token was made", &error)),
        Err(error) => Err(refuse(error.to_string())),
    }
}
