//! Which messages of routes still wait, by any of their ids.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use delivery::dead;
use delivery::format::{Format, split_lines};
use delivery::ledger::Pause;
use delivery::port;
use delivery::travel;
use delivery::why::{InQueues, Waiting, WaitingAs};
use futures_util::future::BoxFuture;
use sqs::{Effort, Found, Queue, Queues, Sought, Standing};

/// The queues that routes have.
#[derive(Clone, Debug)]
pub(super) struct InRoutes {
    pub(super) queues: Arc<Queues>,
    pub(super) among: Vec<Among>,
    /// Those that no route has: their messages are known by their own ids.
    pub(super) others: Vec<Arc<Queue>>,
    /// What rests.
    pub(super) rests: Vec<Pause>,
}

/// A queue of a route.
#[derive(Clone, Debug)]
pub(super) struct Among {
    pub(super) route: Arc<str>,
    pub(super) queue: Arc<Queue>,
    /// Whether it keeps what was given up.
    pub(super) is_dead: bool,
    /// How its lines are read.
    pub(super) format: Format,
}

impl Waiting for InRoutes {
    fn waiting<'a>(
        &'a self,
        ids: &'a [String],
        url: Option<&'a str>,
    ) -> BoxFuture<'a, Result<InQueues, port::Error>> {
        let (routes, ids, url) = (self.clone(), ids.to_vec(), url.map(str::to_owned));
        Box::pin(async move {
            let search = tokio::task::spawn_blocking(move || {
                routes.search(&ids, url.as_deref(), Effort::default())
            });
            let stopped = |error| port::Error::unavailable("the queues", error);
            search.await.map_err(stopped)
        })
    }

    fn knows_dead(&self) -> bool {
        true
    }
}

impl InRoutes {
    /// Message ids first, which cost little; entries are read only for the ids that are none.
    fn search(&self, ids: &[String], url: Option<&str>, mut effort: Effort) -> InQueues {
        let mut messages = Vec::new();
        let by_id = Sought::messages(ids.iter().map(|id| base_of(id)));
        self.look(&mut effort, &mut messages, |_| by_id.clone());
        for queue in &self.others {
            let found = self.queues.find(queue, &by_id, &mut effort);
            let found = found.unwrap_or_default().into_iter();
            messages.extend(found.map(|one| as_waiting(one, queue, None)));
        }
        let is_known = |id: &str| messages.iter().any(|known: &WaitingAs| known.asked == id);
        let rest = ids.iter().filter(|id| !is_known(base_of(id)));
        let rest: Vec<String> = rest.cloned().collect();
        if !rest.is_empty() {
            let mut left = Effort {
                messages: Effort::default().messages,
                ..effort
            };
            let by_name =
                Sought::named(travel::ID, rest.iter().map(String::as_str)).telling(travel::RETRY);
            self.look(&mut left, &mut messages, |place| {
                let (format, rest) = (place.format.clone(), rest.clone());
                by_name
                    .clone()
                    .or_in_body(move |body| id_in(&format, body, &rest))
            });
            effort.is_spent |= left.is_spent;
        }
        if let Some(url) = url {
            let mut left = Effort::default();
            messages.extend(self.going_to(url, &mut left));
            effort.is_spent |= left.is_spent;
        }
        InQueues {
            messages,
            is_cut: effort.is_spent,
            rests: self.rests.clone(),
        }
    }

    /// The messages with a line to `url`. Bodies are read for it: those of the routes' queues.
    fn going_to(&self, url: &str, effort: &mut Effort) -> Vec<WaitingAs> {
        let mut messages = Vec::new();
        for place in &self.among {
            let (format, to) = (place.format.clone(), url.to_owned());
            // No message bears a URL there; its body is asked.
            let sought = Sought::named(travel::RETRY, [url])
                .telling(travel::ID)
                .or_in_body(move |body| line_to(&format, body, &to));
            let found = self.queues.find(&place.queue, &sought, effort);
            let found = found.unwrap_or_default().into_iter();
            messages.extend(found.map(|mut one| {
                let base = one.told.take().unwrap_or_else(|| one.message_id.clone());
                let id = match one.sought.strip_prefix('/') {
                    Some(number) => format!("{base}/{number}"),
                    None => one.sought.clone(),
                };
                WaitingAs {
                    to_url: Some(id),
                    ..as_waiting(one, &place.queue, Some(place))
                }
            }));
        }
        messages
    }

    /// Which messages among the dead bear one of `ids`, by route and message id, as [`dead::Filter`] takes them; and whether
    /// there was more than is looked through. Reads, and hides nothing.
    pub(super) fn dead_bearing(&self, ids: &[String]) -> (BTreeSet<(String, String)>, bool) {
        let texts = || ids.iter().map(String::as_str);
        let both = || texts().chain(texts().filter_map(travel::without_line));
        let is_taken = |found: &Found| match &found.told {
            Some(id) => texts().any(|asked| asked == id || travel::is_line_of(id, asked)),
            // One that redrive put there whole.
            None => true,
        };
        let all = [
            Sought::messages(both()),
            Sought::named(dead::NOTIFICATION, texts()),
            Sought::named(travel::ID, both()).telling(dead::NOTIFICATION),
        ];
        let (mut bearing, mut is_cut) = (BTreeSet::new(), false);
        for place in self.among.iter().filter(|place| place.is_dead) {
            for sought in &all {
                let mut effort = Effort::default();
                let found = self.queues.find(&place.queue, sought, &mut effort);
                let found = found.unwrap_or_default().into_iter().filter(is_taken);
                bearing.extend(found.map(|one| (place.route.to_string(), one.message_id)));
                is_cut |= effort.is_spent;
            }
        }
        (bearing, is_cut)
    }

    fn look(
        &self,
        effort: &mut Effort,
        messages: &mut Vec<WaitingAs>,
        sought: impl Fn(&Among) -> Sought,
    ) {
        for place in &self.among {
            // A queue that was deleted meanwhile holds nothing.
            let found = self.queues.find(&place.queue, &sought(place), effort);
            let found = found.unwrap_or_default().into_iter();
            messages.extend(found.map(|one| as_waiting(one, &place.queue, Some(place))));
        }
    }
}

/// Which of `ids` a line of `body` bears as its own. Lines are read only where an id stands in the body at all.
fn id_in(format: &Format, body: &[u8], ids: &[String]) -> Option<String> {
    let is_there = |id: &&String| memchr::memmem::find(body, id.as_bytes()).is_some();
    let mut there = ids.iter().filter(is_there).peekable();
    there.peek()?;
    let body = Bytes::copy_from_slice(body);
    let own: HashSet<String> = split_lines(&body)
        .filter_map(|line| format.own_id(&line))
        .collect();
    there.find(|id| own.contains(*id)).cloned()
}

/// The first line of `body` that goes to `url`: its own id, else `/n`.
fn line_to(format: &Format, body: &[u8], url: &str) -> Option<String> {
    let body = Bytes::copy_from_slice(body);
    let mut lines = split_lines(&body).zip(1_u32..);
    lines.find_map(|(line, number)| {
        let parsed = format.bearing(&line)?;
        let is_it = parsed.request.url.as_str() == url;
        is_it.then(|| parsed.id.unwrap_or_else(|| format!("/{number}")))
    })
}

/// The id of the message in `MESSAGE/n`.
fn base_of(id: &str) -> &str {
    travel::without_line(id).unwrap_or(id)
}

fn as_waiting(found: Found, queue: &Queue, place: Option<&Among>) -> WaitingAs {
    let (state, until) = match found.standing {
        Standing::Waiting => ("waiting", None),
        Standing::Delayed(until) => ("delayed", Some(until)),
        Standing::RetryWait(until) => ("retry-wait", Some(until)),
        Standing::InFlight(until) => ("in-flight", Some(until)),
    };
    let retry = found.told.as_deref().map(travel::Retry::parse);
    let is_dead = place.is_some_and(|place| place.is_dead);
    WaitingAs {
        lines: retry.unwrap_or_default().lines,
        asked: found.sought,
        message_id: found.message_id,
        queue: queue.name().to_owned(),
        route: place.map(|place| place.route.to_string()),
        state: if is_dead { "dead" } else { state }.to_owned(),
        until: until.map(base::Timestamp::rfc3339),
        to_url: None,
    }
}

#[cfg(test)]
mod tests {
    use delivery::config::{FormatKind, RouteFormat};

    use super::*;

    #[test]
    fn an_id_is_found_where_a_line_bears_it_as_its_own() {
        let rules = RouteFormat {
            kind: FormatKind::Ltsv,
            ..RouteFormat::default()
        };
        let format = Format::new(&rules).unwrap();
        let body = b"url:https://a.example/?id=c\tid:a\nno line\nid:b\turl:tel:1\n";
        let find = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            id_in(&format, body, &ids)
        };
        assert_eq!(find(&["x", "a"]).as_deref(), Some("a"));
        assert_eq!(
            find(&["b"]).as_deref(),
            Some("b"),
            "a refused line has one too"
        );
        assert_eq!(find(&["c", "example"]), None, "it only stands there");
    }

    #[test]
    fn a_line_is_found_by_the_url_that_it_goes_to() {
        let format = Format::new(&RouteFormat::default()).unwrap();
        let body = b"https://a.example/?n=1\nHTTPS://B.example\nno url";
        assert_eq!(
            line_to(&format, body, "https://b.example/").as_deref(),
            Some("/2")
        );
        assert_eq!(line_to(&format, body, "https://a.example/"), None);
    }
}
