//! What stands around every page: its head, the ways to the other rooms, who is signed in; and the files that pages need.

use std::fmt::Write;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::html::escaped;
use super::lang::{Language, Word};
use super::words::{door, frame};

/// The stylesheet.
pub(super) const STYLE: &str = include_str!("style.css");
/// What browsers show beside the title.
pub(super) const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"6\" fill=\"#0b5cad\"/><path d=\"M7 13 16 7l9 6v12h-6v-7h-6v7H7z\" fill=\"#ffffff\"/></svg>\n";
/// Its path.
pub(super) const ICON_PATH: &str = "icon.svg";

/// The stylesheet's path, which changes with it, so that browsers keep it for good.
pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = hex::encode(Sha256::digest(STYLE.as_bytes()));
    format!("style-{}.css", hash.get(..12).unwrap_or_default())
});

/// A room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Hosts,
    Checks,
    Alarms,
    Dashboards,
    Links,
    Silences,
}

impl Place {
    /// All, in the order of the ways to them.
    pub(super) const ALL: [Self; 7] = [
        Self::Overview,
        Self::Hosts,
        Self::Checks,
        Self::Alarms,
        Self::Dashboards,
        Self::Links,
        Self::Silences,
    ];

    /// What stands behind `/_shukuba/`.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Hosts => "hosts",
            Self::Checks => "checks",
            Self::Alarms => "alarms",
            Self::Dashboards => "dashboards",
            Self::Links => "links",
            Self::Silences => "silences",
        }
    }

    pub(super) const fn name(self) -> Word {
        match self {
            Self::Overview => frame::OVERVIEW,
            Self::Hosts => frame::HOSTS,
            Self::Checks => frame::CHECKS,
            Self::Alarms => frame::ALARMS,
            Self::Dashboards => frame::DASHBOARDS,
            Self::Links => frame::LINKS,
            Self::Silences => frame::SILENCES,
        }
    }
}

/// Who is signed in, and where he may go.
#[derive(Debug)]
pub(super) struct Guest<'a> {
    /// The ARN.
    pub(super) who: &'a str,
    /// The token of forms.
    pub(super) token: &'a str,
    /// The rooms that are open.
    pub(super) rooms: &'a [Place],
    /// In which one the page is.
    pub(super) here: Option<Place>,
    /// The page itself is the room's first one.
    pub(super) is_first: bool,
}

/// A page.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// In which language.
    pub(super) language: Language,
    /// Its title, as text.
    pub(super) title: &'a str,
    /// Where it is, behind `/_shukuba/`, as it was asked for.
    pub(super) path: &'a str,
    /// The rest of its address without the language, as it was asked for.
    pub(super) query: &'a str,
    /// For whom; nobody before signing in.
    pub(super) guest: Option<Guest<'a>>,
    /// What stands under the title, as HTML.
    pub(super) body: &'a str,
}

impl Frame<'_> {
    /// Its HTML.
    pub(super) fn html(&self) -> String {
        let say = |word: Word| word.said(self.language);
        let title = escaped(self.title);
        let class = if self.guest.is_some() {
            ""
        } else {
            " class=\"narrow\""
        };
        let mut out = format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>{title} – {}</title><link rel=\"stylesheet\" href=\"/_shukuba/{}\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"/_shukuba/{ICON_PATH}\"></head><body><a class=\"skip\" href=\"#main\">{}</a>",
            self.language.code(),
            say(frame::BRAND),
            *STYLE_PATH,
            say(frame::SKIP),
        );
        self.head(&mut out);
        let _ = write!(
            out,
            "<main id=\"main\" tabindex=\"-1\"{class}><h1>{title}</h1>{}</main>",
            self.body
        );
        self.foot(&mut out);
        out.push_str("</body></html>\n");
        out
    }

    fn head(&self, out: &mut String) {
        let say = |word: Word| word.said(self.language);
        let brand = say(frame::BRAND);
        let _ = write!(
            out,
            "<header><p class=\"brand\"><a href=\"/_shukuba/\">{brand}</a></p>"
        );
        if let Some(guest) = &self.guest {
            let _ = write!(out, "<nav aria-label=\"{}\"><ul>", say(frame::ROOMS));
            for room in guest.rooms {
                let current = match guest.here == Some(*room) {
                    true if guest.is_first => " aria-current=\"page\"",
                    true => " aria-current=\"true\"",
                    false => "",
                };
                let (path, name) = (room.path(), say(room.name()));
                let _ = write!(
                    out,
                    "<li><a href=\"/_shukuba/{path}\"{current}>{name}</a></li>"
                );
            }
            out.push_str("</ul></nav>");
        }
        out.push_str("</header>");
    }

    fn foot(&self, out: &mut String) {
        let say = |word: Word| word.said(self.language);
        out.push_str("<footer>");
        if let Some(guest) = &self.guest {
            let _ = write!(
                out,
                "<p>{} <code class=\"data\">{}</code></p><form method=\"post\" action=\"/_shukuba/sign-out\"><input type=\"hidden\" name=\"token\" value=\"{}\"><button class=\"quiet\">{}</button></form>",
                say(frame::SIGNED_IN_AS),
                escaped(guest.who),
                escaped(guest.token),
                say(frame::SIGN_OUT),
            );
        }
        let _ = write!(out, "<nav aria-label=\"{}\"><ul>", say(frame::LANGUAGE));
        for language in Language::ALL {
            let (code, name) = (language.code(), language.name());
            if language == self.language {
                let _ = write!(
                    out,
                    "<li><span lang=\"{code}\" aria-current=\"true\">{name}</span></li>"
                );
                continue;
            }
            let and = if self.query.is_empty() { "" } else { "&" };
            let to = format!("/_shukuba/{}?{}{and}lang={code}", self.path, self.query);
            let _ = write!(
                out,
                "<li><a lang=\"{code}\" hreflang=\"{code}\" href=\"{}\">{name}</a></li>",
                escaped(&to)
            );
        }
        out.push_str("</ul></nav></footer>");
    }
}

/// The pages before signing in, and their fields.
pub(super) mod gate {
    use super::{Language, Word, door, escaped};
    use crate::serve::console::html;

    fn user_field(user: &str, language: Language) -> String {
        format!(
            "<label>{} <input name=\"user\" autocomplete=\"username\" maxlength=\"64\" value=\"{}\"></label>",
            door::USER.said(language),
            escaped(user)
        )
    }

    fn code_field(language: Language) -> String {
        format!(
            "<label>{} <input name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"6\"></label>",
            door::CODE.said(language)
        )
    }

    /// What a form of these shows.
    #[derive(Clone, Copy, Debug)]
    pub(in crate::serve::console) struct Form<'a> {
        pub(in crate::serve::console) account: &'a str,
        pub(in crate::serve::console) user: &'a str,
        pub(in crate::serve::console) text: Option<&'a str>,
        pub(in crate::serve::console) token: &'a str,
        /// Where to go then, behind `/_shukuba/`.
        pub(in crate::serve::console) next: &'a str,
    }

    /// The form to sign in.
    pub(in crate::serve::console) fn sign_in(form: Form<'_>, language: Language) -> String {
        let say = |word: Word| word.said(language);
        let said = html::said(form.text);
        let (user, code) = (user_field(form.user, language), code_field(language));
        format!(
            "{said}<p>{}</p><form method=\"post\" action=\"/_shukuba/sign-in\"><input type=\"hidden\" name=\"token\" value=\"{}\"><input type=\"hidden\" name=\"next\" value=\"{}\">{user}<label class=\"box\"><input type=\"checkbox\" name=\"root\"> {}</label><label>{} <input name=\"password\" type=\"password\" autocomplete=\"current-password\"></label>{code}<button>{}</button></form><p><a href=\"/_shukuba/change-password\">{}</a></p>",
            door::ACCOUNT.with(language, &[&escaped(form.account)]),
            escaped(form.token),
            escaped(form.next),
            say(door::IS_ROOT),
            say(door::PASSWORD),
            say(door::SIGN_IN),
            say(door::CHANGE_TITLE),
        )
    }

    /// The form to change a password.
    pub(in crate::serve::console) fn change_password(form: Form<'_>, language: Language) -> String {
        let say = |word: Word| word.said(language);
        let said = html::said(form.text);
        let (user, code) = (user_field(form.user, language), code_field(language));
        format!(
            "{said}<p>{}</p><form method=\"post\" action=\"/_shukuba/change-password\"><input type=\"hidden\" name=\"token\" value=\"{}\">{user}<label>{} <input name=\"password\" type=\"password\" autocomplete=\"current-password\"></label>{code}<label>{} <input name=\"new\" type=\"password\" autocomplete=\"new-password\"></label><label>{} <input name=\"again\" type=\"password\" autocomplete=\"new-password\"></label><button>{}</button></form><p><a href=\"/_shukuba/sign-in\">{}</a></p>",
            door::ACCOUNT.with(language, &[&escaped(form.account)]),
            escaped(form.token),
            say(door::PASSWORD_NOW),
            say(door::PASSWORD_NEW),
            say(door::PASSWORD_AGAIN),
            say(door::CHANGE),
            say(door::SIGN_IN),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours of a scheme by name.
    fn palette(part: &str) -> std::collections::BTreeMap<&str, [f64; 3]> {
        let lines = part.split(';').filter_map(|it| it.split_once(": #"));
        lines
            .filter_map(|(name, value)| {
                let name = name
                    .trim()
                    .rsplit(['\n', ' ', '{'])
                    .next()?
                    .strip_prefix("--")?;
                let channel = |at: usize| {
                    let value = u8::from_str_radix(value.get(at..at + 2)?, 16).ok()?;
                    let part = f64::from(value) / 255.0;
                    Some(if part <= 0.03928 {
                        part / 12.92
                    } else {
                        ((part + 0.055) / 1.055).powf(2.4)
                    })
                };
                Some((name, [channel(0)?, channel(2)?, channel(4)?]))
            })
            .collect()
    }

    /// Source: WCAG 2.2, "contrast ratio".
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let light = |it: [f64; 3]| 0.2126 * it[0] + 0.7152 * it[1] + 0.0722 * it[2];
        let (one, other) = (light(one), light(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn words_can_be_read_in_both_schemes() {
        let (light, dark) = STYLE
            .split_once("@media (prefers-color-scheme: dark)")
            .unwrap();
        let dark = dark.split(".chart").next().unwrap();
        for scheme in [palette(light), palette(dark)] {
            assert_eq!(scheme.len(), 18, "{scheme:?}");
            for (word, ground, least) in [
                ("ink", "ground", 4.5),
                ("ink", "card", 4.5),
                ("pale", "ground", 4.5),
                ("pale", "card", 4.5),
                ("link", "ground", 4.5),
                ("link", "card", 4.5),
                ("on-button", "button", 4.5),
                ("good", "good-ground", 4.5),
                ("warn", "warn-ground", 4.5),
                ("bad", "bad-ground", 4.5),
                ("dim", "dim-ground", 4.5),
                ("edge", "ground", 3.0),
                ("focus", "ground", 3.0),
                ("focus", "card", 3.0),
            ] {
                let found = contrast(scheme[word], scheme[ground]);
                assert!(found >= least, "{word} on {ground}: {found:.2}");
            }
        }
    }

    #[test]
    fn a_page_says_its_language_and_leads_to_the_other() {
        let frame = Frame {
            language: Language::Ja,
            title: "<x>",
            path: "alarms/a%22b",
            query: "page=2",
            guest: None,
            body: "",
        };
        let html = frame.html();
        assert!(html.contains("<html lang=\"ja\">") && html.contains("<h1>&lt;x&gt;</h1>"));
        assert!(
            html.contains("href=\"/_shukuba/alarms/a%22b?page=2&amp;lang=en\""),
            "{html}"
        );
    }
}
