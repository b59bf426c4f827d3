//! Ids, filters and pages, as Describe operations have them.

use api::Fault;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{fault, shape};
use crate::engine::InstanceId;
use crate::engine::filter::{FILTERS_MAX, Filter, Subject, VALUES_MAX};
use crate::engine::network::ResourceId;

/// The fewest results that a page may be asked to have.
const RESULTS_MIN: i32 = 5;
/// The most results of a page; more than that is taken for this. Source: DescribeTags ("between 5 and 1000").
pub(super) const RESULTS_MAX: i32 = 1000;
/// Ids of a request. Source: CreateTags ("Up to 1000 resource IDs"), taken for all.
pub(super) const IDS_MAX: usize = 1000;

/// The ids that a request names.
///
/// # Errors
/// `InvalidInstanceID.Malformed` for the first that is none, `InvalidParameterValue` for too many.
pub(super) fn ids(texts: &[String]) -> Result<Vec<InstanceId>, Fault> {
    check_count(texts)?;
    let read = |text: &String| text.parse().map_err(|_| fault::malformed(text));
    texts.iter().map(read).collect()
}

/// Whether a request may name as many.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check_count(texts: &[String]) -> Result<(), Fault> {
    match texts.len() > IDS_MAX {
        true => Err(fault::invalid_value(format!(
            "The request names {} ids, and at most {IDS_MAX} are taken.",
            texts.len()
        ))),
        false => Ok(()),
    }
}

/// As [`ids`], where there must be some.
///
/// # Errors
/// As [`ids`], and `MissingParameter`.
pub(super) fn some_ids(texts: &[String]) -> Result<Vec<InstanceId>, Fault> {
    match texts.is_empty() {
        true => Err(fault::missing("InstanceId")),
        false => ids(texts),
    }
}

/// The filters of a request about `S`.
///
/// # Errors
/// `InvalidParameterValue` for a filter that does not exist, `FilterLimitExceeded` for too many.
pub(super) fn filters<S: Subject>(given: &[shape::Filter]) -> Result<Vec<Filter>, Fault> {
    let most = given.iter().map(|filter| filter.values.len()).max();
    if given.len() > FILTERS_MAX || most.unwrap_or_default() > VALUES_MAX {
        return Err(Fault::sender(
            "FilterLimitExceeded",
            format!("A request has at most {FILTERS_MAX} filters with {VALUES_MAX} values each."),
        ));
    }
    let read = |filter: &shape::Filter| {
        let name = filter.name.as_deref().unwrap_or_default();
        match S::knows(name) {
            true => Ok(Filter::new(name, &filter.values)),
            false => Err(fault::invalid_value(format!(
                "The filter '{name}' is invalid"
            ))),
        }
    };
    given.iter().map(read).collect()
}

/// What a Describe operation of networks is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) ids: &'a [String],
    pub(super) filters: &'a [shape::Filter],
    pub(super) max: Option<i32>,
    pub(super) token: Option<&'a String>,
}

/// What such an operation shows.
pub(super) trait Listed: Subject {
    /// Of what kind its id is.
    type Id: ResourceId;

    /// Its id.
    fn id(&self) -> Option<&String>;
}

impl Asked<'_> {
    /// What is meant of `all`, page by page, by id.
    ///
    /// # Errors
    /// Where an id is out of form or of nothing, and as [`filters`] and [`Wanted::of`].
    pub(super) fn of<T: Listed>(self, all: Vec<T>) -> Result<Page<T>, Fault> {
        check_count(self.ids)?;
        for text in self.ids {
            fault::id::<T::Id>(text)?;
            if !all.iter().any(|it| it.id() == Some(text)) {
                return Err(fault::no_such(T::Id::KIND, text));
            }
        }
        let filters = filters::<T>(self.filters)?;
        let is_named =
            |it: &T| self.ids.is_empty() || it.id().is_some_and(|id| self.ids.contains(id));
        let is_meant = |it: &T| is_named(it) && filters.iter().all(|filter| filter.admits(it));
        let mut found: Vec<T> = all.into_iter().filter(is_meant).collect();
        found.sort_by(|a, b| a.id().cmp(&b.id()));
        let wanted = Wanted {
            max: self.max,
            token: self.token,
            limit: RESULTS_MAX,
        };
        wanted.of(found, |it| it.id().cloned().unwrap_or_default())
    }
}

/// Part of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_token: Option<String>,
}

/// What page of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// `MaxResults`.
    pub(super) max: Option<i32>,
    /// `NextToken`.
    pub(super) token: Option<&'a String>,
    /// The most that the operation gives.
    pub(super) limit: i32,
}

impl Wanted<'_> {
    /// The page, of `items` in the order of `key`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a number below 5 or a token that is none of ours.
    pub(super) fn of<T>(self, items: Vec<T>, key: impl Fn(&T) -> String) -> Result<Page<T>, Fault> {
        let max = self.max.unwrap_or(self.limit);
        if max < RESULTS_MIN {
            return Err(fault::invalid_value(format!(
                "Value ( {max} ) for parameter maxResults is invalid. Expecting a value greater than {RESULTS_MIN}."
            )));
        }
        let max = usize::try_from(max.min(self.limit)).unwrap_or_default();
        let token = self.token.filter(|token| !token.is_empty());
        let from = token.map(|token| read(token)).transpose()?;
        let is_behind = |item: &T| from.as_ref().is_none_or(|from| key(item) > *from);
        let mut items: Vec<T> = items.into_iter().filter(is_behind).take(max + 1).collect();
        let is_truncated = items.len() > max;
        items.truncate(max);
        let last = items.last().filter(|_| is_truncated);
        Ok(Page {
            next_token: last.map(|item| URL_SAFE_NO_PAD.encode(key(item))),
            items,
        })
    }
}

fn read(token: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| fault::invalid_value("The token is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(max: i32, token: Option<&String>) -> Result<Page<u32>, Fault> {
        let wanted = Wanted {
            max: Some(max),
            token,
            limit: 10,
        };
        wanted.of((0..30).collect(), |n| format!("{n:02}"))
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        for max in 5..12 {
            let (mut all, mut token) = (Vec::new(), None);
            loop {
                let page = of(max, token.as_ref()).unwrap();
                assert!(page.items.len() <= usize::try_from(max.min(10)).unwrap());
                all.extend(page.items);
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(all, (0..30).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_page_has_at_least_five_results_and_a_token_is_one_of_ours() {
        for max in [4, 0, -1] {
            let fault = of(max, None).unwrap_err();
            assert_eq!(fault.code, "InvalidParameterValue");
            let text = format!(
                "Value ( {max} ) for parameter maxResults is invalid. Expecting a value greater than 5."
            );
            assert_eq!(fault.message, text);
        }
        assert!(of(5, Some(&"%".to_owned())).is_err());
    }
}
