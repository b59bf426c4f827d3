//! Reads a query of Metrics Insights.
//!
//! ```text
//! query = "SELECT" function "(" name ")" "FROM" (name | "SCHEMA" "(" name ("," name)* ")")
//!         ("WHERE" name ("=" | "!=") text ("AND" name ("=" | "!=") text)*)?
//!         ("GROUP" "BY" name ("," name)*)?
//!         ("ORDER" "BY" function "(" ")" ("ASC" | "DESC")?)?
//!         ("LIMIT" number)?
//! name  = letters, digits, `_`, `.`, or anything in `"`        text = anything in `'`
//! ```
//!
//! Words are read in any case.

use super::{Condition, Error, Order, Over, Select};
use crate::math::SERIES_MAX;

pub(super) fn parse(text: &str) -> Result<Select, Error> {
    let mut reader = Reader { text, rest: text };
    reader.word("SELECT")?;
    let function = reader.function()?;
    reader.sign("(")?;
    let metric = reader.name()?;
    reader.sign(")")?;
    reader.word("FROM")?;
    let (namespace, schema) = reader.source()?;
    let mut conditions = Vec::new();
    if reader.takes_word("WHERE") {
        conditions.push(reader.condition()?);
        while reader.takes_word("AND") {
            conditions.push(reader.condition()?);
        }
    }
    let mut group_by = Vec::new();
    if reader.takes_word("GROUP") {
        reader.word("BY")?;
        group_by = reader.names()?;
    }
    let order_by = reader.order()?;
    let limit = match reader.takes_word("LIMIT") {
        true => reader.limit()?,
        false => SERIES_MAX,
    };
    if !reader.rest.trim_start().is_empty() {
        return Err(reader.expected("the end"));
    }
    Ok(Select {
        function,
        metric,
        namespace,
        schema,
        conditions,
        group_by,
        order_by,
        limit,
    })
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &'static str) -> Error {
        let rest = self.rest.trim_start();
        let found = rest.split_whitespace().next();
        Error {
            expected,
            found: found.map_or_else(|| "the end".to_owned(), |word| format!("`{word}`")),
            at: 1 + self.text.chars().count() - rest.chars().count(),
        }
    }

    fn takes(&mut self, sign: &str) -> bool {
        let behind = self.rest.trim_start().strip_prefix(sign);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), Error> {
        match self.takes(sign) {
            true => Ok(()),
            false => Err(self.expected(sign)),
        }
    }

    /// The bare word that comes next, and what is behind it.
    fn bare(&self) -> Option<(&'a str, &'a str)> {
        let rest = self.rest.trim_start();
        let is_end = |letter: char| !(letter.is_alphanumeric() || "_.".contains(letter));
        let end = rest.find(is_end).unwrap_or(rest.len());
        rest.split_at_checked(end)
            .filter(|(word, _)| !word.is_empty())
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = self
            .bare()
            .filter(|(bare, _)| bare.eq_ignore_ascii_case(word));
        self.rest = found.map_or(self.rest, |(_, behind)| behind);
        found.is_some()
    }

    fn word(&mut self, word: &'static str) -> Result<(), Error> {
        match self.takes_word(word) {
            true => Ok(()),
            false => Err(self.expected(word)),
        }
    }

    fn name(&mut self) -> Result<String, Error> {
        if let Some(name) = self.quoted('"') {
            return Ok(name);
        }
        let (name, behind) = self.bare().ok_or_else(|| self.expected("a name"))?;
        self.rest = behind;
        Ok(name.to_owned())
    }

    fn names(&mut self) -> Result<Vec<String>, Error> {
        let mut names = vec![self.name()?];
        while self.takes(",") {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let inner = self.rest.trim_start().strip_prefix(quote)?;
        let (text, behind) = inner.split_once(quote)?;
        self.rest = behind;
        Some(text.to_owned())
    }

    fn function(&mut self) -> Result<Over, Error> {
        for (name, function) in [
            ("AVG", Over::Avg),
            ("COUNT", Over::Count),
            ("MAX", Over::Max),
            ("MIN", Over::Min),
            ("SUM", Over::Sum),
        ] {
            if self.takes_word(name) {
                return Ok(function);
            }
        }
        Err(self.expected("one of AVG, COUNT, MAX, MIN and SUM"))
    }

    /// The namespace, and the dimensions of a schema.
    fn source(&mut self) -> Result<(String, Option<Vec<String>>), Error> {
        if !self.takes_word("SCHEMA") {
            return Ok((self.name()?, None));
        }
        self.sign("(")?;
        let namespace = self.name()?;
        let mut dimensions = match self.takes(",") {
            true => self.names()?,
            false => Vec::new(),
        };
        self.sign(")")?;
        dimensions.sort_unstable();
        Ok((namespace, Some(dimensions)))
    }

    fn condition(&mut self) -> Result<Condition, Error> {
        let key = self.name()?;
        let is_equal = self.takes("=");
        if !is_equal && !self.takes("!=") {
            return Err(self.expected("`=` or `!=`"));
        }
        let value = self.quoted('\'');
        let value = value.ok_or_else(|| self.expected("a text in single quotes"))?;
        Ok(Condition {
            key,
            value,
            is_equal,
        })
    }

    fn order(&mut self) -> Result<Option<(Over, Order)>, Error> {
        if !self.takes_word("ORDER") {
            return Ok(None);
        }
        self.word("BY")?;
        let function = self.function()?;
        self.sign("(")?;
        self.sign(")")?;
        let order = match self.takes_word("DESC") {
            true => Order::Descending,
            false => {
                self.takes_word("ASC");
                Order::Ascending
            }
        };
        Ok(Some((function, order)))
    }

    fn limit(&mut self) -> Result<usize, Error> {
        let found = self.bare().and_then(|(word, behind)| {
            let limit = word.parse().ok()?;
            (1..=SERIES_MAX).contains(&limit).then_some((limit, behind))
        });
        let (limit, behind) = found.ok_or_else(|| self.expected("a number from 1 to 500"))?;
        self.rest = behind;
        Ok(limit)
    }
}
