//! The language that a reader reads: chosen by a link and kept in a cookie, else what the browser asks for.

use http::{HeaderMap, header};

/// The languages that pages speak, each completely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Language {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::En, Self::Ja];

    /// The language called so in HTML.
    pub(super) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }

    /// As HTML calls it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    /// As it calls itself.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ja => "日本語",
        }
    }

    /// The first of those that the browser likes best; English where it names neither.
    ///
    /// Source: RFC 9110, 12.5.4.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        let mut best = (Self::default(), 0.0);
        for part in lines.flat_map(|line| line.split(',')).take(50) {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let weight = rest.trim().strip_prefix("q=");
            let weight: f32 = weight.map_or(Some(1.0), |q| q.parse().ok()).unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let known = Self::of(&primary.to_ascii_lowercase());
            if let Some(known) = known.filter(|_| weight > best.1) {
                best = (known, weight);
            }
        }
        best.0
    }
}

/// A text of ours in both languages. `{}` stands for what is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In English.
    pub(super) en: &'static str,
    /// In Japanese.
    pub(super) ja: &'static str,
}

impl Word {
    /// In one of them.
    pub(super) const fn said(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Ja => self.ja,
        }
    }

    /// In one of them, with `parts` in the places of `{}`, in their order.
    pub(super) fn with(self, language: Language, parts: &[&str]) -> String {
        let mut pieces = self.said(language).split("{}");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        let mut parts = parts.iter();
        for piece in pieces {
            text.push_str(parts.next().unwrap_or(&""));
            text.push_str(piece);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_s_wish_is_read_with_its_weights() {
        for (line, expected) in [
            ("", Language::En),
            ("ja", Language::Ja),
            ("JA-jp,en;q=0.8", Language::Ja),
            ("en;q=0.5, ja;q=0.9", Language::Ja),
            ("de, en-GB;q=0.7, ja;q=0.3", Language::En),
            ("ja;q=0, fr", Language::En),
            ("ja;q=x", Language::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, line.parse().unwrap());
            assert_eq!(Language::asked(&headers), expected, "{line}");
        }
        assert_eq!(Language::asked(&HeaderMap::new()), Language::En);
    }

    #[test]
    fn parts_stand_in_their_places() {
        let word = Word {
            en: "{} of {}",
            ja: "{}のうち{}",
        };
        assert_eq!(word.with(Language::En, &["1", "2"]), "1 of 2");
        assert_eq!(word.with(Language::Ja, &["9", "{}"]), "9のうち{}");
        assert_eq!(word.with(Language::En, &["1"]), "1 of ");
    }
}
