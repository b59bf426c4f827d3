//! What changed from one body to another, by widget, for people.
//!
//! A widget is known again by its title, or, where the title changed, by what it shows or where it stands.

use std::collections::BTreeSet;
use std::fmt;

use super::body::{Body, Widget};
use super::row::Source;
use super::widget::{Content, Graph};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A widget that was not there.
    Added(String),
    /// A widget that is not there any more.
    Removed(String),
    /// A widget that became other.
    Changed {
        /// Its title before.
        widget: String,
        /// What of it, such as `size 6x6 -> 12x6`.
        what: Vec<String>,
    },
    /// Something of the whole dashboard, such as `start -PT3H -> -PT6H`.
    Whole(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(widget) => write!(f, "+ {widget}"),
            Self::Removed(widget) => write!(f, "- {widget}"),
            Self::Whole(what) => write!(f, "~ dashboard: {what}"),
            Self::Changed { widget, what } => write!(f, "~ {widget}: {}", what.join("; ")),
        }
    }
}

/// The changes from `old` to `new`; one a line when shown.
#[must_use]
pub fn diff(old: &Body, new: &Body) -> Vec<Change> {
    let mut changes: Vec<Change> = whole(old, new).into_iter().map(Change::Whole).collect();
    let mut left: Vec<&Widget> = old.widgets.iter().collect();
    let mut met: Vec<(&Widget, Option<&Widget>)> =
        new.widgets.iter().map(|it| (it, None)).collect();
    for is_same in [alike, same_title, same_rows, same_place] {
        for (widget, before) in met.iter_mut().filter(|(_, before)| before.is_none()) {
            let found = left.iter().position(|old| is_same(old, widget));
            *before = found.map(|index| left.swap_remove(index));
        }
    }
    for (widget, before) in met {
        match before {
            None => changes.push(Change::Added(name(widget))),
            Some(before) => changes.extend(changed(before, widget)),
        }
    }
    let gone = old
        .widgets
        .iter()
        .filter(|it| left.iter().any(|left| std::ptr::eq(*left, *it)));
    changes.extend(gone.map(|widget| Change::Removed(name(widget))));
    changes
}

fn alike(old: &Widget, new: &Widget) -> bool {
    old == new
}

fn same_title(old: &Widget, new: &Widget) -> bool {
    let title = new.content.title();
    !title.is_empty() && title == old.content.title()
}

fn same_rows(old: &Widget, new: &Widget) -> bool {
    match (&old.content, &new.content) {
        (Content::Graph(old), Content::Graph(new)) => !new.rows.is_empty() && old.rows == new.rows,
        (old, new) => old == new,
    }
}

fn same_place(old: &Widget, new: &Widget) -> bool {
    old.area == new.area && old.content.kind() == new.content.kind()
}

fn whole(old: &Body, new: &Body) -> Vec<String> {
    let mut what = Vec::new();
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    step(&mut what, "start", said(&old.start), said(&new.start));
    step(&mut what, "end", said(&old.end), said(&new.end));
    let periods = |body: &Body| {
        if body.keeps_periods {
            "inherit"
        } else {
            "auto"
        }
        .to_owned()
    };
    step(&mut what, "periodOverride", periods(old), periods(new));
    what
}

fn step(what: &mut Vec<String>, name: &str, old: String, new: String) {
    if old != new {
        what.push(format!("{name} {old} -> {new}"));
    }
}

fn changed(old: &Widget, new: &Widget) -> Option<Change> {
    let mut what = Vec::new();
    let quoted = |widget: &Widget| format!("`{}`", widget.content.title());
    step(&mut what, "title", quoted(old), quoted(new));
    let size = |widget: &Widget| format!("{}x{}", widget.area.width, widget.area.height);
    step(&mut what, "size", size(old), size(new));
    let place = |widget: &Widget| format!("{},{}", widget.area.x, widget.area.y);
    step(&mut what, "place", place(old), place(new));
    step(
        &mut what,
        "type",
        old.content.kind().to_owned(),
        new.content.kind().to_owned(),
    );
    if let (Content::Graph(old), Content::Graph(new)) = (&old.content, &new.content) {
        graph(&mut what, old, new);
    } else if what.is_empty() && old.content != new.content {
        what.push("its text or properties".to_owned());
    }
    (!what.is_empty()).then(|| Change::Changed {
        widget: name(old),
        what,
    })
}

fn graph(what: &mut Vec<String>, old: &Graph, new: &Graph) {
    let before = what.len();
    let (had, has) = (sources(old), sources(new));
    what.extend(has.difference(&had).map(|it| format!("+ {it}")));
    what.extend(had.difference(&has).map(|it| format!("- {it}")));
    step(
        what,
        "view",
        format!("{:?}", old.view),
        format!("{:?}", new.view),
    );
    step(
        what,
        "stat",
        old.statistic.to_string(),
        new.statistic.to_string(),
    );
    let period = |graph: &Graph| {
        graph
            .period_secs
            .map_or_else(|| "none".to_owned(), |secs| format!("{secs}s"))
    };
    step(what, "period", period(old), period(new));
    let same_title = Graph {
        title: new.title.clone(),
        ..old.clone()
    };
    if what.len() == before && same_title != *new {
        what.push("its other properties".to_owned());
    }
}

fn sources(graph: &Graph) -> BTreeSet<String> {
    let shown = |source: &Source| match source {
        Source::Metric(identity) => identity.to_string(),
        Source::Expression(text) => format!("`{text}`"),
    };
    graph.rows.iter().map(|row| shown(&row.source)).collect()
}

fn name(widget: &Widget) -> String {
    let (kind, area) = (widget.content.kind(), widget.area);
    match widget.content.title() {
        "" => format!("{kind} at {},{}", area.x, area.y),
        title => format!("{kind} `{title}`"),
    }
}
