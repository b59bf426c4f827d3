//! Lists in one header: items between commas, in quotes where an item has a comma, a quote, or blanks around it.
//!
//! Source: Smithy, "HTTP bindings", `httpHeader`, "Serializing lists".

use crate::error::Problem;

/// Appends `item` to the list in `header`.
pub(super) fn push_item(header: &mut String, item: &str) {
    if !header.is_empty() {
        header.push_str(", ");
    }
    let is_plain = !item.is_empty() && item.trim() == item && !item.contains([',', '"', '\\']);
    if is_plain {
        header.push_str(item);
        return;
    }
    header.push('"');
    for letter in item.chars() {
        if matches!(letter, '"' | '\\') {
            header.push('\\');
        }
        header.push(letter);
    }
    header.push('"');
}

/// The items of a header. What is between two commas and blank is no item.
///
/// `comma`: how many commas an item has itself, 1 for moments in HTTP's form.
pub(super) fn items(header: &str, comma: usize) -> Result<Vec<String>, Problem> {
    let mut items = Vec::new();
    let mut letters = header.chars().peekable();
    loop {
        while letters
            .next_if(|letter| letter.is_ascii_whitespace() || *letter == ',')
            .is_some()
        {}
        let Some(first) = letters.peek() else {
            return Ok(items);
        };
        items.push(match first {
            '"' => quoted(&mut letters)?,
            _ => plain(&mut letters, comma),
        });
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn plain(letters: &mut Letters<'_>, mut comma: usize) -> String {
    let mut item = String::new();
    while let Some(letter) = letters.next_if(|letter| *letter != ',' || comma > 0) {
        comma -= usize::from(letter == ',');
        item.push(letter);
    }
    item.trim_end().to_owned()
}

/// A text in quotes, up to the comma behind it.
fn quoted(letters: &mut Letters<'_>) -> Result<String, Problem> {
    const WRONG: Problem = Problem::Malformed {
        expected: "a list: items between commas, in quotes where they have commas",
    };
    let mut item = String::new();
    letters.next();
    loop {
        match letters.next().ok_or(WRONG)? {
            '"' => break,
            '\\' => item.push(letters.next().ok_or(WRONG)?),
            letter => item.push(letter),
        }
    }
    while letters.next_if(char::is_ascii_whitespace).is_some() {}
    match letters.peek() {
        None | Some(',') => Ok(item),
        Some(_) => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the examples of Smithy's page and RFC 9110, 5.6.1.
    #[test]
    fn a_header_holds_a_list() {
        for (header, expected) in [
            ("a, b ,c", Some(vec!["a", "b", "c"])),
            ("\"b,c\", a, \"d\\\"e\"", Some(vec!["b,c", "a", "d\"e"])),
            ("", Some(vec![])),
            (" , a,,b,", Some(vec!["a", "b"])),
            ("\"\"", Some(vec![""])),
            ("\"a", None),
            ("\"a\" b", None),
            ("\"a\\", None),
        ] {
            let found = items(header, 0).ok();
            assert_eq!(
                found,
                expected.map(|items: Vec<&str>| items.into_iter().map(str::to_owned).collect()),
                "{header}"
            );
        }
        let dates = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT";
        assert_eq!(items(dates, 1).map(|items| items.len()), Ok(2));
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        let list = ["a", "", "b,c", "d\"e\\", " f "];
        let mut header = String::new();
        list.iter().for_each(|item| push_item(&mut header, item));
        assert_eq!(items(&header, 0).unwrap(), list);
    }
}
