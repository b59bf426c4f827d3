//! All lines of a file, tried without sending: how many would be sent to whom, and which would not, with the first of each kind.
//!
//! Names are not resolved: a line that passes here may still meet an address that is not allowed. Memory is bounded whatever the
//! file holds: one line, [`DESTINATIONS_MAX`] names, and [`FIRST_MAX`] lines of each kind of problem.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use bytes::Bytes;
use delivery::format;
use delivery::port::Sender as _;
use serde::Serialize;

use super::{Stage, hide, name_of, written};
use crate::route_test::Tested;

/// The longest line that is read: the largest message that a queue takes. A longer one would not be accepted.
const LINE_BYTES_MAX: usize = 1 << 20;

/// The most destinations that are told apart; the rest is counted together. Chosen.
const DESTINATIONS_MAX: usize = 1_000;

/// Under which the rest is counted.
const OTHERS: &str = "(others)";

/// The lines that are shown of each kind of problem. Chosen.
const FIRST_MAX: usize = 5;

/// What would become of a file's lines.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Dry {
    pub(crate) route: String,
    /// Lines that hold something.
    pub(crate) lines: u64,
    /// Lines that hold nothing but white space; `ship` leaves them out.
    pub(crate) empty: u64,
    /// Lines that would be sent.
    pub(crate) would_be_sent: u64,
    pub(crate) destinations: BTreeMap<String, Of>,
    /// Why lines would not be sent: `unparsable`, `refused`, `unresolved`, `expired`.
    pub(crate) problems: BTreeMap<&'static str, Problem>,
}

/// What would become of the lines to a destination.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Of {
    pub(crate) would_be_sent: u64,
    pub(crate) would_not_be_sent: u64,
}

/// Lines that would not be sent for one kind of reason.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Problem {
    pub(crate) lines: u64,
    /// The first of them.
    pub(crate) first: Vec<First>,
}

/// A line that would not be sent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct First {
    /// Its number in the file, from 1.
    pub(crate) line: u64,
    pub(crate) destination: Option<String>,
    pub(crate) problem: String,
}

/// One line, tried.
#[derive(Debug)]
struct Tried {
    destination: Option<String>,
    problem: Option<(&'static str, String)>,
}

/// Is told of each line by its number.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(u64, &Tested);

/// Tries every line of `input`, and tells `each` of it where asked.
///
/// # Errors
/// As reading fails.
pub(crate) fn run(
    stage: &Stage<'_>,
    mut input: impl BufRead,
    mut each: Option<Tell<'_>>,
) -> io::Result<Dry> {
    let mut dry = Dry {
        route: stage.route.to_owned(),
        ..Dry::default()
    };
    let mut number = 0;
    while let Some(line) = next_line(&mut input)? {
        number += 1;
        if matches!(&line, Line::Whole(line) if line.trim_ascii().is_empty()) {
            dry.empty += 1;
            continue;
        }
        let mut tested = Tested::default();
        let tried = match &line {
            Line::Whole(line) => stage.attempt(line, each.is_some().then_some(&mut tested)),
            Line::Long => too_long(),
        };
        if let Some(each) = &mut each {
            tested.route.clone_from(&dry.route);
            tested.destination.clone_from(&tried.destination);
            tested.is_sent = tried.problem.is_none();
            tested.problem = tried.problem.as_ref().map(|(_, problem)| problem.clone());
            each(number, &tested);
        }
        dry.count(number, tried);
    }
    Ok(dry)
}

impl Stage<'_> {
    /// What would become of a line; `into` takes what would be sent.
    fn attempt(&self, line: &Bytes, into: Option<&mut Tested>) -> Tried {
        let parsed = match self.make(line) {
            Ok(parsed) => parsed,
            Err(error) => {
                let kind = match &error {
                    format::Error::Unparsable(_) => "unparsable",
                    format::Error::Refused(_) => "refused",
                    format::Error::Unresolved(_) => "unresolved",
                };
                let url = self.format.bearing(line).map(|parsed| parsed.request.url);
                let name = url.map(|url| name_of(self.destinations.of_url(&url), &url));
                return Tried {
                    destination: name,
                    problem: Some((kind, error.to_string())),
                };
            }
        };
        let rules = self.destinations.of_url(&parsed.request.url);
        let over = parsed.expires_at.filter(|end| *end <= self.clock.now());
        let checked = self.senders.check(&parsed.request, rules);
        let problem = match (over, checked) {
            (Some(end), _) => Some(("expired", format!("its time was over at {}", end.rfc3339()))),
            (None, Err(refused)) => Some(("refused", refused.to_string())),
            (None, Ok(())) => None,
        };
        if let Some(tested) = into {
            tested.id.clone_from(&parsed.id);
            tested.method = Some(parsed.request.method.to_string());
            tested.url = Some(parsed.request.url.to_string());
            tested.bytes = written(self, &parsed, rules);
            hide(tested, self.format, rules);
        }
        Tried {
            destination: Some(name_of(rules, &parsed.request.url)),
            problem,
        }
    }
}

fn too_long() -> Tried {
    let detail = format!("the line has more than {LINE_BYTES_MAX} bytes, and no queue takes it");
    Tried {
        destination: None,
        problem: Some(("unparsable", detail)),
    }
}

impl Dry {
    /// Whether every line would be sent.
    pub(crate) fn is_all_sent(&self) -> bool {
        self.problems.is_empty()
    }

    fn count(&mut self, line: u64, tried: Tried) {
        self.lines += 1;
        let name = tried.destination.as_deref().unwrap_or("(unknown)");
        let of = self.of(name);
        if tried.problem.is_some() {
            of.would_not_be_sent += 1;
        } else {
            of.would_be_sent += 1;
            self.would_be_sent += 1;
        }
        let Some((kind, problem)) = tried.problem else {
            return;
        };
        let of_kind = self.problems.entry(kind).or_default();
        of_kind.lines += 1;
        if of_kind.first.len() < FIRST_MAX {
            of_kind.first.push(First {
                line,
                destination: tried.destination,
                problem,
            });
        }
    }

    fn of(&mut self, name: &str) -> &mut Of {
        let is_new = !self.destinations.contains_key(name);
        let name = match is_new && self.destinations.len() >= DESTINATIONS_MAX {
            true => OTHERS,
            false => name,
        };
        self.destinations.entry(name.to_owned()).or_default()
    }
}

enum Line {
    Whole(Bytes),
    /// Longer than [`LINE_BYTES_MAX`], and passed over.
    Long,
}

/// The next line without its end; `None` when there is none.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let (mut is_begun, mut is_long) = (false, false);
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        is_begun = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        is_long |= line.len() + part.len() > LINE_BYTES_MAX;
        if !is_long {
            line.extend_from_slice(part);
        }
        let read = end.map_or(chunk.len(), |end| end + 1);
        input.consume(read);
        if end.is_some() {
            break;
        }
    }
    if !is_begun {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(if is_long {
        Line::Long
    } else {
        Line::Whole(line.into())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dry(settings: &str, text: &[u8]) -> Dry {
        let settings: delivery::config::Settings = toml::from_str(settings).unwrap();
        let secrets = delivery::config::SystemSecrets;
        let format = settings.routes["r"].reader("r", &settings.secrets, &secrets);
        let destinations = delivery::destinations::Destinations::new(&settings, &secrets).unwrap();
        let format = format.unwrap();
        let stage = Stage::new("r", &format, &destinations, BTreeMap::new());
        run(&stage, text, None).unwrap()
    }

    const ROUTE: &str = "[routes.r]\nqueue = \"q\"\nformat = { kind = \"ltsv\" }\nrequest = { url = \"https://{host}.example/e?a={a}\" }\n";

    #[test]
    fn lines_are_counted_by_destination_and_by_problem_with_the_first_of_each() {
        let mut text =
            b"host:h\ta:1\r\n\n  \nnothing\nhost:h\ta:\nhost:g\ta:2\texpires_at:1700000000\n"
                .to_vec();
        text.extend(b"host:h\n".repeat(7));
        text.extend(b"host:x y\ta:1");
        let dry = dry(ROUTE, &text);
        assert_eq!((dry.lines, dry.empty, dry.would_be_sent), (12, 2, 1));
        let of = |name: &str| {
            let of = &dry.destinations[name];
            (of.would_be_sent, of.would_not_be_sent)
        };
        assert_eq!(
            (of("h.example"), of("g.example"), of("(unknown)")),
            ((1, 8), (0, 1), (0, 2))
        );
        let told: Vec<_> = dry
            .problems
            .iter()
            .map(|(kind, of)| {
                (
                    *kind,
                    of.lines,
                    of.first.iter().map(|first| first.line).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("expired", 1, vec![6]),
                ("unparsable", 2, vec![4, 14]),
                ("unresolved", 8, vec![5, 7, 8, 9, 10]),
            ]
        );
        assert!(!dry.is_all_sent());
    }

    #[test]
    fn a_line_that_no_queue_takes_is_passed_over_in_bounded_memory() {
        let mut text = b"host:h\ta:".to_vec();
        text.resize(LINE_BYTES_MAX + 1, b'x');
        text.extend(b"\nhost:h\ta:1\n");
        let dry = dry(ROUTE, &text);
        assert_eq!((dry.lines, dry.would_be_sent), (2, 1));
        assert!(
            dry.problems["unparsable"].first[0]
                .problem
                .contains("1048576")
        );
    }

    #[test]
    fn destinations_beyond_the_bound_are_counted_together() {
        let text: String = (0..DESTINATIONS_MAX + 3)
            .map(|n| format!("host:h{n}\ta:1\n"))
            .collect();
        let dry = dry(ROUTE, text.as_bytes());
        assert_eq!(dry.destinations.len(), DESTINATIONS_MAX + 1);
        assert_eq!(dry.destinations[OTHERS].would_be_sent, 3);
    }
}
