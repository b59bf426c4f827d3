//! From method and path to an operation.
//!
//! INVARIANT: a literal segment wins over a label, and a label over one of several segments, at the first place where two
//! templates differ; a template that wants something of the query string wins over one that does not.

use std::cmp::Reverse;

use super::{Http, percent};

/// The operations of one service by method and path.
#[derive(Debug, Default)]
pub struct Routes {
    rows: Vec<(Http, &'static str)>,
}

/// What a segment of a template is, the more special first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

impl Routes {
    /// The table of `rows`: how each operation is asked for, and its name.
    #[must_use]
    pub fn new(rows: impl IntoIterator<Item = (Http, &'static str)>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_cached_key(|(http, _)| rank(http.path));
        Self { rows }
    }

    /// The name of the operation that a request is of.
    ///
    /// `path`, `query`: as sent. A slash at the path's end is taken as none.
    #[must_use]
    pub fn find(&self, method: &str, path: &str, query: &str) -> Option<&'static str> {
        let is_meant = |http: &Http| {
            http.method == method && labels(http.path, path).is_some() && has_all(http.path, query)
        };
        let found = self.rows.iter().find(|(http, _)| is_meant(http));
        found.map(|(_, name)| *name)
    }
}

/// The kinds of a template's segments, and how much it wants of the query string; the least is the most special.
fn rank(template: &'static str) -> (Vec<u8>, Reverse<usize>) {
    let kinds = segments(template).map(|segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Label(_) => 1,
        Segment::Greedy(_) => 2,
    });
    // The end is the least special, so that more behind a label of several segments is tried first.
    (
        kinds.chain([3]).collect(),
        Reverse(wanted(template).count()),
    )
}

/// The segments of a template's path; a slash at its end is none.
fn segments(template: &'static str) -> impl Iterator<Item = Segment> + Clone {
    let path = template.split('?').next().unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').skip(1).map(|text| {
        let label = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match label.map(|name| (name, name.strip_suffix('+'))) {
            Some((_, Some(name))) => Segment::Greedy(name),
            Some((name, None)) => Segment::Label(name),
            None => Segment::Literal(text),
        }
    })
}

/// What a template wants of the query string.
fn wanted(template: &str) -> impl Iterator<Item = &str> {
    let query = template.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|pair| !pair.is_empty())
}

fn has_all(template: &str, query: &str) -> bool {
    wanted(template).all(|pair| query.split('&').any(|sent| sent == pair))
}

/// The path of a template with its labels filled by `value`; the label's name where it gives none that a path can hold.
pub(super) fn fill(
    template: &'static str,
    mut value: impl FnMut(&'static str) -> Option<String>,
) -> Result<String, &'static str> {
    let mut path = String::new();
    for segment in segments(template) {
        path.push('/');
        let (name, encode): (_, fn(&str) -> String) = match segment {
            Segment::Literal(text) => {
                path.push_str(text);
                continue;
            }
            Segment::Label(name) => (name, percent::encode),
            Segment::Greedy(name) => (name, percent::encode_segments),
        };
        let label = value(name).map(|text| encode(&text));
        path.push_str(&label.filter(|label| is_label(label)).ok_or(name)?);
    }
    if path.is_empty() {
        path.push('/');
    }
    for (index, pair) in wanted(template).enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(pair);
    }
    Ok(path)
}

/// The labels of a path, as sent; `None` where it is not one of the template. A label is never empty.
pub(super) fn labels<'p>(
    template: &'static str,
    path: &'p str,
) -> Option<Vec<(&'static str, &'p str)>> {
    let mut found = Vec::new();
    let mut rest = Some(path.strip_prefix('/')?);
    let mut wanted = segments(template);
    while let Some(segment) = wanted.next() {
        let left = rest?;
        let (text, behind) = match segment {
            Segment::Greedy(_) => split_before(left, wanted.clone().count())?,
            _ => split_first(left),
        };
        match segment {
            Segment::Literal(literal) if literal != text => return None,
            Segment::Literal(_) => {}
            Segment::Label(_) | Segment::Greedy(_) if !is_label(text) => return None,
            Segment::Label(name) | Segment::Greedy(name) => found.push((name, text)),
        }
        rest = behind;
    }
    rest.is_none_or(str::is_empty).then_some(found)
}

/// Whether a text can be a label. Dot segments are none: a signature is made over the path without them, so that who stands between
/// could add them.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .split('/')
            .all(|segment| !matches!(segment, "." | ".."))
}

fn split_first(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    }
}

/// All but the last `count` segments, and these.
fn split_before(path: &str, count: usize) -> Option<(&str, Option<&str>)> {
    let Some(nth) = count.checked_sub(1) else {
        return Some((path, None));
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let (at, _) = path.rmatch_indices('/').nth(nth)?;
    let (first, rest) = path.split_at_checked(at)?;
    Some((first, rest.strip_prefix('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Routes {
        Routes::new([
            (Http::get("/functions/{Name}"), "GetFunction"),
            (Http::get("/functions"), "ListFunctions"),
            (Http::post("/functions/"), "CreateFunction"),
            (Http::get("/functions/{Name}/{What}"), "GetSomething"),
            (Http::get("/functions/{Name}/policy"), "GetPolicy"),
            (Http::get("/functions/special/{What}"), "GetSpecial"),
            (Http::get("/layers"), "ListLayers"),
            (Http::get("/layers?find=LayerVersion"), "GetLayerByArn"),
            (Http::get("/files/{Key+}"), "GetFile"),
            (Http::get("/files/{Key+}/acl"), "GetFileAcl"),
            (Http::get("/"), "Root"),
        ])
    }

    #[test]
    fn the_most_special_template_wins() {
        let table = table();
        for (method, path, query, expected) in [
            ("GET", "/functions", "", Some("ListFunctions")),
            ("GET", "/functions/", "", Some("ListFunctions")),
            ("POST", "/functions", "", Some("CreateFunction")),
            ("POST", "/functions/", "", Some("CreateFunction")),
            ("PUT", "/functions", "", None),
            ("GET", "/functions/a", "", Some("GetFunction")),
            ("GET", "/functions/a/", "", Some("GetFunction")),
            ("GET", "/functions/a//", "", None),
            ("GET", "/functions//policy", "", None),
            ("GET", "/functions/a/policy", "", Some("GetPolicy")),
            ("GET", "/functions/a/else", "", Some("GetSomething")),
            ("GET", "/functions/special/policy", "", Some("GetSpecial")),
            ("GET", "/functions/a%2Fpolicy", "", Some("GetFunction")),
            ("GET", "/Functions", "", None),
            ("GET", "functions", "", None),
            ("GET", "", "", None),
            ("GET", "//functions", "", None),
            ("GET", "/", "", Some("Root")),
            ("GET", "/layers", "", Some("ListLayers")),
            (
                "GET",
                "/layers",
                "a=b&find=LayerVersion",
                Some("GetLayerByArn"),
            ),
            ("GET", "/layers", "find=Layer", Some("ListLayers")),
            ("GET", "/files/a/b/c", "", Some("GetFile")),
            ("GET", "/files/a/acl", "", Some("GetFileAcl")),
            ("GET", "/files/a/b/acl/", "", Some("GetFileAcl")),
            ("GET", "/files/acl", "", Some("GetFile")),
            ("GET", "/files/", "", None),
        ] {
            let found = table.find(method, path, query);
            assert_eq!(found, expected, "{method} {path}?{query}");
        }
    }

    #[test]
    fn labels_are_what_stands_in_their_place() {
        for (template, path, expected) in [
            ("/t/{A}", "/t/arn%3Aaws", Some(vec![("A", "arn%3Aaws")])),
            ("/t/{A}", "/t/arn:aws:x:f", Some(vec![("A", "arn:aws:x:f")])),
            (
                "/t/{A}/x/{B}",
                "/t/1/x/2",
                Some(vec![("A", "1"), ("B", "2")]),
            ),
            ("/t/{A}/x/{B}", "/t/1/y/2", None),
            ("/t/{A+}", "/t/1/2/", Some(vec![("A", "1/2/")])),
            (
                "/t/{A+}/x/{B}",
                "/t/1/2/x/3",
                Some(vec![("A", "1/2"), ("B", "3")]),
            ),
            ("/t/{A+}/x/{B}", "/t/x/3", None),
            ("/t/{A}", "/t/..", None),
            ("/t/{A}", "/t/...", Some(vec![("A", "...")])),
            ("/t/{A+}", "/t/a/./b", None),
        ] {
            assert_eq!(labels(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn a_path_is_filled_with_labels() {
        let value = |name: &'static str| (name == "A").then(|| "a/b c".to_owned());
        assert_eq!(fill("/t/{A}/x", value).as_deref(), Ok("/t/a%2Fb%20c/x"));
        assert_eq!(
            fill("/t/{A+}?x=y&z", value).as_deref(),
            Ok("/t/a/b%20c?x=y&z")
        );
        assert_eq!(fill("/t/{B}", value), Err("B"));
        for text in ["", ".", ".."] {
            assert_eq!(fill("/t/{A}", |_| Some(text.to_owned())), Err("A"));
        }
        let path = fill("/t/{A}", |_| Some("a/../b".to_owned()));
        assert_eq!(path.as_deref(), Ok("/t/a%2F..%2Fb"));
        assert_eq!(fill("/", value).as_deref(), Ok("/"));
    }
}
