//! A form: names and values, decoded, sorted by name.

use crate::error::{DecodeError, Problem};

/// Parameters of one form; chosen, far beyond what any operation takes.
const PARAMS_LIMIT: usize = 20_000;

/// The parameters of a form (`application/x-www-form-urlencoded`), each name once.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a form, such as `Action=ListQueues&Version=2012-11-05`.
    ///
    /// # Errors
    /// [`DecodeError`] for a `%` without two hexadecimal digits, text that is not UTF-8, a name that stands there twice,
    /// or more than 20,000 parameters.
    pub fn parse(form: &[u8]) -> Result<Self, DecodeError> {
        let fields = form
            .split(|byte| *byte == b'&')
            .filter(|field| !field.is_empty());
        let mut rows = Vec::new();
        for field in fields {
            if rows.len() >= PARAMS_LIMIT {
                let problem = Problem::TooMany {
                    limit: PARAMS_LIMIT,
                };
                return Err(DecodeError::new(String::new(), problem));
            }
            rows.push(row(field)?);
        }
        rows.sort_unstable();
        let twice = rows.windows(2).find_map(|pair| match pair {
            [(one, _), (two, _)] if one == two => Some(one.clone()),
            _ => None,
        });
        match twice {
            Some(name) => Err(DecodeError::new(name, Problem::Duplicate)),
            None => Ok(Self(rows)),
        }
    }

    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self
            .0
            .binary_search_by(|(key, _)| key.as_str().cmp(name))
            .ok()?;
        self.0.get(at).map(|(_, value)| value.as_str())
    }

    /// The names that begin with `prefix`, each without it.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let start = self.0.partition_point(|(key, _)| key.as_str() < prefix);
        let rows = self.0.get(start..).unwrap_or_default();
        rows.iter()
            .map_while(move |(key, _)| key.strip_prefix(prefix))
    }
}

fn row(field: &[u8]) -> Result<(String, String), DecodeError> {
    let (name, value) = match memchr::memchr(b'=', field) {
        Some(at) => field.split_at(at),
        None => (field, &b"="[..]),
    };
    let name = unescape(name).map_err(|problem| DecodeError::new(String::new(), problem))?;
    match unescape(value.get(1..).unwrap_or_default()) {
        Ok(value) => Ok((name, value)),
        Err(problem) => Err(DecodeError::new(name, problem)),
    }
}

/// `a+b%20c` becomes `a b c`.
fn unescape(text: &[u8]) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (code, tail) = tail.split_at_checked(2).ok_or(PERCENT)?;
                let mut decoded = [0];
                hex::decode_to_slice(code, &mut decoded).map_err(|_| PERCENT)?;
                bytes.extend(decoded);
                rest = tail;
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::Malformed { expected: "UTF-8" })
}

const PERCENT: Problem = Problem::Malformed {
    expected: "a form: after `%` stand two hexadecimal digits",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_escapes() {
        let params = Params::parse(b"b=x+y%2Bz&a=%E6%97%A5&&c&d=").unwrap();
        let values = ["a", "b", "c", "d", "e"].map(|name| params.get(name));
        assert_eq!(
            values,
            [Some("日"), Some("x y+z"), Some(""), Some(""), None]
        );
    }

    #[test]
    fn a_wrong_form_is_refused() {
        for form in ["a=%", "a=%2", "a=%zz", "a=%ff", "%=1", "a=1&a=2"] {
            assert!(Params::parse(form.as_bytes()).is_err(), "{form}");
        }
        let many = "a&".repeat(PARAMS_LIMIT + 1);
        assert!(Params::parse(many.as_bytes()).is_err());
    }
}
