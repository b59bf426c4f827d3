//! Lays JSON out in lines, for people who edit it: the order of members, numbers and texts stay as they are written.

/// A body on one line in many lines; one that has lines already is as somebody wrote it, and stays.
pub(crate) fn for_people(text: &str) -> String {
    match text.trim().contains('\n') {
        true => text.to_owned(),
        false => indented(text.trim()),
    }
}

fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth: usize = 0;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                out.push(letter);
                string(&mut letters, &mut out);
            }
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(|next| next.is_whitespace()).is_some() {}
                match letters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => out.push(letter),
        }
    }
    out
}

fn string(letters: &mut impl Iterator<Item = char>, out: &mut String) {
    let mut is_escaped = false;
    for letter in letters {
        out.push(letter);
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return,
            _ => {}
        }
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn one_line_becomes_many_in_the_same_order() {
        let text = r#"{"widgets":[{"type":"text","n":1.0,"t":"a\"{,:[ b"}, {}, [ ]],"a":null}"#;
        let expected = "{\n  \"widgets\": [\n    {\n      \"type\": \"text\",\n      \"n\": 1.0,\n      \"t\": \"a\\\"{,:[ b\"\n    },\n    {},\n    []\n  ],\n  \"a\": null\n}";
        let made = for_people(text);
        assert_eq!(made, expected);
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&made), read(text));
        assert_eq!(for_people(&made), made);
    }
}
