//! Reads the text of a rule: by descent, with a bound on its depth.

use super::super::state::State;
use super::{AtLeast, ELEMENTS_MAX, Expression, Wrong};

/// Parentheses within each other. Chosen: below half of [`ELEMENTS_MAX`], so that a rule cannot use up the stack.
const DEPTH_MAX: usize = 200;

/// Reads a rule.
pub(super) fn parse(text: &str) -> Result<Expression, Wrong> {
    let mut parser = Parser {
        text,
        at: 0,
        elements: 0,
        depth: 0,
    };
    let expression = parser.either()?;
    parser.blanks();
    match parser.rest().is_empty() {
        true => Ok(expression),
        false => Err(parser.wrong("AND, OR or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes that were read.
    at: usize,
    elements: usize,
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Expression, Wrong> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.word("OR") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn all(&mut self) -> Result<Expression, Wrong> {
        let first = self.negated()?;
        let mut parts = vec![first];
        while self.word("AND") {
            parts.push(self.negated()?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn negated(&mut self) -> Result<Expression, Wrong> {
        let mut is_negated = false;
        while self.word("NOT") {
            is_negated = !is_negated;
        }
        let of = self.single()?;
        Ok(match is_negated {
            true => Expression::Not(Box::new(of)),
            false => of,
        })
    }

    fn single(&mut self) -> Result<Expression, Wrong> {
        if self.sign('(') {
            return self.inner();
        }
        if self.word("TRUE") {
            self.element()?;
            return Ok(Expression::Constant(true));
        }
        if self.word("FALSE") {
            self.element()?;
            return Ok(Expression::Constant(false));
        }
        if self.word("AT_LEAST") {
            return self.at_least();
        }
        let Some(state) = self.state() else {
            return Err(
                self.wrong("ALARM(, OK(, INSUFFICIENT_DATA(, AT_LEAST(, TRUE, FALSE, NOT or (")
            );
        };
        self.open()?;
        let alarm = self.name(&[')'])?;
        self.close()?;
        self.element()?;
        Ok(Expression::Is { state, alarm })
    }

    fn inner(&mut self) -> Result<Expression, Wrong> {
        self.element()?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("fewer parentheses"));
        }
        let of = self.either()?;
        self.close()?;
        self.depth -= 1;
        Ok(of)
    }

    /// `(2, NOT ALARM, (a, b))`.
    fn at_least(&mut self) -> Result<Expression, Wrong> {
        self.open()?;
        let (number, is_percent) = self.number()?;
        self.comma()?;
        let is_negated = self.word("NOT");
        let Some(state) = self.state() else {
            return Err(self.wrong("ALARM, OK or INSUFFICIENT_DATA"));
        };
        self.comma()?;
        self.open()?;
        let mut alarms = Vec::new();
        loop {
            alarms.push(self.name(&[',', ')'])?);
            self.element()?;
            if !self.sign(',') {
                break;
            }
        }
        self.close()?;
        self.close()?;
        let is_right = number >= 1 && number <= if is_percent { 100 } else { alarms.len() };
        if !is_right {
            return Err(self.wrong("AT_LEAST of 1 to as many alarms as it names, or 1% to 100%,"));
        }
        let count = match is_percent {
            true => (number * alarms.len()).div_ceil(100),
            false => number,
        };
        Ok(Expression::AtLeast(AtLeast {
            count,
            state,
            is_negated,
            alarms,
        }))
    }

    fn state(&mut self) -> Option<State> {
        [State::Alarm, State::Ok, State::InsufficientData]
            .into_iter()
            .find(|state| self.word(state.as_str()))
    }

    fn number(&mut self) -> Result<(usize, bool), Wrong> {
        self.blanks();
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest().get(..digits).and_then(|text| text.parse().ok());
        let Some(number) = number.filter(|_| digits <= 3) else {
            return Err(self.wrong("a number"));
        };
        self.at += digits;
        Ok((number, self.sign('%')))
    }

    /// A name in quotes, or up to one of `ends`.
    fn name(&mut self, ends: &[char]) -> Result<String, Wrong> {
        if self.sign('"') {
            return self.quoted();
        }
        self.blanks();
        let rest = self.rest();
        let length = rest.find(ends).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default().trim_end();
        if name.is_empty() || name.contains('"') || name.contains('(') {
            return Err(self.wrong("the name or ARN of an alarm"));
        }
        let name = name.to_owned();
        self.at += length;
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, Wrong> {
        let mut name = String::new();
        let mut is_escaped = false;
        for (index, letter) in self.rest().char_indices() {
            match letter {
                '\\' if !is_escaped => is_escaped = true,
                '"' if !is_escaped && !name.is_empty() => {
                    self.at += index + 1;
                    return Ok(name);
                }
                '"' if !is_escaped => break,
                _ => {
                    if is_escaped && letter != '"' && letter != '\\' {
                        name.push('\\');
                    }
                    name.push(letter);
                    is_escaped = false;
                }
            }
        }
        Err(self.wrong("the name or ARN of an alarm, and a double quote"))
    }

    fn open(&mut self) -> Result<(), Wrong> {
        self.must('(', "(")
    }

    fn close(&mut self) -> Result<(), Wrong> {
        self.must(')', ")")
    }

    fn comma(&mut self) -> Result<(), Wrong> {
        self.must(',', "a comma")
    }

    fn must(&mut self, sign: char, expected: &'static str) -> Result<(), Wrong> {
        match self.sign(sign) {
            true => Ok(()),
            false => Err(self.wrong(expected)),
        }
    }

    fn sign(&mut self, sign: char) -> bool {
        self.blanks();
        let is_there = self.rest().starts_with(sign);
        if is_there {
            self.at += sign.len_utf8();
        }
        is_there
    }

    /// A word, in capital letters or not, behind which no other letter follows.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let rest = self.rest();
        let is_there = rest
            .get(..word.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(word));
        let next = rest.get(word.len()..).and_then(|tail| tail.chars().next());
        let is_whole = !next.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        if is_there && is_whole {
            self.at += word.len();
        }
        is_there && is_whole
    }

    fn element(&mut self) -> Result<(), Wrong> {
        self.elements += 1;
        match self.elements > ELEMENTS_MAX {
            true => Err(Wrong::TooManyElements),
            false => Ok(()),
        }
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, expected: &'static str) -> Wrong {
        let before = self.text.get(..self.at).unwrap_or_default();
        Wrong::Syntax {
            at: before.chars().count() + 1,
            expected,
        }
    }
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(single)) => single,
        (_, Some(last)) => {
            parts.push(last);
            join(parts)
        }
        (_, None) => join(parts),
    }
}
