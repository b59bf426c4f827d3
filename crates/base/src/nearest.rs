//! The name that was meant by one that is unknown.

/// The one of `known` that is nearest to `given`, where one is near enough to be meant: of two letters one may be wrong, of
/// six three. The first of those that are equally near.
///
/// Letters that are missing, too many, others or exchanged count one each.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(given.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

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
}
