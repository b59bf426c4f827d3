//! A statement as a page for people: one file without anything from elsewhere, that prints well, with the signed document in it.

use serde_json::Value;

use super::rows::{BALANCE, HEAD, classes, equation, list, route_name, text};
use super::{Signed, canonical};
use crate::output;

const BEGIN: &str = "<script type=\"application/json\" id=\"statement\">";
const END: &str = "</script>";

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#111;background:#fff}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse;width:100%;margin:.6em 0}\
th,td{border:1px solid #bbb;padding:.25em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}thead{background:#eee;display:table-header-group}\
tr{break-inside:avoid}.note{color:#444}.open{font-weight:bold}code{font-size:.85em;overflow-wrap:anywhere}\
@media print{body{margin:0;max-width:none}h2{break-after:avoid}}@page{margin:15mm}";

pub(crate) fn write(signed: &Signed) -> String {
    let statement = &signed.statement;
    let day = |pointer: &str| escape(text(statement, pointer).get(..10).unwrap_or_default());
    let title = format!(
        "Statement of notifications, {} to {}",
        day("/from"),
        day("/to")
    );
    let sections: String = list(statement, "routes").iter().map(section).collect();
    let document = serde_json::to_value(signed).unwrap_or_default();
    // Within a script nothing ends it but `</`; in JSON `<` is as good as written out.
    let document = String::from_utf8_lossy(&canonical(&document)).replace('<', "\\u003c");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n<p>Both days at 00:00 UTC; the last is not in it.</p>\n{state}\n{head}\n{sections}{signature}\n{BEGIN}{document}{END}\n</body></html>",
        state = state(statement),
        head = head(statement),
        signature = signature(signed),
    )
}

/// The document in a page that [`write`] made; `None` where this is none.
pub(crate) fn document(text: &str) -> Option<&str> {
    text.strip_prefix("<!DOCTYPE html>")?;
    let (_, behind) = text.rsplit_once(BEGIN)?;
    behind.split_once(END).map(|(document, _)| document)
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether it will change, in words.
fn state(statement: &Value) -> String {
    let is = |name: &str| statement.get(name) == Some(&Value::Bool(true));
    let open = statement.get("open").and_then(Value::as_u64).unwrap_or(0);
    let closed = match (is("is_closed"), is("is_over")) {
        (true, _) => "Closed: all that was accepted has come to its end.".to_owned(),
        (false, true) => format!(
            "Not closed: {} still open.",
            output::of(open, "notification")
        ),
        (false, false) => format!(
            "Not over: the period goes on, {} open.",
            output::of(open, "notification")
        ),
    };
    let balanced = if is("is_balanced") {
        "It balances."
    } else {
        "IT DOES NOT BALANCE."
    };
    format!("<p class=\"open\">{closed} {balanced}</p>")
}

fn head(statement: &Value) -> String {
    let mut rows = String::new();
    let names = HEAD.iter().filter(|name| **name != "counting");
    let more = [
        "chosen/route",
        "chosen/destination",
        "previous/from",
        "previous/counts_sha256",
    ];
    for name in names.copied().chain(more) {
        let value = text(statement, &format!("/{name}"));
        if !value.is_empty() {
            let name = name.replace(['_', '/'], " ");
            rows.push_str(&format!(
                "<tr><th>{name}</th><td>{}</td></tr>\n",
                escape(&value)
            ));
        }
    }
    let counting = escape(&text(statement, "/counting"));
    format!("<table>{rows}</table>\n<p class=\"note\">{counting}</p>")
}

fn section(section: &Value) -> String {
    let balance = |name: &str| section.pointer(&format!("/balance/{name}"));
    let number = |name: &str| shown(balance(name));
    let cells: String = BALANCE
        .iter()
        .map(|name| {
            format!(
                "<tr><th>{}</th><td class=\"n\">{}</td></tr>\n",
                name.replace('_', " "),
                number(name)
            )
        })
        .collect();
    let equation = equation(number);
    let destinations: String = list(section, "destinations")
        .iter()
        .map(destination)
        .collect();
    format!(
        "<h2>Route {route} <small>(queue {queue})</small></h2>\n<p>{equation}</p>\n\
         <table><thead><tr><th>destination</th><th class=\"n\">ended</th><th class=\"n\">delivered</th><th class=\"n\">failed</th>\
         <th>by class</th><th class=\"n\">expired</th><th class=\"n\">attempts</th></tr></thead>\n<tbody>{destinations}</tbody></table>\n\
         <table>{cells}</table>\n",
        route = escape(&route_name(section)),
        queue = escape(&text(section, "/queue")),
    )
}

fn destination(one: &Value) -> String {
    let number = |name: &str| shown(one.get(name));
    let classes: Vec<String> = classes(one)
        .into_iter()
        .map(|(name, count)| format!("{} {count}", escape(&name)))
        .collect();
    format!(
        "<tr><td>{name}</td><td class=\"n\">{ended}</td><td class=\"n\">{delivered}</td><td class=\"n\">{failed}</td><td>{classes}</td>\
         <td class=\"n\">{expired}</td><td class=\"n\">{attempts}</td></tr>\n",
        name = escape(&text(one, "/destination")),
        ended = number("ended"),
        delivered = number("delivered"),
        failed = number("failed"),
        classes = classes.join(", "),
        expired = number("expired"),
        attempts = number("attempts"),
    )
}

/// A count with thousands apart, and anything else as it is.
fn shown(value: Option<&Value>) -> String {
    match value {
        Some(value) => value
            .as_u64()
            .map_or_else(|| escape(&value.to_string()), output::count),
        None => String::new(),
    }
}

fn signature(signed: &Signed) -> String {
    let signature = &signed.signature;
    let rows: String = [
        ("algorithm", &signature.algorithm),
        ("public key", &signature.public_key),
        ("signature", &signature.value),
        ("SHA-256 of what was signed", &signature.sha256),
    ]
    .iter()
    .map(|(name, value)| {
        format!(
            "<tr><th>{name}</th><td><code>{}</code></td></tr>\n",
            escape(value)
        )
    })
    .collect();
    format!(
        "<h2>Signature</h2>\n<table>{rows}</table>\n<p class=\"note\">This file holds the signed document. To check it and this page: \
         <code>shukuba statement verify FILE --key PUBLIC-KEY</code>, with the key that its maker gave you by another way.</p>"
    )
}
