//! The document as rows, in the order in which people read it.

use serde_json::Value;

use super::Signed;

/// One value of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// `statement`, `balance`, `destination` or `signature`.
    pub(crate) part: &'static str,
    pub(crate) route: String,
    pub(crate) destination: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What is said of the whole.
pub(crate) const HEAD: [&str; 15] = [
    "account",
    "from",
    "to",
    "time_zone",
    "is_closed",
    "is_over",
    "open",
    "is_balanced",
    "classes_known_since",
    "made_at",
    "software",
    "ledger_position",
    "counts_sha256",
    "kind",
    "counting",
];

/// The members of a balance.
pub(crate) const BALANCE: [&str; 14] = [
    "sent",
    "moved_in",
    "replayed",
    "corrected",
    "accepted",
    "delivered",
    "failed",
    "expired",
    "taken",
    "purged",
    "moved_out",
    "open",
    "lost",
    "is_balanced",
];

/// The members of a destination, without its failures by class.
pub(crate) const DESTINATION: [&str; 5] = ["ended", "delivered", "failed", "expired", "attempts"];

/// A value as it is written; nothing for none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The elements of a list.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let found = value.get(name).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// The balance of a route as an equation, each number written by `number`.
pub(crate) fn equation(number: impl Fn(&str) -> String) -> String {
    format!(
        "accepted {} = delivered {} + failed {} + expired {} + taken {} + purged {} + moved out {} + open {}",
        number("accepted"),
        number("delivered"),
        number("failed"),
        number("expired"),
        number("taken"),
        number("purged"),
        number("moved_out"),
        number("open"),
    )
}

/// What a section is called: its route, or its queue where that has no route any more.
pub(crate) fn route_name(section: &Value) -> String {
    match text(section, "/route") {
        name if name.is_empty() => text(section, "/queue"),
        name => name,
    }
}

/// Failures by class, in order of name.
pub(crate) fn classes(destination: &Value) -> Vec<(String, String)> {
    let found = destination
        .get("failed_by_class")
        .and_then(Value::as_object);
    let counts = found.into_iter().flatten();
    counts
        .map(|(name, count)| (name.clone(), count.to_string()))
        .collect()
}

/// All of a statement.
pub(crate) fn rows(signed: &Signed) -> Vec<Row> {
    let statement = &signed.statement;
    let whole = |name: &str, pointer: &str| Row {
        part: "statement",
        route: String::new(),
        destination: String::new(),
        name: name.to_owned(),
        value: text(statement, pointer),
    };
    let mut rows: Vec<Row> = HEAD
        .iter()
        .map(|name| whole(name, &format!("/{name}")))
        .collect();
    for (name, pointer) in [
        ("chosen_route", "/chosen/route"),
        ("chosen_destination", "/chosen/destination"),
        ("previous_from", "/previous/from"),
        ("previous_counts_sha256", "/previous/counts_sha256"),
    ] {
        rows.push(whole(name, pointer));
    }
    for section in list(statement, "routes") {
        put_section(&mut rows, section);
    }
    let signature = &signed.signature;
    for (name, value) in [
        ("algorithm", &signature.algorithm),
        ("public_key", &signature.public_key),
        ("sha256", &signature.sha256),
        ("value", &signature.value),
    ] {
        rows.push(Row {
            part: "signature",
            value: value.clone(),
            ..whole(name, "")
        });
    }
    rows
}

fn put_section(rows: &mut Vec<Row>, section: &Value) {
    let route = route_name(section);
    rows.extend(BALANCE.iter().map(|name| Row {
        part: "balance",
        route: route.clone(),
        destination: String::new(),
        name: (*name).to_owned(),
        value: text(section, &format!("/balance/{name}")),
    }));
    for one in list(section, "destinations") {
        let row = |name: String, value: String| Row {
            part: "destination",
            route: route.clone(),
            destination: text(one, "/destination"),
            name,
            value,
        };
        let counts = DESTINATION.iter();
        rows.extend(counts.map(|name| row((*name).to_owned(), text(one, &format!("/{name}")))));
        let classes = classes(one).into_iter();
        rows.extend(classes.map(|(name, count)| row(format!("failed_{name}"), count)));
    }
}
