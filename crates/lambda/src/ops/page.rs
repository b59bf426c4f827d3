//! Lists in pages.

use std::fmt::Display;
use std::str::FromStr;

use api::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fault;

/// The most of one page, whatever is asked for. Source: API reference, ListFunctions.
pub(super) const PAGE_MAX: usize = 50;

/// Items of a page, and the marker of the next one.
type Page<T> = (Vec<T>, Option<String>);

/// One page of `items`, which are in the order of their keys.
///
/// `marker`: what the page before gave: the key of its last item, so that what comes and goes meanwhile shifts nothing.
pub(super) fn page<K: Ord + Display + FromStr, T>(
    items: impl IntoIterator<Item = (K, T)>,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<T>, Fault> {
    let most = match max_items {
        None => PAGE_MAX,
        Some(given) => match usize::try_from(given) {
            Ok(given) if (1..=10_000).contains(&given) => given.min(PAGE_MAX),
            _ => {
                return Err(fault::out_of_bounds(format!(
                    "1 validation error detected: Value '{given}' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 10000"
                )));
            }
        },
    };
    let after = marker
        .filter(|marker| !marker.is_empty())
        .map(key::<K>)
        .transpose()?;
    let is_later = |key: &K| after.as_ref().is_none_or(|after| key > after);
    let mut rest = items.into_iter().filter(|(key, _)| is_later(key));
    let (mut keys, mut found) = (None, Vec::new());
    for (key, item) in rest.by_ref().take(most) {
        keys = Some(key);
        found.push(item);
    }
    let next = rest.next().and(keys);
    Ok((
        found,
        next.map(|key| URL_SAFE_NO_PAD.encode(key.to_string())),
    ))
}

fn key<K: FromStr>(marker: &str) -> Result<K, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.and_then(|text| text.parse().ok());
    key.ok_or_else(|| fault::invalid("The provided marker is none that was given."))
}
