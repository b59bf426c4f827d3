//! What became of this one?
//!
//! Searches every result that bears a message id, a notification id, or an exact URL: the sealed objects by their filters, and
//! the journal's tail that is not sealed yet. Ids are not unique in the world: all that bear one are answered. Whether it still
//! waits is the queue's to say, through [`Waiting`].
//!
//! The tail is read whole: at most one interval of the sealer. Objects are asked by sidecar, a few frames of 256 KiB
//! are decompressed. Answers are at most [`ATTEMPTS_MAX`].

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use base::Timestamp;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::ledger::Pause;
use crate::port;
use crate::result::{Decision, Head, Salt, Stored};
use crate::results::compact::id_keys;
use crate::results::set::{Entry, Window, lines_of};
use crate::results::{Error, ResultLog, Results, bloom, sealer};
use crate::sender;
use crate::travel;

/// The most attempts that are answered; the latest ones where there are more.
pub const ATTEMPTS_MAX: usize = 1000;

/// Sidecars that are read at once.
const SIDECARS_AT_ONCE: usize = 8;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A message id or a notification id.
    Id(String),
    /// An exact URL, as it was sent.
    Url(String),
}

impl Question {
    /// A URL when it has a scheme, else an id.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        if text.contains("://") || sender::has_scheme(text) {
            Self::Url(url::Url::parse(text).map_or_else(|_| text.to_owned(), Into::into))
        } else {
            Self::Id(text.to_owned())
        }
    }
}

/// Where a message is that has not ended; answered by the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingAs {
    /// Which of the ids that were asked for it bears.
    #[serde(skip)]
    pub asked: String,
    /// The message.
    pub message_id: String,
    /// Its queue.
    pub queue: String,
    /// The route that reads it; `None` of a queue without a route.
    pub route: Option<String>,
    /// `waiting`, `delayed`, `retry-wait`, `in-flight`, or `dead` when it lies among the dead.
    pub state: String,
    /// When it goes on, where that is known.
    pub until: Option<String>,
    /// Which lines of the message that was accepted it holds, from 1; empty: all, or not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u32>,
    /// The notification in it that goes to the URL that was asked for.
    #[serde(skip)]
    pub to_url: Option<String>,
}

/// What waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InQueues {
    /// The messages.
    pub messages: Vec<WaitingAs>,
    /// Whether there were more messages in the queues than are looked through.
    pub is_cut: bool,
    /// What rests now: messages of it wait.
    pub rests: Vec<Pause>,
}

/// The queue's part of the answer.
pub trait Waiting: Send + Sync {
    /// The messages in the queues of any of these ids, message ids and ids that senders gave, and those with a line to
    /// `url`. Those of other queues are not known.
    fn waiting<'a>(
        &'a self,
        ids: &'a [String],
        url: Option<&'a str>,
    ) -> BoxFuture<'a, Result<InQueues, port::Error>>;

    /// Whether what was given up lies in queues that it knows.
    fn knows_dead(&self) -> bool;
}

/// Knows of no message: for results elsewhere than the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotKnown;

impl Waiting for NotKnown {
    fn waiting<'a>(
        &'a self,
        _: &'a [String],
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<InQueues, port::Error>> {
        Box::pin(std::future::ready(Ok(InQueues::default())))
    }

    fn knows_dead(&self) -> bool {
        false
    }
}

/// What became of one notification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// Its id.
    pub notification_id: String,
    /// Its messages, in the order of their first results: more than one after a retry that was sent again, or a replay.
    pub message_ids: Vec<String>,
    /// `delivered`, `dead`, `expired`, a state of [`WaitingAs`], `retry-wait` when it waits for its next attempt, or
    /// `unknown` when it is neither in the results nor in the queue.
    pub state: String,
    /// What was tried, in order of time.
    pub attempts: Vec<Stored>,
    /// Where it waits.
    pub waiting: Vec<WaitingAs>,
    /// Dead, and no longer kept among the dead: dropped, sent again, or past its retention there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_dead: bool,
}

/// What a search cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Objects whose sidecar was asked.
    pub objects: u64,
    /// Bytes of those objects.
    pub bytes: u64,
    /// Frames that were decompressed.
    pub frames: u64,
    /// Results of the journal's tail that were read.
    pub tail: u64,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// One for each notification that bears what was asked, in order of id. Ids are their senders': those of one id that
    /// went to different receivers, or came from different hosts, are different notifications.
    pub stories: Vec<Story>,
    /// What it cost.
    pub effort: Effort,
    /// Whether there were more than [`ATTEMPTS_MAX`].
    pub is_cut: bool,
    /// Whether there were more messages in the queues than were looked through, so that one that waits may be missing.
    pub is_waiting_cut: bool,
    /// Routes and destinations that rest now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rests: Vec<Pause>,
}

/// Searches the results of a place.
#[derive(Clone)]
pub struct Why {
    results: Results,
    log: Option<Arc<dyn ResultLog>>,
    waiting: Arc<dyn Waiting>,
    salts: Vec<Salt>,
}

impl std::fmt::Debug for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Why({:?})", self.results)
    }
}

/// The keys that filters are asked for, and the test that results must pass.
#[derive(Clone)]
struct Wanted {
    keys: Vec<u64>,
    by: By,
}

#[derive(Clone)]
enum By {
    /// A message or a notification.
    Id(String),
    /// Notifications.
    Notifications(HashSet<String>),
    /// The keys of a URL.
    Url(Vec<u64>),
}

impl Wanted {
    fn is(&self, json: &[u8]) -> bool {
        let Some(head) = Head::read(json) else {
            return false;
        };
        match &self.by {
            By::Id(id) => head.is_of(id),
            By::Notifications(ids) => ids.contains(head.notification_id.as_ref()),
            By::Url(keys) => keys.contains(&head.url_key),
        }
    }

    fn notifications(ids: HashSet<String>) -> Self {
        Self {
            keys: ids.iter().flat_map(|id| id_keys(id)).collect(),
            by: By::Notifications(ids),
        }
    }
}

/// The latest results that were found, at least [`ATTEMPTS_MAX`] where there are so many.
#[derive(Debug, Default)]
struct Latest {
    kept: Vec<Stored>,
    is_cut: bool,
}

impl Latest {
    fn add(&mut self, json: &[u8]) {
        self.kept.extend(Stored::parse(json));
        if self.kept.len() >= 2 * ATTEMPTS_MAX {
            self.cut();
        }
    }

    fn join(&mut self, other: Self) {
        self.is_cut |= other.is_cut;
        self.kept.extend(other.kept);
        self.cut();
    }

    /// In order of time; what was found twice, because it was sealed during the search, is there once.
    fn cut(&mut self) {
        let order = |a: &Stored, b: &Stored| {
            let by = |one: &Stored| (one.attempt, one.line);
            let (at, id) = (a.at.cmp(&b.at), a.notification_id.cmp(&b.notification_id));
            at.then_with(|| by(a).cmp(&by(b))).then(id)
        };
        self.kept.sort_by(order);
        self.kept.dedup();
        let surplus = self.kept.len().saturating_sub(ATTEMPTS_MAX);
        self.kept.drain(..surplus);
        self.is_cut |= surplus > 0;
    }

    /// The ids that their senders gave the lines of the message `id`: what such a line went through in another message bears
    /// no id of this one.
    fn own_ids(&self, id: &str) -> HashSet<String> {
        let of_message = self.kept.iter().filter(|one| one.message_id == id);
        let ids = of_message.map(|one| &one.notification_id);
        ids.filter(|own| *own != id && !travel::is_line_of(own, id))
            .cloned()
            .collect()
    }
}

impl Why {
    /// Searches `results` sealed from `log`; `None` where there is no journal. A URL is found by any of `salts`: those who
    /// stored results may each have had their own.
    #[must_use]
    pub fn new(
        results: Results,
        log: Option<Arc<dyn ResultLog>>,
        waiting: Arc<dyn Waiting>,
        salts: Vec<Salt>,
    ) -> Self {
        Self {
            results,
            log,
            waiting,
            salts,
        }
    }

    /// How much would be read in the worst case: what to say first where objects are far away.
    ///
    /// # Errors
    /// What the store says.
    pub async fn effort(&self, window: &Window) -> Result<Effort, Error> {
        let entries = self.results.entries(window).await?;
        let bytes = entries.iter().map(|entry| entry.bytes).sum();
        Ok(Effort {
            objects: entries.len() as u64,
            bytes,
            ..Effort::default()
        })
    }

    /// Everything about `question`; `window` narrows the objects by route and time.
    ///
    /// # Errors
    /// What the store or the journal says.
    pub async fn ask(&self, question: &Question, window: &Window) -> Result<Answer, Error> {
        let mut effort = Effort::default();
        let wanted = self.wanted(question);
        let mut found = self.search(&wanted, window, &mut effort).await?;
        if let Question::Id(id) = question {
            let own = found.own_ids(id);
            if !own.is_empty() {
                let wanted = Wanted::notifications(own);
                found.join(self.search(&wanted, window, &mut effort).await?);
            }
        }
        let is_cut = found.is_cut;
        let (stories, in_queues) = self.stories(question, found.kept).await?;
        Ok(Answer {
            stories,
            effort,
            is_cut,
            is_waiting_cut: in_queues.is_cut,
            rests: in_queues.rests,
        })
    }

    async fn search(
        &self,
        wanted: &Wanted,
        window: &Window,
        effort: &mut Effort,
    ) -> Result<Latest, Error> {
        // The tail first: what is sealed meanwhile is then found twice rather than not at all.
        let mut found = self.tail(wanted, effort).await?;
        let mut window = window.clone();
        if let Some(log) = &self.log {
            window.sealed_up_to = Some(log.sealed_up_to());
        }
        found.join(self.sealed(wanted, &window, effort).await?);
        Ok(found)
    }

    fn wanted(&self, question: &Question) -> Wanted {
        match question {
            Question::Id(id) => Wanted {
                keys: id_keys(id),
                by: By::Id(id.clone()),
            },
            Question::Url(url) => {
                let url_keys: Vec<u64> = self.salts.iter().map(|salt| salt.url_key(url)).collect();
                Wanted {
                    keys: url_keys.iter().map(|key| bloom::url_key(*key)).collect(),
                    by: By::Url(url_keys),
                }
            }
        }
    }

    async fn tail(&self, wanted: &Wanted, effort: &mut Effort) -> Result<Latest, Error> {
        let Some(log) = self.log.clone() else {
            return Ok(Latest::default());
        };
        let wanted = wanted.clone();
        let search = move || {
            let (mut found, mut read) = (Latest::default(), 0);
            sealer::scan_tail(log.as_ref(), log.sealed_up_to(), &mut |_, _, packed| {
                read += 1;
                if wanted.is(packed.json) {
                    found.add(packed.json);
                }
                ControlFlow::Continue(())
            })?;
            Ok::<_, Error>((found, read))
        };
        let (found, read) = tokio::task::spawn_blocking(search)
            .await
            .map_err(|_| Error::Cancelled)??;
        effort.tail += read;
        Ok(found)
    }

    async fn sealed(
        &self,
        wanted: &Wanted,
        window: &Window,
        effort: &mut Effort,
    ) -> Result<Latest, Error> {
        let entries = self.results.entries(window).await?;
        effort.objects += entries.len() as u64;
        effort.bytes += entries.iter().map(|entry| entry.bytes).sum::<u64>();
        let searches = stream::iter(entries.iter().map(|entry| self.in_object(wanted, entry)));
        let mut searches = searches.buffered(SIDECARS_AT_ONCE);
        let mut all = Latest::default();
        while let Some((found, frames)) = searches.try_next().await? {
            effort.frames += frames;
            if !found.kept.is_empty() {
                all.join(found);
            }
        }
        Ok(all)
    }

    /// The results in one object, and how many frames were read. An object that was just replaced has its results in
    /// the one that replaced it only when that was listed: so what is gone is an error that says to ask again.
    async fn in_object(&self, wanted: &Wanted, entry: &Entry) -> Result<(Latest, u64), Error> {
        let gone = || {
            port::Error::unavailable(
                &format!("object `{}`", entry.name.data()),
                "it was replaced meanwhile; ask again",
            )
        };
        let index = self.results.index(entry).await?.ok_or_else(gone)?;
        let (mut found, mut frames) = (Latest::default(), 0);
        for frame in index.candidates(&wanted.keys) {
            let lines = self.results.lines(entry, frame).await?.ok_or_else(gone)?;
            frames += 1;
            let passing = lines_of(&lines).filter(|line| wanted.is(line));
            passing.for_each(|line| found.add(line));
        }
        Ok((found, frames))
    }

    /// The stories, and what is known of the queues.
    async fn stories(
        &self,
        question: &Question,
        results: Vec<Stored>,
    ) -> Result<(Vec<Story>, InQueues), Error> {
        let mut by_id: BTreeMap<String, Vec<Vec<Stored>>> = BTreeMap::new();
        for result in results {
            let of_id = by_id.entry(result.notification_id.clone()).or_default();
            match of_id.iter_mut().find(|known| is_of_one(known, &result)) {
                Some(known) => known.push(result),
                None => of_id.push(vec![result]),
            }
        }
        let mut stories: Vec<Story> = by_id
            .into_iter()
            .flat_map(|(id, all)| all.into_iter().map(move |one| Story::of(id.clone(), one)))
            .collect();
        if let Question::Id(id) = question {
            // What bears the own id of one of its lines need not be of this message.
            stories.retain(|story| story.is_of(id));
            if stories.is_empty() {
                stories.push(Story::of(id.clone(), Vec::new()));
            }
        }
        let asked: Vec<Vec<String>> = stories.iter().map(|story| story.ids(question)).collect();
        let mut ids = asked.concat();
        ids.sort();
        ids.dedup();
        let url = match question {
            Question::Id(_) => None,
            Question::Url(url) => Some(url.as_str()),
        };
        let waiting = self.waiting.waiting(&ids, url).await?;
        for (story, ids) in stories.iter_mut().zip(&asked) {
            let of_story = waiting.messages.iter();
            let of_story = of_story.filter(|message| ids.contains(&message.asked));
            let mut seen = HashSet::new();
            let of_story = of_story.filter(|message| seen.insert(message.message_id.as_str()));
            let of_story = of_story.filter(|message| story.may_be_in(message));
            story.waiting = of_story.cloned().collect();
            story.settle_state();
            story.left_dead = self.waiting.knows_dead()
                && !waiting.is_cut
                && story.waiting.is_empty()
                && story.state == Decision::Dead.name();
        }
        stories.retain(|story| story.state != UNKNOWN);
        let untried: Vec<Story> = waiting
            .messages
            .iter()
            .filter_map(|message| Story::untried(message, &stories))
            .collect();
        stories.extend(untried);
        stories.sort_by(|a, b| a.notification_id.cmp(&b.notification_id));
        Ok((stories, waiting))
    }
}

/// Whether a result is of the notification that `known`, never empty, are results of; all bear the same id. One line of one
/// message is, and what went to the same receiver from the same host: a replay comes from nowhere, a line that was never
/// read goes nowhere.
fn is_of_one(known: &[Stored], result: &Stored) -> bool {
    let is_line = |one: &Stored| one.message_id == result.message_id && one.line == result.line;
    let is_like = |one: &Stored| {
        let to = (one.url_key.as_str(), result.url_key.as_str());
        let from = (host_of(one), host_of(result));
        one.route == result.route
            && (to.0 == to.1 || to.0 == NO_URL || to.1 == NO_URL)
            && (from.0 == from.1 || from.0.is_none() || from.1.is_none())
    };
    known.iter().any(is_line) || known.iter().all(is_like)
}

/// The key of a result without a URL.
const NO_URL: &str = "0000000000000000";

/// The host that shipped it, or all that is said of where it came from.
fn host_of(result: &Stored) -> Option<&serde_json::Value> {
    let origin = result.origin.as_ref()?;
    origin.get("host").or(Some(origin))
}

/// The state of what nobody knows.
const UNKNOWN: &str = "unknown";

/// The state between two attempts, where no queue says it.
const RETRY_WAIT: &str = "retry-wait";

impl Story {
    fn of(notification_id: String, attempts: Vec<Stored>) -> Self {
        let mut message_ids: Vec<String> = Vec::new();
        for attempt in &attempts {
            if !message_ids.contains(&attempt.message_id) {
                message_ids.push(attempt.message_id.clone());
            }
        }
        Self {
            notification_id,
            message_ids,
            state: String::new(),
            attempts,
            waiting: Vec::new(),
            left_dead: false,
        }
    }

    /// That of a line to the URL that was asked for, which is not in any of `stories`.
    fn untried(message: &WaitingAs, stories: &[Self]) -> Option<Self> {
        let id = message.to_url.clone()?;
        let mut known = stories.iter().flat_map(|story| &story.waiting);
        if known.any(|one| one.message_id == message.message_id) {
            return None;
        }
        let mut story = Self::of(id, Vec::new());
        story.waiting.push(message.clone());
        story.settle_state();
        Some(story)
    }

    /// Whether any of its results is of this message or notification.
    fn is_of(&self, id: &str) -> bool {
        let attempts = &mut self.attempts.iter();
        self.notification_id == id
            || travel::is_line_of(&self.notification_id, id)
            || attempts.any(|attempt| attempt.message_id == id)
    }

    /// What a message of it in a queue may bear: its messages' ids, its own and the asked one, each also without a line's
    /// number.
    fn ids(&self, question: &Question) -> Vec<String> {
        let mut ids = self.message_ids.clone();
        let asked = match question {
            Question::Id(id) => Some(id.as_str()),
            Question::Url(_) => None,
        };
        for id in asked.into_iter().chain([self.notification_id.as_str()]) {
            // A sender's own id may end like a line's number.
            for id in [Some(id), travel::without_line(id)].into_iter().flatten() {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        ids
    }

    /// Whether a message of one of its ids may hold it: not one with other lines of the message that it came in.
    fn may_be_in(&self, message: &WaitingAs) -> bool {
        let said = self.attempts.last().map(|attempt| attempt.line);
        match said.or_else(|| travel::line_number(&self.notification_id)) {
            Some(line) => message.lines.is_empty() || message.lines.contains(&line),
            None => true,
        }
    }

    /// The last result decides, unless a message of it still waits.
    fn settle_state(&mut self) {
        let last = self.attempts.iter().rev().find(|attempt| !attempt.late);
        let last = last.or(self.attempts.last());
        self.state = match (self.waiting.first(), last.map(|attempt| attempt.verdict)) {
            (Some(waiting), None | Some(Decision::Retry)) => waiting.state.clone(),
            (None, Some(Decision::Retry)) => RETRY_WAIT.to_owned(),
            (_, Some(decision)) => decision.name().to_owned(),
            (None, None) => UNKNOWN.to_owned(),
        };
    }

    /// When its last attempt was settled.
    #[must_use]
    pub fn last_at(&self) -> Option<Timestamp> {
        self.attempts.last().map(Stored::at_time)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use object_store::memory::InMemory;

    use super::*;
    use crate::results::tests::{FakeLog, at, result};
    use crate::results::{ObjectResults, Sealer};

    /// A message that waits, and the lines that it holds.
    struct InQueue(&'static str, &'static [u32]);

    impl Waiting for InQueue {
        fn waiting<'a>(
            &'a self,
            ids: &'a [String],
            url: Option<&'a str>,
        ) -> BoxFuture<'a, Result<InQueues, port::Error>> {
            let asked = ids.iter().map(String::as_str).chain(url);
            let found = asked.filter(|id| *id == self.0).map(|id| WaitingAs {
                asked: id.to_owned(),
                message_id: id.to_owned(),
                queue: "s2s".to_owned(),
                route: Some("s2s".to_owned()),
                to_url: url.map(|_| "m-9/1".to_owned()),
                state: "retry-wait".to_owned(),
                until: None,
                lines: self.1.to_vec(),
            });
            let found = InQueues {
                messages: found.collect(),
                ..InQueues::default()
            };
            Box::pin(std::future::ready(Ok(found)))
        }

        fn knows_dead(&self) -> bool {
            true
        }
    }

    fn place(waiting: &'static str) -> (Arc<FakeLog>, Results, Why) {
        place_with(waiting, &[])
    }

    fn place_with(waiting: &'static str, lines: &'static [u32]) -> (Arc<FakeLog>, Results, Why) {
        let log = Arc::new(FakeLog::default());
        let results = Results::new(Arc::new(ObjectResults::new(Arc::new(InMemory::new()), "")));
        let salt = Salt::new([7; 32]);
        let why = Why::new(
            results.clone(),
            Some(log.clone()),
            Arc::new(InQueue(waiting, lines)),
            vec![salt],
        );
        (log, results, why)
    }

    #[tokio::test]
    async fn attempts_come_in_order_from_objects_and_from_the_tail() {
        let (log, results, why) = place("m-5");
        for number in 0..500 {
            log.settle(
                at(number),
                &[result(at(number), number, Decision::Retry, "")],
            );
        }
        let mut sealer = Sealer::new(log.clone(), results.clone());
        sealer.all().await.unwrap();
        for (time, number) in [(4_000_000, 5), (4_000_001, 6)] {
            log.settle(
                at(time),
                &[result(at(time), number, Decision::Delivered, "x")],
            );
        }
        log.settle(
            at(4_000_002),
            &[result(at(4_000_002), 7, Decision::Dead, "x")],
        );
        // By its message it is looked up once more by its own id.
        for (question, looks) in [("own-5", 1), ("m-5", 2)] {
            let answer = why
                .ask(&Question::of(question), &Window::default())
                .await
                .unwrap();
            let [story] = &answer.stories[..] else {
                panic!("{answer:?}")
            };
            assert_eq!(
                (story.notification_id.as_str(), story.state.as_str()),
                ("own-5", "delivered")
            );
            let verdicts: Vec<_> = story
                .attempts
                .iter()
                .map(|attempt| attempt.verdict)
                .collect();
            assert_eq!(verdicts, [Decision::Retry, Decision::Delivered]);
            let effort = (answer.effort.tail, answer.effort.objects);
            assert_eq!(effort, (3 * looks, looks));
        }
        sealer.all().await.unwrap();
        let answer = why
            .ask(&Question::of("m-7"), &Window::default())
            .await
            .unwrap();
        assert_eq!(answer.stories[0].state, "dead");
        assert_eq!((answer.effort.tail, answer.effort.objects), (0, 4));
        assert!(
            why.ask(&Question::of("m-1000"), &Window::default())
                .await
                .unwrap()
                .stories
                .is_empty()
        );
        assert_eq!(why.effort(&Window::default()).await.unwrap().objects, 2);
    }

    #[tokio::test]
    async fn what_waits_is_said_with_and_without_attempts() {
        let (log, _, why) = place("m-5");
        let answer = why
            .ask(&Question::of("m-5/2"), &Window::default())
            .await
            .unwrap();
        assert_eq!(
            (
                answer.stories[0].state.as_str(),
                answer.stories[0].attempts.len()
            ),
            ("retry-wait", 0)
        );
        log.settle(at(1), &[result(at(1), 5, Decision::Retry, "")]);
        let answer = why
            .ask(&Question::of("own-5"), &Window::default())
            .await
            .unwrap();
        assert_eq!(
            (
                answer.stories[0].state.as_str(),
                answer.stories[0].attempts.len()
            ),
            ("retry-wait", 1)
        );
    }

    #[tokio::test]
    async fn a_line_that_ended_does_not_wait_with_the_others_of_its_message() {
        let (log, _, why) = place_with("m-5", &[2]);
        log.settle(at(1), &[result(at(1), 5, Decision::Delivered, "")]);
        let asked = Question::of("own-5");
        let answer = why.ask(&asked, &Window::default()).await.unwrap();
        let story = &answer.stories[0];
        assert_eq!(
            (story.state.as_str(), &story.waiting[..]),
            ("delivered", &[][..])
        );
        let other = Question::of("m-5/2");
        let answer = why.ask(&other, &Window::default()).await.unwrap();
        assert_eq!(answer.stories[0].state, "retry-wait");
    }

    /// A result of `own-5` in the message `m-N` to the receiver `key`, from `host`.
    fn one_of(number: u64, key: u64, host: &str, decision: Decision) -> Vec<u8> {
        let json = String::from_utf8(result(at(number), 5, decision, "")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["message_id"] = format!("m-{number}").into();
        json["url_key"] = format!("{key:016x}").into();
        if !host.is_empty() {
            json["origin"] = serde_json::json!({ "host": host, "file": "/l", "offset": 0 });
        }
        let stored: Stored = serde_json::from_value(json).unwrap();
        serde_json::to_vec(&stored).unwrap()
    }

    #[tokio::test]
    async fn different_notifications_of_one_id_are_told_apart() {
        let (log, _, why) = place("");
        let all = [
            one_of(1, 7, "web-1", Decision::Retry),
            one_of(2, 8, "web-1", Decision::Delivered),
            one_of(3, 7, "web-2", Decision::Dead),
            one_of(4, 7, "web-1", Decision::Delivered),
        ];
        for (number, json) in all.into_iter().enumerate() {
            log.settle(at(number as u64 + 1), &[json]);
        }
        let asked = Question::of("own-5");
        let answer = why.ask(&asked, &Window::default()).await.unwrap();
        let told = answer.stories.iter().map(|story| {
            let ids = story.message_ids.join(" ");
            (ids, story.state.as_str(), story.left_dead)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("m-1 m-4".to_owned(), "delivered", false),
                ("m-2".to_owned(), "delivered", false),
                ("m-3".to_owned(), "dead", true),
            ]
        );
    }

    #[tokio::test]
    async fn a_message_knows_what_became_of_its_lines_in_another() {
        let (log, _, why) = place("");
        let all = [
            one_of(1, 7, "web-1", Decision::Retry),
            one_of(2, 7, "web-1", Decision::Delivered),
            one_of(3, 7, "web-2", Decision::Delivered),
        ];
        for (number, json) in all.into_iter().enumerate() {
            log.settle(at(number as u64 + 1), &[json]);
        }
        let asked = Question::of("m-1");
        let answer = why.ask(&asked, &Window::default()).await.unwrap();
        let [story] = &answer.stories[..] else {
            panic!("that of web-2 is another: {answer:?}")
        };
        assert_eq!(
            (story.state.as_str(), story.attempts.len()),
            ("delivered", 2)
        );
    }

    #[tokio::test]
    async fn what_is_to_be_tried_again_is_in_a_state_of_the_ledger() {
        let (log, _, why) = place("");
        log.settle(at(1), &[result(at(1), 5, Decision::Retry, "")]);
        let asked = Question::of("own-5");
        let answer = why.ask(&asked, &Window::default()).await.unwrap();
        assert_eq!(answer.stories[0].state, "retry-wait");
    }

    #[tokio::test]
    async fn a_line_that_waits_untried_is_found_by_its_url() {
        let url = "https://a.example/?n=1";
        let (_, _, why) = place(url);
        let asked = Question::of(url);
        let answer = why.ask(&asked, &Window::default()).await.unwrap();
        let told = answer.stories.iter();
        let told = told.map(|story| (story.notification_id.as_str(), story.state.as_str()));
        assert_eq!(told.collect::<Vec<_>>(), [("m-9/1", "retry-wait")]);
    }

    #[tokio::test]
    async fn the_latest_attempts_are_answered_where_there_are_too_many() {
        let (log, results, why) = place("");
        let many = ATTEMPTS_MAX as u64 * 3;
        for time in 0..many {
            if time == many / 2 {
                let mut sealer = Sealer::new(log.clone(), results.clone());
                sealer.all().await.unwrap();
            }
            log.settle(at(time), &[result(at(time), 5, Decision::Retry, "")]);
        }
        let asked = Question::of("own-5");
        let answer = why.ask(&asked, &Window::default()).await.unwrap();
        assert!(answer.is_cut);
        let attempts = &answer.stories[0].attempts;
        assert_eq!(attempts.len(), ATTEMPTS_MAX);
        assert_eq!(attempts[0].at, at(many - ATTEMPTS_MAX as u64).rfc3339());
    }

    #[test]
    fn a_replay_and_an_unread_line_are_of_the_notification_that_they_repeat() {
        let of =
            |number, key, host| Stored::parse(&one_of(number, key, host, Decision::Dead)).unwrap();
        let known = [of(1, 7, "web-1")];
        assert!(is_of_one(&known, &of(2, 7, "")), "replayed");
        assert!(is_of_one(&known, &of(1, 0, "web-1")), "not read");
        assert!(!is_of_one(&known, &of(2, 8, "")), "another receiver");
    }

    #[tokio::test]
    async fn an_exact_url_is_found_though_it_is_masked() {
        let (log, results, why) = place("");
        let url = "https://app.example/p?idfa=AB&n=1";
        let key = Salt::new([7; 32]).url_key(url);
        let json = String::from_utf8(result(at(0), 5, Decision::Delivered, "")).unwrap();
        let json = json.replace(
            "\"url_key\":\"0000000000000005\"",
            &format!("\"url_key\":\"{key:016x}\""),
        );
        log.settle(
            at(0),
            &[json.into_bytes(), result(at(0), 6, Decision::Delivered, "")],
        );
        for is_sealed in [false, true] {
            if is_sealed {
                Sealer::new(log.clone(), results.clone())
                    .all()
                    .await
                    .unwrap();
            }
            let answer = why
                .ask(&Question::of(url), &Window::default())
                .await
                .unwrap();
            assert_eq!(answer.stories.len(), 1, "{answer:?}");
            assert_eq!(answer.stories[0].notification_id, "own-5");
            let other = Question::of("https://app.example/p?idfa=AC&n=1");
            assert!(
                why.ask(&other, &Window::default())
                    .await
                    .unwrap()
                    .stories
                    .is_empty()
            );
        }
        assert_eq!(log.fails_to_mark.load(Ordering::SeqCst), 0);
    }
}
