//! Reads the text of a search, and asks it of a metric.
//!
//! ```text
//! text   = ("{" name ("," name)* "}" ","?)? or?
//! or     = and ("OR" and)*
//! and    = not ("AND"? not)*
//! not    = "NOT" not | "(" or ")" | (name "=")? values
//! values = name | "(" name ("OR" name)* ")"          the second behind "=" only
//! name   = '"' … '"' | letters other than space ( ) = "
//! ```

use super::tokens::Term;
use super::{Error, SEARCH_CHARS_MAX, Terms};
use crate::math::DEPTH_MAX;
use crate::metric::Identity;

/// `{AWS/EC2,InstanceId}`: the namespace and exactly these dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schema {
    pub(super) namespace: String,
    /// Sorted.
    dimensions: Vec<String>,
}

/// What must be so of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Has(Property, Wanted),
}

/// Which of a metric's texts is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Property {
    Any,
    MetricName,
    Namespace,
    Dimension(String),
}

/// What is looked for in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Exactly(String),
    Part(Term),
}

impl Schema {
    pub(super) fn has(&self, metric: &Identity) -> bool {
        let dimensions = metric.dimensions().iter().map(|dimension| &dimension.name);
        self.namespace == metric.namespace && dimensions.eq(&self.dimensions)
    }
}

impl Condition {
    pub(super) fn has(&self, metric: &Identity) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|it| it.has(metric)),
            Self::Any(conditions) => conditions.iter().any(|it| it.has(metric)),
            Self::Not(condition) => !condition.has(metric),
            Self::Has(property, wanted) => property.texts(metric).any(|text| wanted.is(text)),
        }
    }
}

impl Property {
    fn named(name: &str) -> Self {
        match name {
            "MetricName" => Self::MetricName,
            "Namespace" => Self::Namespace,
            dimension => Self::Dimension(dimension.to_owned()),
        }
    }

    fn texts<'a>(&'a self, metric: &'a Identity) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::MetricName => Box::new(std::iter::once(metric.name.as_str())),
            Self::Namespace => Box::new(std::iter::once(metric.namespace.as_str())),
            Self::Dimension(name) => Box::new(metric.dimension(name).into_iter()),
            Self::Any => {
                let dimensions = metric.dimensions().iter();
                let dimensions = dimensions.flat_map(|it| [it.name.as_str(), it.value.as_str()]);
                let own = [metric.name.as_str(), metric.namespace.as_str()];
                Box::new(own.into_iter().chain(dimensions))
            }
        }
    }
}

impl Wanted {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Part(term) => term.is_in(text),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Terms, Error> {
    if text.chars().count() > SEARCH_CHARS_MAX {
        return Err(Error::Length);
    }
    let (schema, text) = schema(text)?;
    let words = words(text)?;
    let mut reader = Reader {
        rest: &words,
        depth: 0,
    };
    let condition = match words.is_empty() {
        true => None,
        false => Some(reader.any()?),
    };
    match (&schema, &condition) {
        (None, None) => Err(Error::Empty),
        _ if reader.rest.is_empty() => Ok(Terms { schema, condition }),
        _ => Err(reader.expected("a term")),
    }
}

/// The schema at the beginning, and the text behind it.
fn schema(text: &str) -> Result<(Option<Schema>, &str), Error> {
    let Some(mut rest) = text.trim_start().strip_prefix('{') else {
        return Ok((None, text));
    };
    let mut names = Vec::new();
    loop {
        rest = rest.trim_start();
        let name = match rest.strip_prefix('"') {
            Some(inner) => {
                let (name, behind) = quoted(inner)?;
                rest = behind;
                name
            }
            None => {
                let end = rest.find([',', '}', '{', '"', '=']).ok_or(Error::Schema)?;
                let name = rest.get(..end).unwrap_or_default().trim();
                rest = rest.get(end..).unwrap_or_default();
                name.to_owned()
            }
        };
        if name.is_empty() {
            return Err(Error::Schema);
        }
        names.push(name);
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            let behind = behind.trim_start();
            rest = behind.strip_prefix(',').unwrap_or(behind);
            break;
        }
        rest = rest.strip_prefix(',').ok_or(Error::Schema)?;
    }
    let namespace = names.remove(0);
    names.sort_unstable();
    let dimensions = names;
    let schema = Schema {
        namespace,
        dimensions,
    };
    Ok((Some(schema), rest))
}

/// The text up to the closing quote, without backslashes, and what is behind it.
fn quoted(inner: &str) -> Result<(String, &str), Error> {
    let mut name = String::new();
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((name, inner.get(at + 1..).unwrap_or_default())),
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            letter => name.push(letter),
        }
    }
    Err(Error::OpenText)
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Open,
    Close,
    Is,
    Exactly(String),
    Bare(String),
}

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Is => "`=`".to_owned(),
            Self::Exactly(text) | Self::Bare(text) => format!("`{text}`"),
        }
    }
}

fn words(text: &str) -> Result<Vec<Word>, Error> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let behind = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '(' => pushed(&mut words, Word::Open, behind),
            ')' => pushed(&mut words, Word::Close, behind),
            '=' => pushed(&mut words, Word::Is, behind),
            '"' => {
                let (name, behind) = quoted(behind)?;
                pushed(&mut words, Word::Exactly(name), behind)
            }
            _ => {
                let is_end = |letter: char| letter.is_whitespace() || "()=\"".contains(letter);
                let end = rest.find(is_end).unwrap_or(rest.len());
                let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
                pushed(&mut words, Word::Bare(name.to_owned()), behind)
            }
        }
        .trim_start();
    }
    Ok(words)
}

fn pushed<'a>(words: &mut Vec<Word>, word: Word, behind: &'a str) -> &'a str {
    words.push(word);
    behind
}

struct Reader<'a> {
    rest: &'a [Word],
    depth: usize,
}

impl Reader<'_> {
    fn step(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn take(&mut self, wanted: &Word) -> bool {
        let is_there = self.rest.first() == Some(wanted);
        if is_there {
            self.step();
        }
        is_there
    }

    fn takes(&mut self, operator: &str) -> bool {
        self.take(&Word::Bare(operator.to_owned()))
    }

    fn expected(&self, expected: &'static str) -> Error {
        let found = self.rest.first();
        let found = found.map_or_else(|| "the end".to_owned(), Word::shown);
        Error::Expected { expected, found }
    }

    fn any(&mut self) -> Result<Condition, Error> {
        let mut conditions = vec![self.all()?];
        while self.takes("OR") {
            conditions.push(self.all()?);
        }
        Ok(Condition::Any(conditions))
    }

    fn all(&mut self) -> Result<Condition, Error> {
        let mut conditions = vec![self.one()?];
        loop {
            let is_end = match self.rest.first() {
                None | Some(Word::Close) => true,
                Some(Word::Bare(word)) => word == "OR",
                Some(_) => false,
            };
            if is_end {
                return Ok(Condition::All(conditions));
            }
            self.takes("AND");
            conditions.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Condition, Error> {
        if self.takes("NOT") {
            let inner = self.deeper(Self::one)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.take(&Word::Open) {
            let inner = self.deeper(Self::any)?;
            return self.closed(inner);
        }
        let is_designated = self.rest.get(1) == Some(&Word::Is);
        if !is_designated {
            return self.wanted(&Property::Any);
        }
        let property = match self.rest.first() {
            Some(Word::Exactly(name) | Word::Bare(name)) => Property::named(name),
            _ => return Err(self.expected("a term")),
        };
        self.step();
        self.step();
        if !self.take(&Word::Open) {
            return self.wanted(&property);
        }
        let mut conditions = vec![self.wanted(&property)?];
        while self.takes("OR") {
            conditions.push(self.wanted(&property)?);
        }
        self.closed(Condition::Any(conditions))
    }

    fn closed(&mut self, inner: Condition) -> Result<Condition, Error> {
        match self.take(&Word::Close) {
            true => Ok(inner),
            false => Err(self.expected("`)`")),
        }
    }

    fn wanted(&mut self, property: &Property) -> Result<Condition, Error> {
        let wanted = match self.rest.first() {
            Some(Word::Exactly(text)) => Wanted::Exactly(text.clone()),
            Some(Word::Bare(word)) if !["AND", "OR", "NOT"].contains(&word.as_str()) => {
                let term = Term::of(word).ok_or_else(|| self.expected("a letter or a digit"))?;
                Wanted::Part(term)
            }
            _ => return Err(self.expected("a term")),
        };
        self.step();
        Ok(Condition::Has(property.clone(), wanted))
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Condition, Error>,
    ) -> Result<Condition, Error> {
        if self.depth >= DEPTH_MAX {
            return Err(Error::Depth);
        }
        self.depth += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }
}
