//! Events of a log group, and those that come after them.
//!
//! Streams are written side by side, so an event may be found after later ones: it is asked from a little before the last one on, and what
//! was told already is known by its id.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::access::calls::Failure;
use crate::client::cloudwatch::set;

/// How much later than others an event may be found. Chosen: writers put what they have within a second.
const LATE_MAX: Duration = Duration::from_secs(10);
/// Characters of a stream's name that tell it from others.
const SHORT_CHARS: usize = 8;

/// An event, as it is printed in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// When it was.
    pub(super) time: String,
    /// The stream it is in.
    pub(super) stream: String,
    /// What it says.
    pub(super) message: String,
}

/// What was told of a group so far.
#[derive(Debug)]
pub(super) struct Tail {
    input: Value,
    from: Timestamp,
    /// The ids of what was told, with their times, as far as they may be found again.
    told: BTreeMap<String, Timestamp>,
}

impl Line {
    fn of(event: &Value) -> Option<(String, Timestamp, Self)> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let at = Timestamp::from_millis(event.get("timestamp")?.as_u64()?);
        let line = Self {
            time: at.rfc3339(),
            stream: text("logStreamName")?,
            message: text("message")?,
        };
        Some((text("eventId")?, at, line))
    }

    /// The end of the stream's name, which is what differs among those of a function.
    pub(super) fn short_stream(&self) -> &str {
        let count = self.stream.chars().count();
        let mut starts = self.stream.char_indices().map(|(at, _)| at);
        let from = starts.nth(count.saturating_sub(SHORT_CHARS)).unwrap_or(0);
        self.stream.get(from..).unwrap_or(&self.stream)
    }
}

impl Tail {
    /// Of `group` from `from` on.
    pub(super) fn new(group: &str, filter: Option<&str>, from: Timestamp) -> Self {
        let mut input = json!({ "logGroupName": group });
        if let Some(filter) = filter {
            set(&mut input, "filterPattern", filter);
        }
        Self {
            input,
            from,
            told: BTreeMap::new(),
        }
    }

    /// Asks, and tells what was not told yet.
    ///
    /// `call`: FilterLogEvents.
    pub(super) fn ask(
        &mut self,
        call: &dyn Fn(&Value) -> Result<Value, Failure>,
        tell: &mut dyn FnMut(&Line),
    ) -> Result<(), Failure> {
        let mut input = self.input.clone();
        set(&mut input, "startTime", self.from.as_millis());
        let mut last = self.from;
        loop {
            let page = call(&input)?;
            let events = page.get("events").and_then(Value::as_array);
            for (id, at, line) in events.into_iter().flatten().filter_map(Line::of) {
                last = last.max(at);
                if self.told.insert(id, at).is_none() {
                    tell(&line);
                }
            }
            match page.get("nextToken").filter(|token| !token.is_null()) {
                Some(token) => set(&mut input, "nextToken", token.clone()),
                None => break,
            }
        }
        self.from = self.from.max(last.minus(LATE_MAX));
        let from = self.from;
        self.told.retain(|_, at| *at >= from);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn event(id: &str, at: u64) -> Value {
        json!({"eventId": id, "timestamp": at, "logStreamName": "2026/11/29/[$LATEST]0123456789abcdef", "message": id})
    }

    /// What is told where these are the answers, and from when on and behind which token it is asked.
    fn asked(tail: &mut Tail, pages: &[Value]) -> (Vec<String>, Vec<(u64, Option<String>)>) {
        let (mut told, inputs) = (Vec::new(), RefCell::new(Vec::new()));
        let left = RefCell::new(pages.iter());
        let call = |input: &Value| {
            let token = input.get("nextToken").and_then(Value::as_str);
            let from = input["startTime"].as_u64().unwrap();
            inputs.borrow_mut().push((from, token.map(str::to_owned)));
            Ok(left.borrow_mut().next().unwrap().clone())
        };
        tail.ask(&call, &mut |line| told.push(line.message.clone()))
            .unwrap();
        (told, inputs.into_inner())
    }

    #[test]
    fn each_event_is_told_once_even_if_it_is_found_late() {
        let mut tail = Tail::new("/aws/lambda/f", None, Timestamp::from_secs(100));
        let pages = [
            json!({"events": [event("a", 100_000)], "nextToken": "t"}),
            json!({"events": [], "nextToken": "u"}),
            json!({"events": [event("b", 120_000)]}),
        ];
        let (told, inputs) = asked(&mut tail, &pages);
        assert_eq!(told, ["a", "b"]);
        let token = |text: &str| Some(text.to_owned());
        let expected = [
            (100_000, None),
            (100_000, token("t")),
            (100_000, token("u")),
        ];
        assert_eq!(inputs, expected);
        let pages =
            [json!({"events": [event("late", 111_000), event("b", 120_000), event("c", 120_000)]})];
        let (told, inputs) = asked(&mut tail, &pages);
        assert_eq!(
            (told, inputs),
            (vec!["late".into(), "c".into()], vec![(110_000, None)])
        );
        assert_eq!(tail.told.len(), 3);
        let (told, inputs) = asked(&mut tail, &[json!({"events": []})]);
        assert_eq!((told.len(), inputs), (0, vec![(110_000, None)]));
    }

    #[test]
    fn streams_are_told_apart_by_their_ends() {
        let (_, _, line) = Line::of(&event("a", 1)).unwrap();
        assert_eq!(line.short_stream(), "89abcdef");
        let short = Line {
            stream: "宿".to_owned(),
            ..line
        };
        assert_eq!(short.short_stream(), "宿");
    }
}
