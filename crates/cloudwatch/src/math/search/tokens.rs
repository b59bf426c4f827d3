//! Names cut into tokens, and terms that match some of them.
//!
//! The guide's examples fit one rule only: a term is cut at what is neither letter nor digit; a part that is one token
//! (`network`, `COUNT`) matches in any case, a part of several (`CustomCount`, `Count1`) in its own case; parts and tokens
//! follow each other without a gap. So `network-errors` finds `Network-Errors-2`, and `count1` does not find `CustomCount1`.
//! A term that is a whole name but for case and signs finds it.

/// Tokens of a text, as they are written: `CustomCount1` is `Custom`, `Count`, `1`.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    parts(text).flat_map(cut).collect()
}

/// All letters and digits, small: `Project2-trial333` is `project2trial333`.
pub(super) fn whole(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// The texts between signs.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|part| !part.is_empty())
}

/// Cuts before digits, behind digits, before a capital behind a small letter, and before the last capital of many where a
/// small letter follows: `SDBFailure` is `SDB`, `Failure`.
fn cut(part: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = part.char_indices().collect();
    let mut pieces = Vec::new();
    let mut begin = 0;
    for (index, window) in letters.windows(2).enumerate() {
        let [(_, before), (at, this)] = window else {
            continue;
        };
        let next = letters.get(index + 2).map(|(_, next)| *next);
        if is_cut(*before, *this, next) {
            pieces.extend(part.get(begin..*at));
            begin = *at;
        }
    }
    pieces.extend(part.get(begin..));
    pieces
}

fn is_cut(before: char, this: char, next: Option<char>) -> bool {
    let is_digit = |letter: char| letter.is_numeric();
    is_digit(before) != is_digit(this)
        || (before.is_lowercase() && this.is_uppercase())
        || (before.is_uppercase() && this.is_uppercase() && next.is_some_and(char::is_lowercase))
}

/// A term without quotes, cut.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    whole: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
struct Piece {
    text: String,
    is_in_its_case: bool,
}

impl Term {
    /// Cuts a term; none where there is neither letter nor digit in it.
    pub(super) fn of(text: &str) -> Option<Self> {
        let pieces: Vec<Piece> = parts(text).flat_map(of_part).collect();
        (!pieces.is_empty()).then(|| Self {
            whole: whole(text),
            pieces,
        })
    }

    /// Whether `name` has the term's tokens one after the other.
    pub(super) fn is_in(&self, name: &str) -> bool {
        let names = pieces(name);
        let is_here = |window: &[&str]| {
            let pairs = self.pieces.iter().zip(window);
            pairs.into_iter().all(|(piece, name)| piece.is(name))
        };
        names.windows(self.pieces.len()).any(is_here) || self.whole == whole(name)
    }
}

fn of_part(part: &str) -> Vec<Piece> {
    let cut = cut(part);
    let is_in_its_case = cut.len() > 1;
    let piece = |text: &str| Piece {
        text: match is_in_its_case {
            true => text.to_owned(),
            false => text.to_lowercase(),
        },
        is_in_its_case,
    };
    cut.into_iter().map(piece).collect()
}

impl Piece {
    fn is(&self, name: &str) -> bool {
        match self.is_in_its_case {
            true => self.text == name,
            false => self.text == name.to_lowercase(),
        }
    }
}
