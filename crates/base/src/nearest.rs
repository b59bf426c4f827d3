//! The name that was meant by one that is unknown.

/// The one of `known` that is nearest to `given`, where one is near enough to be meant: of two letters one may be wrong, of
/// six three. The first of those that are equally near.
///
/// Letters that are missing, too many, others or exchanged count one each.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_where(given, known, |name| 1 + name.len().min(given.len()) / 3)
}

/// The same where as many as `wrong_max` letters may be wrong, for names that need not be among the known.
pub fn nearest_within<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    wrong_max: usize,
) -> Option<&'a str> {
    nearest_where(given, known, |_| wrong_max)
}

fn nearest_where<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    wrong_max: impl Fn(&str) -> usize,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(wrong, name)| *wrong <= wrong_max(name))
        .min_by_key(|(wrong, _)| *wrong)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{nearest, nearest_within};

    #[test]
    fn a_name_is_meant_by_one_that_is_near() {
        let known = ["region", "reason", "listen", "at"];
        for (given, expected) in [
            ("region", Some("region")),
            ("reigon", Some("region")),
            ("lisn", Some("listen")),
            ("resion", Some("region")),
            ("ta", Some("at")),
            ("zone", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
        assert_eq!(nearest("region", []), None);
    }

    #[test]
    fn a_name_that_may_be_new_is_meant_by_fewer() {
        assert_eq!(nearest("Orders", ["Errors"]), Some("Errors"));
        assert_eq!(nearest_within("Orders", ["Errors"], 2), None);
        assert_eq!(nearest_within("Erorrs", ["Errors"], 2), Some("Errors"));
    }
}
