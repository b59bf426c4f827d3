//! The three cookies: who is signed in, that a form is of our page, and which language was chosen.
//!
//! All are for this host alone, hidden from scripts, and not sent from other sites; over HTTPS they never leave it.
//!
//! Source: RFC 6265bis, `__Host-` and `SameSite`; OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "double submit".

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::lang::Language;

const TICKET: &str = "shukuba";
const FORM: &str = "shukuba-form";
const LANGUAGE: &str = "shukuba-lang";
/// How long a choice of language is kept. Chosen: browsers keep nothing longer than 400 days.
const LANGUAGE_KEPT: Duration = Duration::from_secs(365 * 86_400);
/// The longest ticket that is looked at. Chosen: a browser keeps 4096 bytes a cookie.
const TICKET_BYTES_MAX: usize = 4096;

/// What a browser brings.
#[derive(Debug)]
pub(super) struct Cookies {
    /// Of whoever signed in.
    pub(super) ticket: Option<String>,
    /// The language that was chosen.
    pub(super) language: Option<Language>,
    form: Option<String>,
    is_https: bool,
}

impl Cookies {
    /// Reads the head's cookies. `base_url`: how the browser reaches us.
    pub(super) fn read(headers: &HeaderMap, base_url: &str) -> Self {
        let is_https = base_url.starts_with("https://");
        let found = |name: &str| {
            let name = full_name(name, is_https);
            let lines = headers.get_all(header::COOKIE).iter();
            let pairs = lines
                .filter_map(|line| line.to_str().ok())
                .flat_map(|line| line.split(';'));
            pairs
                .filter_map(|pair| pair.trim().split_once('='))
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.to_owned())
        };
        Self {
            ticket: found(TICKET).filter(|ticket| ticket.len() <= TICKET_BYTES_MAX),
            language: found(LANGUAGE).as_deref().and_then(Language::of),
            form: found(FORM).filter(|token| token.len() == 32),
            is_https,
        }
    }

    /// The token for a form, and the cookie to set where the browser has none.
    pub(super) fn form_token(&self) -> (String, Option<HeaderValue>) {
        match &self.form {
            Some(token) if token.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                (token.clone(), None)
            }
            _ => {
                let token = hex::encode(base::id::random_bytes::<16>());
                let cookie = self.cookie(FORM, &token, None);
                (token, Some(cookie))
            }
        }
    }

    /// Whether a form's token is the cookie's.
    pub(super) fn is_form_token(&self, token: &str) -> bool {
        let Some(known) = self.form.as_deref() else {
            return false;
        };
        // Takes as long wherever the first difference is.
        let pairs = known.bytes().zip(token.bytes());
        let differing = pairs.fold(0, |differing, (one, other)| differing | (one ^ other));
        known.len() == token.len() && differing == 0
    }

    /// The cookie of whoever signed in.
    pub(super) fn signed_in(&self, ticket: &str, lasts: Duration) -> HeaderValue {
        self.cookie(TICKET, ticket, Some(lasts))
    }

    /// The cookie of a language.
    pub(super) fn chosen(&self, language: Language) -> HeaderValue {
        self.cookie(LANGUAGE, language.code(), Some(LANGUAGE_KEPT))
    }

    /// Takes it away.
    pub(super) fn signed_out(&self) -> HeaderValue {
        self.cookie(TICKET, "", Some(Duration::ZERO))
    }

    fn cookie(&self, name: &str, value: &str, lasts: Option<Duration>) -> HeaderValue {
        let name = full_name(name, self.is_https);
        let (path, secure) = match self.is_https {
            true => ("/", "; Secure"),
            false => ("/_shukuba/", ""),
        };
        let age = lasts.map_or_else(String::new, |lasts| {
            format!("; Max-Age={}", lasts.as_secs())
        });
        let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Strict{secure}{age}");
        // Tickets and tokens are base 64 and hexadecimal digits, languages two letters.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Over HTTPS, a name that only this host can have set.
fn full_name(name: &str, is_https: bool) -> String {
    match is_https {
        true => format!("__Host-{name}"),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_up_to_its_bound() {
        let read = |line: &str, url: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(line).unwrap());
            Cookies::read(&headers, url).ticket
        };
        let (plain, secure) = ("http://h", "https://h");
        assert_eq!(read("a=b; shukuba=t.1=", plain).as_deref(), Some("t.1="));
        // One that another host or plain HTTP may have set is not looked at.
        assert_eq!(read("shukuba=t", secure), None);
        assert_eq!(read("__Host-shukuba=t", secure).as_deref(), Some("t"));
        let longest = "t".repeat(TICKET_BYTES_MAX);
        assert_eq!(
            read(&format!("shukuba={longest}"), plain),
            Some(longest.clone())
        );
        assert_eq!(read(&format!("shukuba={longest}t"), plain), None);
    }
}
