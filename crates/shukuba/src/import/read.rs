//! The records of an export: JSON values one after another (answers of an API, rows of a table), each a record, a list of
//! records, or a page that holds them under `data`, `data.content` or `models`.

use serde_json::{Map, Value};

/// The largest export. Chosen: some 50,000 endpoints.
pub(crate) const FILE_BYTES_MAX: usize = 64 << 20;
/// The most records of an export; so many destinations may be set. Chosen.
const RECORDS_MAX: usize = 10_000;

/// Where pages hold their records.
const HOLDERS: [&str; 3] = ["data", "content", "models"];

/// A record: an endpoint, or what belongs to one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record(Map<String, Value>);

/// The records of `bytes`.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn records(bytes: &[u8]) -> Result<Vec<Record>, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!(
            "has more than {} MiB; import it in parts",
            FILE_BYTES_MAX >> 20
        ));
    }
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let value = value.map_err(|error| {
            format!("is not JSON: {error}; answers of the API, or rows as JSON, are read")
        })?;
        unfold(value, &mut all)?;
    }
    match all.len() {
        0 => Err("holds no record".to_owned()),
        count if count > RECORDS_MAX => Err(format!(
            "holds {count} records; {RECORDS_MAX} at most, import it in parts"
        )),
        _ => Ok(all),
    }
}

fn unfold(value: Value, all: &mut Vec<Record>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.into_iter().try_for_each(|item| unfold(item, all)),
        Value::Object(mut map) => {
            let holds =
                |key: &&&str| matches!(map.get(**key), Some(Value::Array(_) | Value::Object(_)));
            match HOLDERS.iter().find(holds) {
                Some(key) => unfold(map.remove(*key).unwrap_or_default(), all),
                None => {
                    all.push(Record(map));
                    Ok(())
                }
            }
        }
        other => Err(format!(
            "holds {} where record {} should be",
            kind_of(&other),
            all.len() + 1
        )),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What a key of a record should be, for the error that says so.
fn should_be<T>(key: &str, value: &Value, what: &str) -> Result<T, String> {
    Err(format!(
        "`{key}` is {}; {what} was expected",
        kind_of(value)
    ))
}

impl Record {
    /// The first of these keys that is there and not null.
    pub(super) fn get<'k>(&self, keys: &[&'k str]) -> Option<(&'k str, &Value)> {
        let found = keys
            .iter()
            .filter_map(|key| Some((*key, self.0.get(*key)?)));
        found.into_iter().find(|(_, value)| !value.is_null())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, keys: &[&str]) -> Result<Option<&str>, String> {
        match self.get(keys) {
            None => Ok(None),
            Some((_, Value::String(text))) => {
                Ok(Some(text.as_str()).filter(|text| !text.is_empty()))
            }
            Some((key, other)) => should_be(key, other, "text"),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&self, keys: &[&str]) -> Result<&str, String> {
        let named = keys.join("` or `");
        self.text(keys)?.ok_or_else(|| {
            format!(
                "has no `{named}`: is this the export of another product, or an error's answer?"
            )
        })
    }

    /// Whether a time is there: not null, and not Go's zero.
    pub(super) fn has_time(&self, key: &str) -> Result<bool, String> {
        let time = self.text(&[key])?;
        Ok(time.is_some_and(|time| !time.starts_with("0001-")))
    }

    pub(super) fn is(&self, key: &str) -> Result<bool, String> {
        match self.get(&[key]) {
            None => Ok(false),
            Some((_, Value::Bool(is))) => Ok(*is),
            // As `\copy` writes it.
            Some((_, Value::String(text))) if text == "t" || text == "f" => Ok(text == "t"),
            Some((key, other)) => should_be(key, other, "true or false"),
        }
    }

    pub(super) fn count(&self, keys: &[&str]) -> Result<Option<u64>, String> {
        match self.get(keys) {
            None => Ok(None),
            Some((key, value)) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => should_be(key, value, "a whole number that is not negative"),
            },
        }
    }

    /// Seconds: a number of them, or a span as Go writes it, such as `10s` or `1m0s`.
    pub(super) fn seconds(&self, key: &str) -> Result<Option<u64>, String> {
        match self.get(&[key]) {
            Some((_, Value::String(text))) if text.is_empty() => Ok(None),
            Some((_, Value::String(text))) => match go_seconds(text) {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(format!("`{key}` is no span of time such as `10s`")),
            },
            _ => self.count(&[key]),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<&[Value], String> {
        match self.get(&[key]) {
            None => Ok(&[]),
            Some((_, Value::Array(items))) => Ok(items),
            Some((key, other)) => should_be(key, other, "a list"),
        }
    }

    /// The object under a key, a record of its own.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, String> {
        match self.get(&[key]) {
            None => Ok(None),
            Some((_, Value::Object(map))) => Ok(Some(Self(map.clone()))),
            Some((key, other)) => should_be(key, other, "an object"),
        }
    }

    /// An object of texts under a key, which may be an object or its JSON as text.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<(String, String)>, String> {
        let of = |map: &Map<String, Value>| {
            let pairs = map.iter().map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                other => should_be(&format!("{key}.{name}"), other, "text"),
            });
            pairs.collect()
        };
        match self.get(&[key]) {
            None => Ok(Vec::new()),
            Some((_, Value::Object(map))) => of(map),
            Some((_, Value::String(text))) if text.is_empty() => Ok(Vec::new()),
            Some((_, Value::String(text))) => match serde_json::from_str(text) {
                Ok(Value::Object(map)) => of(&map),
                _ => Err(format!("`{key}` is text that is no JSON object")),
            },
            Some((key, other)) => should_be(key, other, "an object"),
        }
    }
}

/// Items of a list that are objects.
pub(super) fn objects(items: &[Value]) -> impl Iterator<Item = Record> {
    let objects = items.iter().filter_map(Value::as_object);
    objects.map(|map| Record(map.clone()))
}

/// Whole seconds of a span as Go's `time.Duration` is written, rounded up.
fn go_seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, after) = rest.split_at_checked(digits)?;
        let unit = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let each = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        millis = millis.checked_add(count.parse::<u64>().ok()?.checked_mul(each)?)?;
        rest = after;
    }
    Some(millis.div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_in_lists_pages_and_lines() {
        for (text, count) in [
            (r#"{"url":"a"}"#, 1),
            (r#"[{"url":"a"},{"url":"b"}]"#, 2),
            ("{\"url\":\"a\"}\n{\"url\":\"b\"}\n", 2),
            (
                r#"{"data":[{"url":"a"}],"done":true}{"data":[{"url":"b"}]}"#,
                2,
            ),
            (
                r#"{"status":true,"data":{"content":[{"url":"a"}],"pagination":{}}}"#,
                1,
            ),
            (r#"{"models":[{"url":"a"}],"pagination":{}}"#, 1),
            (r#"{"url":"a","data":null}"#, 1),
        ] {
            assert_eq!(
                records(text.as_bytes()).map(|all| all.len()),
                Ok(count),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_export_is_said() {
        let deep = "[".repeat(100_000);
        let many = "{}".repeat(RECORDS_MAX + 1);
        let huge = " ".repeat(FILE_BYTES_MAX + 1);
        for (text, says) in [
            ("", "holds no record"),
            ("[]", "holds no record"),
            ("id,url\n1,a\n", "is not JSON"),
            (r#"{"url":"a""#, "is not JSON"),
            (r#"[{"url":"a"},7]"#, "a number where record 2"),
            (deep.as_str(), "is not JSON"),
            (many.as_str(), "10000 at most"),
            (huge.as_str(), "more than 64 MiB"),
        ] {
            let error = records(text.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn spans_of_go_are_seconds() {
        for (text, seconds) in [
            ("10s", Some(10)),
            ("1m0s", Some(60)),
            ("1h1m1s", Some(3661)),
            ("1500ms", Some(2)),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
            ("1d", None),
        ] {
            assert_eq!(go_seconds(text), seconds, "{text}");
        }
    }
}
