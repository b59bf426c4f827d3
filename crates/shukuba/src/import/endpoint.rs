//! An endpoint of another webhook server, in the words of ours.

use base::Timestamp;
use delivery::config::Span;

/// The most secrets that sign at once.
pub(super) const LIVE_MAX: usize = 4;

/// An endpoint as its export describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Endpoint {
    /// As its server names it.
    pub(super) id: String,
    pub(super) url: String,
    /// What people call it.
    pub(super) label: String,
    /// What signs, the newest first.
    pub(super) secrets: Vec<String>,
    /// `[….sign]` without its secrets.
    pub(super) sign: toml::Table,
    pub(super) headers: Vec<(String, String)>,
    pub(super) auth: Option<Auth>,
    /// All other keys.
    pub(super) keys: toml::Table,
    pub(super) is_disabled: bool,
    /// What does not come over, and what to do.
    pub(super) notes: Vec<String>,
}

/// How it authenticates to its receiver.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Auth {
    Basic {
        user: String,
        password: String,
    },
    Oauth2 {
        url: String,
        id: String,
        secret: String,
        scope: Option<String>,
        audience: Option<String>,
    },
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    Endpoint(Box<Endpoint>),
    /// It stays behind: who, and why.
    Left {
        id: String,
        why: String,
    },
    /// It is none: a part of the settings, or one that was removed there.
    None,
}

/// What `--signature` says, and when it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) signature: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl Endpoint {
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Sets a key of the destination.
    pub(super) fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.keys.insert(key.to_owned(), value.into());
    }

    /// Sets a key of how it signs.
    pub(super) fn sign(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.sign.insert(key.to_owned(), value.into());
    }

    /// A secret beside the newest, which is signed with until it is no longer valid.
    pub(super) fn previous(&mut self, secret: &str, until: Option<&str>, now: Timestamp) {
        let ends = until.and_then(Timestamp::parse_rfc3339);
        if ends.is_some_and(|ends| ends <= now) || self.secrets.iter().any(|known| known == secret)
        {
            return;
        }
        if self.secrets.len() >= LIVE_MAX {
            self.note(format!(
                "has more than {LIVE_MAX} live secrets; only the newest {LIVE_MAX} sign"
            ));
            return;
        }
        self.secrets.push(secret.to_owned());
        self.note(match ends {
            Some(ends) => format!(
                "signs with a previous secret too, which was to end at {ends}: remove it then"
            ),
            None => {
                "signs with a previous secret too: remove it when its receiver no longer needs it"
                    .to_owned()
            }
        });
    }

    /// The classes of failure that are tried again by this schedule: all but `never`.
    pub(super) fn retry(&mut self, waits: &[String], never: &[&str]) {
        let mut table = toml::Table::new();
        for class in ["default", "client", "redirect"] {
            if !never.contains(&class) {
                let list = waits.iter().cloned().map(toml::Value::String).collect();
                table.insert(class.to_owned(), toml::Value::Array(list));
            }
        }
        self.set("retry", table);
    }

    /// Sends in a number of seconds.
    pub(super) fn rate(&mut self, count: u64, seconds: u64) {
        let exact = [(1, "s"), (60, "min"), (3600, "h")]
            .into_iter()
            .find_map(|(each, unit)| {
                let total = count.checked_mul(each)?;
                (total % seconds == 0).then(|| format!("{}/{unit}", total / seconds))
            });
        let rate = exact.unwrap_or_else(|| {
            let an_hour = u128::from(count) * 3600 / u128::from(seconds);
            self.note(format!(
                "its rate of {count} in {seconds} s is no whole number an hour, and is rounded down"
            ));
            format!("{}/h", an_hour.max(1))
        });
        self.set("rate", rate);
    }

    /// The longest time of an attempt, within what can be set.
    pub(super) fn timeout(&mut self, seconds: u64) {
        let seconds = seconds.clamp(1, 900);
        self.set("timeout_total", Span::secs(seconds).to_string());
        self.set(
            "timeout_first_byte",
            Span::secs(seconds.min(600)).to_string(),
        );
    }

    /// Event types and the like: who may be sent what is the sender's to choose here.
    pub(super) fn note_filter(&mut self, what: &str, values: &[String]) {
        const SHOWN: usize = 5;
        if values.is_empty() {
            return;
        }
        let more = match values.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<_> = values.iter().take(SHOWN).map(String::as_str).collect();
        self.note(format!(
            "took only {what} {}{more}: send no others to its URL",
            shown.join(", ")
        ));
    }
}

/// Spans from seconds.
pub(super) fn seconds(all: &[u64]) -> Vec<String> {
    let span = |seconds: &u64| Span::secs(*seconds).to_string();
    all.iter().map(span).collect()
}

/// What a list of JSON values reads like.
pub(super) fn texts(items: &[serde_json::Value]) -> Vec<String> {
    let text = |item: &serde_json::Value| {
        item.as_str()
            .map_or_else(|| item.to_string(), str::to_owned)
    };
    items.iter().map(text).collect()
}
