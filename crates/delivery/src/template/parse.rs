//! From a text to a template.
//!
//! # Grammar
//! ```text
//! template  = *( text / "{{" / "}}" / macro / reference )
//! macro     = "{" name *( "|" filter [ ":" argument ] ) "}"
//! argument  = DQUOTE *( any / "\" DQUOTE / "\\" ) DQUOTE / *( any but "|" and "}" )
//! reference = "${" kind ":" place "}"
//! ```

use serde::de::IgnoredAny;

use super::error::{At, Invalid};
use super::escape::{Escape, component};
use super::filter::{FILTERS, Filter, Key, Make};
use super::json::{Follower, Stand};
use super::name::{Name, nearest};
use super::value::Value;
use super::{
    FILTERS_MAX, MACROS_MAX, Macro, Part, Place, Reveal, Scope, TEMPLATE_BYTES_MAX, Template,
};

/// Reads `text`.
pub(super) fn parse(
    text: &str,
    place: Place,
    scope: Scope,
    reveal: Reveal<'_>,
) -> Result<Template, Invalid> {
    let parser = Parser {
        text,
        at: 0,
        place,
        scope,
        reveal,
        parts: Vec::new(),
        literal: String::new(),
        holes: 0,
        secrets: Vec::new(),
        json: Follower::default(),
        is_in_query: false,
    };
    if text.len() > TEMPLATE_BYTES_MAX {
        let bytes = text.len();
        return Err(parser.invalid(
            0,
            format!("it has {bytes} bytes; a template has {TEMPLATE_BYTES_MAX} at most"),
        ));
    }
    parser.run()
}

struct Parser<'t> {
    text: &'t str,
    /// The byte that comes next.
    at: usize,
    place: Place,
    scope: Scope,
    reveal: Reveal<'t>,
    parts: Vec<Part>,
    /// Text since the last macro, as it will be written.
    literal: String,
    /// Macros and references so far.
    holes: usize,
    secrets: Vec<String>,
    json: Follower,
    /// In a URL, whether its path is over.
    is_in_query: bool,
}

impl<'t> Parser<'t> {
    fn run(mut self) -> Result<Template, Invalid> {
        loop {
            let rest = self.rest();
            let Some(stop) = rest.find(['{', '}', '$']) else {
                self.literally(rest)?;
                break;
            };
            let (before, from) = rest.split_at(stop);
            self.literally(before)?;
            self.at += stop;
            self.next(from)?;
        }
        if self.place == Place::Json
            && let Err(detail) = self.json.end()
        {
            return Err(self.invalid(
                0,
                format!("it would be no JSON whatever its macros give: {detail}; a brace itself is written `{{{{` or `}}}}`"),
            ));
        }
        self.end_literal();
        Ok(Template {
            parts: self.parts,
            secrets: self.secrets,
        })
    }

    /// Reads what begins with a brace or a dollar.
    fn next(&mut self, from: &'t str) -> Result<(), Invalid> {
        for (written, brace) in [("{{", "{"), ("}}", "}")] {
            if from.starts_with(written) {
                self.at += written.len();
                return self.literally(brace);
            }
        }
        if from.starts_with("${") {
            return self.reference();
        }
        if from.starts_with('$') {
            self.at += 1;
            return self.literally("$");
        }
        if from.starts_with('}') {
            return Err(self.invalid(
                self.at,
                "a `}` ends no macro; a brace itself is written `}}`",
            ));
        }
        self.macro_()
    }

    /// Text that is written as it is.
    fn literally(&mut self, text: &str) -> Result<(), Invalid> {
        match self.place {
            Place::Json => self.json.text(text),
            Place::Url => self.is_in_query |= text.contains(['?', '#']),
            Place::Header => {
                if let Some(at) = text.find(|c: char| c.is_ascii_control() && c != '\t') {
                    return Err(self.invalid(
                        self.at + at,
                        "a header holds no line end or other control character",
                    ));
                }
            }
            Place::Query => {
                self.literal.push_str(&component(text.as_bytes()));
                return Ok(());
            }
            Place::Form | Place::Raw => {}
        }
        self.literal.push_str(text);
        Ok(())
    }

    fn macro_(&mut self) -> Result<(), Invalid> {
        let begun = self.at;
        self.hole()?;
        self.at += 1;
        let name = self.until(begun, &['|', '}'])?;
        let name = Name::parse(name, self.scope).map_err(|detail| self.invalid(begun, detail))?;
        let mut filters = Vec::new();
        while self.eat('|') {
            if filters.len() == FILTERS_MAX {
                return Err(self.invalid(
                    self.at,
                    format!("a macro has {FILTERS_MAX} filters at most"),
                ));
            }
            filters.push(self.filter(begun)?);
        }
        if !self.eat('}') {
            return Err(self.invalid(
                begun,
                "the macro has no `}`; a brace itself is written `{{`",
            ));
        }
        let escape = self.escape(begun, &mut filters)?;
        self.end_literal();
        self.parts.push(Part::Macro(Box::new(Macro {
            name,
            filters,
            escape,
        })));
        Ok(())
    }

    fn filter(&mut self, begun: usize) -> Result<Filter, Invalid> {
        let at = self.at;
        let name = self.until(begun, &[':', '|', '}'])?;
        let Some((_, make)) = FILTERS.iter().find(|(known, _)| *known == name) else {
            let names = FILTERS.iter().map(|(name, _)| *name);
            return Err(self.invalid(
                at,
                format!("there is no filter `{name}`; {}", nearest(name, names)),
            ));
        };
        let argument = if self.eat(':') {
            Some(self.argument(begun)?)
        } else {
            None
        };
        match (make, argument) {
            (Make::Plain(make), None) => Ok(make()),
            (Make::Plain(_), Some(_)) => Err(self.invalid(
                at,
                format!("filter `{name}` takes no argument; write `|{name}`"),
            )),
            (Make::Keyed(make), Some((secret, _))) if !secret.is_empty() => {
                let value = self.reveal(at, &format!("secret:{secret}"))?;
                let made = make(Key::new(&value));
                self.secrets.push(value);
                Ok(made)
            }
            (Make::Keyed(_), _) => Err(self.invalid(
                at,
                format!("filter `{name}` takes the name of a secret, as in `|{name}:NAME`"),
            )),
            (Make::Valued(make), Some((text, true))) => Ok(make(Value::owned(text))),
            (Make::Valued(make), Some((text, false))) => self.bare(at, name, text).map(make),
            (Make::Valued(_), None) => Err(self.invalid(
                at,
                format!("filter `{name}` takes a value, as in `|{name}:\"x\"` or `|{name}:0`"),
            )),
        }
    }

    /// An argument without quotes: JSON as it is, so that a number stays one.
    fn bare(&self, at: usize, name: &str, text: String) -> Result<Value<'static>, Invalid> {
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(IgnoredAny) => Ok(Value::Json(text.into())),
            Err(_) => Err(self.invalid(
                at,
                format!("`{text}` is neither a text in quotes nor a number, `true`, `false` or `null`; write `|{name}:\"{text}\"`"),
            )),
        }
    }

    /// An argument, and whether it stood in quotes.
    fn argument(&mut self, begun: usize) -> Result<(String, bool), Invalid> {
        if !self.eat('"') {
            return Ok((self.until(begun, &['|', '}'])?.to_owned(), false));
        }
        let mut text = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok((text, true));
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    _ => {
                        return Err(self.invalid(
                            self.at + at,
                            "in quotes a `\\` stands before `\"` or `\\` alone",
                        ));
                    }
                },
                c => text.push(c),
            }
        }
        Err(self.invalid(begun, "the text in quotes has no end"))
    }

    /// `${…}`: a secret, which is escaped as a value is and never read as a template.
    fn reference(&mut self) -> Result<(), Invalid> {
        let begun = self.at;
        self.hole()?;
        let Some((reference, _)) = self.rest().get(2..).and_then(|rest| rest.split_once('}'))
        else {
            return Err(self.invalid(begun, "`${` begins a reference to a secret and has no `}`; a brace itself is written `{{`"));
        };
        let value = self.reveal(begun, reference)?;
        // All before it is the secret's own: a whole URL may be one.
        let is_whole_url = self.place == Place::Url && begun == 0;
        let escape = if is_whole_url {
            Escape::None
        } else {
            self.escape(begun, &mut Vec::new())?
        };
        self.at += reference.len() + 3;
        let mut written = Vec::new();
        let name = Name::Attribute(reference.into());
        escape
            .write(&Value::text(&value), &name, &mut written)
            .map_err(|_| self.invalid(begun, format!("the secret `{reference}` cannot stand here: it holds a control character, or is `..`")))?;
        let written = String::from_utf8(written)
            .map_err(|_| self.invalid(begun, "the secret is not UTF-8"))?;
        self.is_in_query |= is_whole_url && value.contains(['?', '#']);
        self.literal.push_str(&written);
        if written != value {
            self.secrets.push(written);
        }
        self.secrets.push(value);
        Ok(())
    }

    /// How a macro that begins at `begun` is escaped. What the last filter says of that goes.
    fn escape(&mut self, begun: usize, filters: &mut Vec<Filter>) -> Result<Escape, Invalid> {
        if filters
            .iter()
            .rev()
            .skip(1)
            .any(|filter| *filter == Filter::Raw)
        {
            return Err(self.invalid(begun, "`raw` says how the value is written; put it last"));
        }
        let is_raw = filters.last() == Some(&Filter::Raw);
        if is_raw {
            filters.pop();
        }
        let escape = match self.place {
            Place::Url if self.parts.is_empty() && self.literal.is_empty() && !is_raw => {
                return Err(self.invalid(begun, "at the beginning of a URL a value would be percent-encoded whole, its `://` too; end the macro with `|raw`"));
            }
            Place::Header => return Ok(Escape::Header),
            Place::Json => match self.json.stand(is_raw) {
                Stand::Escaped => {
                    return Err(self.invalid(begun, "a macro cannot stand behind a `\\`"));
                }
                Stand::Content => Escape::JsonContent,
                Stand::Whole => Escape::JsonValue,
            },
            Place::Url if !self.is_in_query => Escape::PathComponent,
            Place::Url | Place::Query => Escape::Component,
            Place::Form => Escape::Form,
            Place::Raw => Escape::None,
        };
        // `|url` says what is done here anyway; twice would be one too many.
        let encoding = match escape {
            Escape::Component | Escape::PathComponent => Some(escape),
            Escape::Form => Some(Escape::Component),
            _ => None,
        };
        if let Some(encoding) = encoding
            && filters.last() == Some(&Filter::Url)
        {
            filters.pop();
            return Ok(encoding);
        }
        Ok(if is_raw { Escape::None } else { escape })
    }

    fn reveal(&self, at: usize, reference: &str) -> Result<String, Invalid> {
        match (self.reveal)(reference) {
            Ok(value) if value.is_empty() => {
                Err(self.invalid(at, format!("the secret `{reference}` is empty")))
            }
            Ok(value) => Ok(value),
            Err(error) => Err(self.invalid(at, error.to_string())),
        }
    }

    /// Counts a macro or reference.
    fn hole(&mut self) -> Result<(), Invalid> {
        self.holes += 1;
        if self.holes > MACROS_MAX {
            return Err(self.invalid(
                self.at,
                format!("a template has {MACROS_MAX} macros and secrets at most"),
            ));
        }
        Ok(())
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let text = std::mem::take(&mut self.literal);
            self.parts.push(Part::Text(text.into()));
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn eat(&mut self, c: char) -> bool {
        let is_next = self.rest().starts_with(c);
        if is_next {
            self.at += c.len_utf8();
        }
        is_next
    }

    /// What stands before one of `ends`.
    fn until(&mut self, begun: usize, ends: &[char]) -> Result<&'t str, Invalid> {
        let rest = self.rest();
        match rest.find(ends) {
            Some(end) => {
                self.at += end;
                Ok(rest.get(..end).unwrap_or(""))
            }
            None => Err(self.invalid(
                begun,
                "the macro has no `}`; a brace itself is written `{{`",
            )),
        }
    }

    fn invalid(&self, at: usize, detail: impl Into<String>) -> Invalid {
        Invalid {
            detail: detail.into(),
            at: At::of(self.text, at),
        }
    }
}
