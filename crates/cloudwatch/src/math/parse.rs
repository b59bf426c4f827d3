//! Reads an expression.
//!
//! ```text
//! or       = and (("OR" | "||") and)*
//! and      = compare (("AND" | "&&") compare)*
//! compare  = sum (("==" | "!=" | "<=" | ">=" | "<" | ">") sum)*
//! sum      = product (("+" | "-") product)*
//! product  = negated (("*" | "/") negated)*
//! negated  = "-" negated | power
//! power    = value ("^" negated)?
//! value    = number | text | id | word | function "(" list ")" | "[" list "]" | "(" or ")"
//! ```
//!
//! AWS documents no precedence; this is the one of arithmetic.

use super::lex::{Token, What, tokens};
use super::problem::{Problem, Syntax};
use super::tree::{Expr, Function, OPERATORS, Operator};
use super::{DEPTH_MAX, EXPRESSION_CHARS_MAX};

/// Reads `text`.
///
/// # Errors
/// [`Problem::Length`] and [`Problem::Syntax`].
pub fn parse(text: &str) -> Result<Expr, Problem> {
    let is_empty = text.trim().is_empty();
    if is_empty || text.chars().count() > EXPRESSION_CHARS_MAX {
        return Err(Problem::Length);
    }
    let tokens = tokens(text)?;
    let mut reader = Reader {
        rest: &tokens,
        end: text.chars().count() + 1,
        depth: 0,
    };
    let expr = reader.binary(0)?;
    match reader.rest {
        [] => Ok(expr),
        _ => Err(reader.expected("an operator or the end")),
    }
}

/// Operators that join from the left, weakest first. [`Operator::Power`] joins from the right.
const LEVELS: [&[Operator]; 5] = [
    &[Operator::Or],
    &[Operator::And],
    &[
        Operator::Equal,
        Operator::Unequal,
        Operator::LessOrEqual,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::Greater,
    ],
    &[Operator::Add, Operator::Subtract],
    &[Operator::Multiply, Operator::Divide],
];

struct Reader<'a> {
    rest: &'a [Token],
    end: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&What> {
        self.rest.first().map(|token| &token.what)
    }

    fn step(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(What::Sign(found)) if *found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(sign);
        if is_there {
            self.step();
        }
        is_there
    }

    fn problem(&self, why: Syntax) -> Problem {
        let at = self.rest.first().map_or(self.end, |token| token.at);
        Problem::Syntax { at, why }
    }

    fn expected(&self, expected: &'static str) -> Problem {
        let found = self.peek();
        let found = found.map_or_else(|| "the end".to_owned(), |it| format!("`{}`", it.shown()));
        self.problem(Syntax::Expected { expected, found })
    }

    /// The operator of this level that comes next.
    fn operator(&self, level: &[Operator]) -> Option<Operator> {
        let sign = match self.peek()? {
            What::Sign("&&") => "AND",
            What::Sign("||") => "OR",
            What::Sign(sign) => sign,
            What::Word(word) => word.as_str(),
            _ => return None,
        };
        let (_, found) = OPERATORS.iter().find(|(known, _)| *known == sign)?;
        level.contains(found).then_some(*found)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, Problem> {
        let Some(operators) = LEVELS.get(level) else {
            return self.negated();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            self.step();
            let right = self.binary(level + 1)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn negated(&mut self) -> Result<Expr, Problem> {
        if !self.take("-") {
            return self.power();
        }
        let inner = self.deeper(Self::negated)?;
        Ok(Expr::Negate(Box::new(inner)))
    }

    fn power(&mut self) -> Result<Expr, Problem> {
        let base = self.value()?;
        if !self.take("^") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::negated)?;
        Ok(Expr::Binary(
            Operator::Power,
            Box::new(base),
            Box::new(exponent),
        ))
    }

    fn value(&mut self) -> Result<Expr, Problem> {
        let before = self.rest;
        let value = self.peek().cloned();
        self.step();
        match value {
            Some(What::Number(number)) => Ok(Expr::Number(number)),
            Some(What::Text(text)) => Ok(Expr::Text(text)),
            Some(What::Id(id)) => Ok(Expr::Id(id)),
            Some(What::Word(word)) if word != "AND" && word != "OR" => self.word(word, before),
            Some(What::Sign("[")) => Ok(Expr::List(self.list("]")?)),
            Some(What::Sign("(")) => {
                let inner = self.deeper(|reader| reader.binary(0))?;
                match self.take(")") {
                    true => Ok(inner),
                    false => Err(self.expected("an operator or `)`")),
                }
            }
            _ => {
                self.rest = before;
                Err(self.expected("a value"))
            }
        }
    }

    fn word(&mut self, word: String, before: &[Token]) -> Result<Expr, Problem> {
        if !self.take("(") {
            return Ok(Expr::Word(word));
        }
        let Some(function) = Function::named(&word) else {
            let at = before.first().map_or(self.end, |token| token.at);
            let why = Syntax::Function(word);
            return Err(Problem::Syntax { at, why });
        };
        Ok(Expr::Call(function, self.list(")")?))
    }

    /// Expressions with commas between, up to and with the sign that closes them.
    fn list(&mut self, close: &'static str) -> Result<Vec<Expr>, Problem> {
        let mut parts = Vec::new();
        if self.take(close) {
            return Ok(parts);
        }
        loop {
            parts.push(self.deeper(|reader| reader.binary(0))?);
            if self.take(close) {
                return Ok(parts);
            }
            if !self.take(",") {
                return Err(self.expected("an operator, a comma or the closing parenthesis"));
            }
        }
    }

    /// Reads what lies one deeper.
    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expr, Problem>,
    ) -> Result<Expr, Problem> {
        if self.depth >= DEPTH_MAX {
            return Err(self.problem(Syntax::Depth));
        }
        self.depth += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }
}
