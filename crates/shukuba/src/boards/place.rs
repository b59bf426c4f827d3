//! Where in a text of JSON a pointer points: `/widgets/9/properties` is line 120, column 7.

/// Values inside one another. Source: the bound of the reader of JSON.
const DEPTH_MAX: usize = 128;

/// A place in a text, both from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    /// In characters.
    pub(crate) column: usize,
}

/// Where the value that `pointer` names begins; where it does not exist, the nearest value around it.
///
/// `text`: JSON that was read before. What is not gives some place, or none.
pub(crate) fn of(text: &str, pointer: &str) -> Option<Place> {
    let names = pointer.split('/').skip(1);
    let names: Vec<String> = names
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut scan = Scan { text, at: 0 };
    let offset = scan.find(&names)?;
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Some(Place {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..)?.chars().count() + 1,
    })
}

/// Reads on in a text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// The offset of the value under `names` in the value that comes next.
    fn find(&mut self, names: &[String]) -> Option<usize> {
        self.blanks();
        let start = self.at;
        let Some((name, below)) = names.split_first() else {
            return Some(start);
        };
        let found = match self.peek()? {
            b'{' => self.member(name, below),
            b'[' => self.element(name, below),
            _ => None,
        };
        found.or(Some(start))
    }

    fn member(&mut self, wanted: &str, below: &[String]) -> Option<usize> {
        self.at += 1;
        loop {
            self.blanks();
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            self.blanks();
            self.take(b':')?;
            if serde_json::from_str::<String>(name).ok()? == wanted {
                return self.find(below);
            }
            self.value(0)?;
            self.blanks();
            self.take(b',')?;
        }
    }

    fn element(&mut self, wanted: &str, below: &[String]) -> Option<usize> {
        self.at += 1;
        let mut left: usize = wanted.parse().ok()?;
        self.blanks();
        if self.peek()? == b']' {
            return None;
        }
        while left > 0 {
            self.value(0)?;
            self.blanks();
            self.take(b',')?;
            left -= 1;
        }
        self.find(below)
    }

    /// Passes over the value that comes next.
    fn value(&mut self, depth: usize) -> Option<()> {
        self.blanks();
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            open @ (b'{' | b'[') => {
                let close = if open == b'{' { b'}' } else { b']' };
                self.at += 1;
                self.until(close, depth)
            }
            _ => {
                let rest = self.text.get(self.at..)?;
                let end = rest.find([',', ']', '}', ' ', '\n', '\r', '\t']);
                self.at += end.unwrap_or(rest.len()).max(1);
                Some(())
            }
        }
    }

    fn until(&mut self, close: u8, depth: usize) -> Option<()> {
        loop {
            self.blanks();
            match self.peek()? {
                byte if byte == close => {
                    self.at += 1;
                    return Some(());
                }
                b',' | b':' => self.at += 1,
                _ => self.value(depth + 1)?,
            }
        }
    }

    /// Passes over a string, and gives it with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        let mut is_escaped = false;
        self.at += 1;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => return self.text.get(start..self.at),
                _ => {}
            }
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = "{\n  \"start\": \"-PT6H\", \"a/b\": [1],\n  \"widgets\": [\n    {\"type\": \"}],\\\"\"},\n    { \"東京\": true, \"properties\": {\n      \"metrics\": [[\"a\"], 2]\n    } }\n  ]\n}\n";

    #[test]
    fn pointers_are_found_by_line_and_column() {
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/start", 2, 12),
            ("/a~1b/0", 2, 29),
            ("/widgets", 3, 14),
            ("/widgets/0", 4, 5),
            ("/widgets/0/type", 4, 14),
            ("/widgets/1/properties", 5, 33),
            ("/widgets/1/properties/metrics/1", 6, 26),
            // What is not there is looked for in what is around it.
            ("/widgets/1/properties/region", 5, 33),
            ("/widgets/7", 3, 14),
            ("/nothing/0", 1, 1),
        ] {
            assert_eq!(of(BODY, pointer), Some(Place { line, column }), "{pointer}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_hang(text in "[\\[\\]{}\",:\\\\ 1aé\n]{0,40}", pointer in "(/[01aé]){0,3}") {
            let _ = of(&text, &pointer);
        }
    }
}
