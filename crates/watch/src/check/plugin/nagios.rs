//! The output of Nagios plugins.
//!
//! # Format
//!
//! ```text
//! OK - load average: 0.1 | load1=0.100;5;10;0;
//! more lines | 'swap used'=5%;80;90
//! 'a ''b'''=1MB
//! ```
//!
//! The first line is for people; after `|` come values, `'label'=value[UOM];[warning];[critical];[min];[max]`. In the lines after
//! it, all that follows the first `|`, further lines too, is values. Source: Nagios Core, "Nagios Plugin API"; Monitoring Plugins
//! Development Guidelines, "Performance data".

use crate::check::range::Range;
use crate::check::{Outcome, Status, TEXT_MAX, cut};
use crate::datum::{Measured, PLUGINS, Unit};

use super::VALUES_MAX;

/// What a plugin wrote, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The first line without its values.
    pub text: String,
    /// The other lines without theirs.
    pub long: String,
    /// The values.
    pub values: Vec<Value>,
    /// Words among the values that are none.
    pub unread: usize,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is called.
    pub label: String,
    /// The value; none for `U`, which could not be measured.
    pub value: Option<f64>,
    /// The unit as written, such as `MB`.
    pub uom: String,
    /// When it is worth a warning, as the plugin says.
    pub warning: Option<Range>,
    /// When it is critical, as the plugin says.
    pub critical: Option<Range>,
    /// The least that it can be.
    pub min: Option<f64>,
    /// The most that it can be.
    pub max: Option<f64>,
}

/// Reads an output.
#[must_use]
pub fn parse(output: &str) -> Output {
    let mut lines = output.lines();
    let first = lines.next().unwrap_or_default();
    let (text, values) = first.split_once('|').unwrap_or((first, ""));
    let rest = lines.collect::<Vec<_>>().join("\n");
    let (long, more) = rest.split_once('|').unwrap_or((&rest, ""));
    let mut read = Output {
        text: cut(text.trim(), TEXT_MAX).to_owned(),
        long: cut(long.trim(), TEXT_MAX).to_owned(),
        ..Output::default()
    };
    for values in [values, more] {
        read.take(values);
    }
    read
}

/// The outcome of a plugin that ended with `code`.
#[must_use]
pub fn outcome(code: i32, output: &str) -> Outcome {
    let read = parse(output);
    let values = read.values.iter();
    let metrics = values.filter_map(|value| {
        Some(Measured::new(
            PLUGINS,
            &value.label,
            value.unit(),
            value.value?,
        ))
    });
    let text = match (read.text.is_empty(), code) {
        (true, 0..=3) => "(no output)".to_owned(),
        (true, _) => format!("(no output; exit code {code})"),
        (false, 0..=3) => read.text.clone(),
        (false, _) => format!("{} (exit code {code})", read.text),
    };
    Outcome {
        status: Status::of_exit(code),
        text,
        long: read.long.clone(),
        metrics: metrics.collect(),
        graphs: Vec::new(),
    }
}

impl Output {
    fn take(&mut self, mut rest: &str) {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return;
            }
            if self.values.len() == VALUES_MAX {
                self.unread += rest.split_whitespace().count();
                return;
            }
            let after = match label(rest) {
                Some((label, after)) => {
                    let end = after.find(char::is_whitespace).unwrap_or(after.len());
                    let (word, after) = after.split_at(end);
                    match value(label, word) {
                        Some(value) => self.values.push(value),
                        None => self.unread += 1,
                    }
                    after
                }
                None => {
                    self.unread += 1;
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    rest.get(end..).unwrap_or_default()
                }
            };
            rest = after;
        }
    }
}

/// The label at the beginning, and what follows its `=`.
fn label(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let (label, after) = text.split_once('=')?;
        let is_plain = !label.is_empty() && !label.contains(char::is_whitespace);
        return is_plain.then(|| (label.to_owned(), after));
    };
    // Two quotes are one that is meant.
    let mut from = 0;
    loop {
        let at = from + quoted.get(from..)?.find('\'')?;
        let after = quoted.get(at + 1..)?;
        match after.strip_prefix('\'') {
            Some(_) => from = at + 2,
            None => {
                let label = quoted.get(..at)?.replace("''", "'");
                let after = after.strip_prefix('=')?;
                return (!label.is_empty()).then_some((label, after));
            }
        }
    }
}

/// `value[UOM];[warning];[critical];[min];[max]`.
fn value(label: String, word: &str) -> Option<Value> {
    let mut parts = word.split(';');
    let first = parts.next()?;
    let (number, uom) = match first.strip_prefix('U') {
        Some(uom) => (None, uom),
        None => {
            let (number, uom) = first.split_at(number_end(first));
            (Some(float(number)?), uom)
        }
    };
    let mut ranges = || parts.next().filter(|part| !part.is_empty());
    let (warning, critical) = (ranges(), ranges());
    let (min, max) = (ranges(), ranges());
    Some(Value {
        label,
        value: number,
        uom: uom.to_owned(),
        warning: warning.and_then(|range| range.parse().ok()),
        critical: critical.and_then(|range| range.parse().ok()),
        min: min.and_then(float),
        max: max.and_then(float),
    })
}

/// Where a number ends: digits, a sign, a point (or a comma, of some locales), an exponent.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let is_exponent = matches!(byte, b'e' | b'E')
            && end > 0
            && bytes
                .get(end + 1)
                .is_some_and(|next| next.is_ascii_digit() || b"+-".contains(next));
        let is_sign =
            b"+-".contains(byte) && (end == 0 || matches!(bytes.get(end - 1), Some(b'e' | b'E')));
        if !(byte.is_ascii_digit() || b".,".contains(byte) || is_exponent || is_sign) {
            break;
        }
        end += 1;
    }
    end
}

fn float(text: &str) -> Option<f64> {
    let value: f64 = text.replace(',', ".").parse().ok()?;
    value.is_finite().then_some(value)
}

impl Value {
    /// CloudWatch's unit for the unit as written. `c`, a counter, is a count; what is not known is none.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self.uom.as_str() {
            "s" => Unit::Seconds,
            "ms" => Unit::Milliseconds,
            "us" => Unit::Microseconds,
            "%" => Unit::Percent,
            "B" => Unit::Bytes,
            "KB" | "kB" | "KiB" => Unit::Kilobytes,
            "MB" | "MiB" => Unit::Megabytes,
            "GB" | "GiB" => Unit::Gigabytes,
            "TB" | "TiB" => Unit::Terabytes,
            "c" => Unit::Count,
            _ => Unit::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_plugin_api_is_read() {
        // Source: Nagios Core, "Nagios Plugin API", the last example.
        let read = parse(
            "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n/ 15272 MB (77%);\n/boot 68 MB (69%);\n/home 69357 MB (27%);\n/var/log 819 MB (84%); | /boot=68MB;88;93;0;98\n/home=69357MB;253404;253409;0;253414\n/var/log=818MB;970;975;0;980",
        );
        assert_eq!(read.text, "DISK OK - free space: / 3326 MB (56%);");
        assert_eq!(
            read.long,
            "/ 15272 MB (77%);\n/boot 68 MB (69%);\n/home 69357 MB (27%);\n/var/log 819 MB (84%);"
        );
        let labels: Vec<_> = read
            .values
            .iter()
            .map(|value| value.label.as_str())
            .collect();
        assert_eq!(labels, ["/", "/boot", "/home", "/var/log"]);
        let root = &read.values[0];
        assert_eq!(
            (root.value, root.unit(), root.max),
            (Some(2643.0), Unit::Megabytes, Some(5968.0))
        );
        assert_eq!(root.warning, "5948".parse().ok());
        assert_eq!(read.unread, 0);
    }

    #[test]
    fn values_are_read_in_all_forms() {
        for (text, label, value, unit) in [
            (
                "load1=0.100;5.000;10.000;0;",
                "load1",
                Some(0.1),
                Unit::None,
            ),
            ("'swap used'=5%", "swap used", Some(5.0), Unit::Percent),
            ("'it''s'=1", "it's", Some(1.0), Unit::None),
            ("'a=b'=1c", "a=b", Some(1.0), Unit::Count),
            ("time=0,5s;;;0.0", "time", Some(0.5), Unit::Seconds),
            ("size=-1.5e+3B", "size", Some(-1500.0), Unit::Bytes),
            ("x=U", "x", None, Unit::None),
            ("x=2ms;@1:2;~:5", "x", Some(2.0), Unit::Milliseconds),
            ("x=2us", "x", Some(2.0), Unit::Microseconds),
            ("x=3furlong", "x", Some(3.0), Unit::None),
        ] {
            let read = parse(&format!("OK|{text}"));
            assert_eq!(read.unread, 0, "{text}");
            let found = &read.values[0];
            assert_eq!(
                (found.label.as_str(), found.value, found.unit()),
                (label, value, unit),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_value_is_passed_over_and_counted() {
        let read = parse("OK | a=1 rubbish b= 'open=5 c=x =7");
        let labels: Vec<_> = read
            .values
            .iter()
            .map(|value| value.label.as_str())
            .collect();
        assert_eq!(labels, ["a"]);
        assert_eq!(read.unread, 5);
        assert_eq!(
            parse(&format!("OK|{}", "a=1 ".repeat(VALUES_MAX + 5))).unread,
            5
        );
    }

    #[test]
    fn exit_codes_and_silence_are_told() {
        assert_eq!(outcome(2, "gone | a=1").metrics.len(), 1);
        assert_eq!(outcome(2, "gone | a=1").status, Status::Critical);
        assert_eq!(outcome(127, "").text, "(no output; exit code 127)");
        assert_eq!(outcome(127, "").status, Status::Unknown);
        assert_eq!(outcome(0, "\n").text, "(no output)");
        assert_eq!(outcome(-1, "killed").text, "killed (exit code -1)");
    }

    proptest::proptest! {
        #[test]
        fn no_output_makes_it_panic(text in "[ -~'|=;\\n日]{0,300}") {
            let read = parse(&text);
            for value in read.values {
                assert!(!value.label.is_empty());
                assert!(value.value.is_none_or(f64::is_finite));
            }
        }
    }
}
