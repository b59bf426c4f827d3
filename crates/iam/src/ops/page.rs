//! Pages of lists: `MaxItems` and `Marker`.

use api::Fault;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Entries of a page where the request says nothing.
const ITEMS: i32 = 100;
/// The most entries of a page.
const ITEMS_MAX: i32 = 1000;

/// Part of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) is_truncated: Option<bool>,
    pub(super) marker: Option<String>,
}

/// The page that begins behind `marker`, of `items` in the order of `key`.
///
/// # Errors
/// `ValidationError` for a number that is not 1 to 1,000, or a marker that is none of ours.
pub(super) fn page<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&String>,
    max_items: Option<i32>,
) -> Result<Page<T>, Fault> {
    let max = max_items.unwrap_or(ITEMS);
    let right = usize::try_from(max)
        .ok()
        .filter(|_| (1..=ITEMS_MAX).contains(&max));
    let max = right.ok_or_else(|| out_of_range(max))?;
    let from = marker.map(|marker| read(marker)).transpose()?;
    let is_behind = |item: &T| from.as_ref().is_none_or(|from| key(item) > *from);
    let mut items: Vec<T> = items.filter(is_behind).take(max + 1).collect();
    let is_truncated = items.len() > max;
    items.truncate(max);
    let last = items.last().filter(|_| is_truncated);
    Ok(Page {
        marker: last.map(|item| URL_SAFE_NO_PAD.encode(key(item))),
        is_truncated: Some(is_truncated),
        items,
    })
}

fn out_of_range(given: i32) -> Fault {
    let (bound, word) = match given < 1 {
        true => (1, "greater"),
        false => (ITEMS_MAX, "less"),
    };
    super::fault::validation(
        "maxItems",
        &given.to_string(),
        &format!("Member must have value {word} than or equal to {bound}"),
    )
}

fn read(marker: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Fault::sender("ValidationError", format!("Invalid Marker: {marker}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(max: i32, marker: Option<&String>) -> Result<Page<u32>, Fault> {
        page(
            (0..10).map(|n| n * 2),
            |n| format!("{n:02}"),
            marker,
            Some(max),
        )
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        for max in 1..12 {
            let (mut all, mut marker) = (Vec::new(), None);
            loop {
                let page = of(max, marker.as_ref()).unwrap();
                all.extend(page.items);
                marker = page.marker;
                assert_eq!(page.is_truncated, Some(marker.is_some()));
                if marker.is_none() {
                    break;
                }
            }
            assert_eq!(all, (0..10).map(|n| n * 2).collect::<Vec<_>>());
        }
        assert_eq!(of(1000, None).unwrap().items.len(), 10);
    }

    #[test]
    fn a_page_has_bounds_and_a_marker_is_one_of_ours() {
        for max in [0, -1, 1001, i32::MAX] {
            assert_eq!(of(max, None).unwrap_err().code, "ValidationError");
        }
        assert!(of(1, Some(&"%".to_owned())).is_err());
    }
}
