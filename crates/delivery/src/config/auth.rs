//! `[destinations."host".auth]`: how we authenticate to a receiver.
//!
//! `basic` and `bearer` are one header that never changes, and become that; `oauth2` becomes an [`Authorizer`].

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::Url;

use super::destination::key_of;
use super::secret::{self, SecretText, Secrets};
use super::{DestinationRules, Invalid, Problems};
use crate::format::check_static_header;
use crate::masking::MASK;
use crate::sender::http::token::{Authorizer, ClientAuth, Grant};

/// `[destinations."host".auth]`: the `authorization` header of HTTP requests. It takes the place of the whole table of `*`, and
/// no line can stand in for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// `"basic"`, `"bearer"`, `"oauth2"` (client credentials, RFC 6749 section 4.4), or `"none"` where `*` has another.
    /// Required.
    pub kind: AuthKind,
    /// For `basic`: the user. Required there.
    pub user: Option<String>,
    /// For `basic`: the password. Required there.
    pub password: Option<String>,
    /// For `bearer`: the token. Required there.
    pub token: Option<String>,
    /// For `oauth2`: where tokens are asked for; `https`, or `http` on this machine. The rules of its host apply to the
    /// connection: addresses, authorities, proxy, timeouts. Required there.
    pub token_url: Option<Url>,
    /// For `oauth2`: the client. Required there.
    pub client_id: Option<String>,
    /// For `oauth2`: its secret. Required there.
    pub client_secret: Option<String>,
    /// For `oauth2`: the scopes asked for, with spaces between. Default none.
    pub scope: Option<String>,
    /// For `oauth2`: the audience asked for, which some servers need. Default none.
    pub audience: Option<String>,
    /// For `oauth2`: how the client authenticates: `"basic"`, or `"body"` with its id and secret in the form. Default
    /// `basic`.
    pub client_auth: Option<ClientAuth>,
}

/// How we authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    /// Not at all.
    None,
    /// RFC 7617.
    Basic,
    /// RFC 6750, with a token that does not change.
    Bearer,
    /// RFC 6750, with tokens of a server.
    Oauth2,
}

/// The header.
const AUTHORIZATION: &str = "authorization";

/// What is wrong with a key of the table.
type Wrong = (&'static str, String);

/// What a destination's table comes to.
enum Resolved {
    None,
    /// The value of the header.
    Fixed(SecretText),
    Tokens(Grant),
}

impl Auth {
    /// Puts it into `headers`; gives the rest, and what must be hidden.
    ///
    /// # Errors
    /// [`Invalid`] when a secret cannot be read or used.
    pub(super) fn apply(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        headers: &mut Vec<(String, SecretText)>,
    ) -> Result<(Option<Arc<Authorizer>>, Vec<String>), Invalid> {
        let at = |(key, detail): Wrong| Invalid::new(&key_of(name, &format!("auth.{key}")), detail);
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(AUTHORIZATION));
        match self.resolve(named, secrets).map_err(at)? {
            Resolved::None => Ok((None, Vec::new())),
            Resolved::Fixed(value) => {
                headers.push((AUTHORIZATION.to_owned(), value));
                Ok((None, Vec::new()))
            }
            Resolved::Tokens(grant) => {
                let hidden = grant.secrets();
                Ok((Some(Arc::new(Authorizer::new(grant))), hidden))
            }
        }
    }

    /// Adds what is wrong without looking at any secret; `headers` are those of the destination.
    pub(super) fn check(
        &self,
        name: &str,
        headers: &BTreeMap<String, String>,
        problems: &mut Problems,
    ) {
        for (key, detail) in self.wrong() {
            problems.push(&key_of(name, &format!("auth.{key}")), detail);
        }
        if let Some(header) = headers.keys().find(|name| is_authorization(name)) {
            problems.push(
                &key_of(name, &format!("headers.{header}")),
                "is written by `auth`; leave one of them out",
            );
        }
    }

    /// Adds what cannot be read, or used.
    pub(super) fn check_sources(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        problems: &mut Problems,
    ) {
        if self.wrong().is_empty()
            && let Err((key, detail)) = self.resolve(named, secrets)
        {
            problems.push(&key_of(name, &format!("auth.{key}")), detail);
        }
    }

    /// As it may be shown: literal secrets are hidden.
    pub(super) fn hide(&mut self) {
        let secrets = [&mut self.password, &mut self.token, &mut self.client_secret];
        let literal = secrets.into_iter().flatten();
        for secret in literal.filter(|text| !text.contains("${")) {
            MASK.clone_into(secret);
        }
    }

    fn resolve(
        &self,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Resolved, Wrong> {
        let text = |key: &'static str, value: &Option<String>| {
            let text = value.as_deref().unwrap_or_default();
            let text = secret::expand(text, named, secrets);
            let text = text.map_err(|error| (key, error.to_string()))?;
            match text.expose() {
                "" => Err((key, "is empty".to_owned())),
                _ => Ok(text),
            }
        };
        let value = |key, value: String, hidden: Vec<String>| {
            let checked = check_static_header(AUTHORIZATION, &value);
            checked.map_err(|_| (key, "holds a control character".to_owned()))?;
            Ok(Resolved::Fixed(SecretText::of_parts(value, hidden)))
        };
        match self.kind {
            AuthKind::None => Ok(Resolved::None),
            AuthKind::Bearer => {
                let token = text("token", &self.token)?.expose().to_owned();
                value("token", format!("Bearer {token}"), vec![token])
            }
            AuthKind::Basic => {
                let user = text("user", &self.user)?;
                if user.expose().contains(':') {
                    return Err((
                        "user",
                        "holds `:`, which ends the user (RFC 7617)".to_owned(),
                    ));
                }
                let password = text("password", &self.password)?.expose().to_owned();
                let both = STANDARD.encode(format!("{}:{password}", user.expose()));
                value("password", format!("Basic {both}"), vec![both, password])
            }
            AuthKind::Oauth2 => {
                let Some(url) = &self.token_url else {
                    return Err(("token_url", NEEDED.to_owned()));
                };
                let plain = |value: &Option<String>| value.clone().unwrap_or_default();
                Ok(Resolved::Tokens(Grant {
                    url: url.clone(),
                    id: text("client_id", &self.client_id)?,
                    secret: text("client_secret", &self.client_secret)?,
                    scope: plain(&self.scope),
                    audience: plain(&self.audience),
                    auth: self.client_auth.unwrap_or_default(),
                }))
            }
        }
    }

    fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for (key, is_set, kind, is_needed) in [
            ("user", self.user.is_some(), AuthKind::Basic, true),
            ("password", self.password.is_some(), AuthKind::Basic, true),
            ("token", self.token.is_some(), AuthKind::Bearer, true),
            (
                "token_url",
                self.token_url.is_some(),
                AuthKind::Oauth2,
                true,
            ),
            (
                "client_id",
                self.client_id.is_some(),
                AuthKind::Oauth2,
                true,
            ),
            (
                "client_secret",
                self.client_secret.is_some(),
                AuthKind::Oauth2,
                true,
            ),
            ("scope", self.scope.is_some(), AuthKind::Oauth2, false),
            ("audience", self.audience.is_some(), AuthKind::Oauth2, false),
            (
                "client_auth",
                self.client_auth.is_some(),
                AuthKind::Oauth2,
                false,
            ),
        ] {
            match (is_set, self.kind == kind) {
                (true, false) => wrong.push((key, format!("is of kind `{}`", kind.name()))),
                (false, true) if is_needed => wrong.push((key, NEEDED.to_owned())),
                _ => {}
            }
        }
        if let Some(url) = &self.token_url
            && let Err(detail) = check_token_url(url)
        {
            wrong.push(("token_url", detail));
        }
        wrong
    }
}

const NEEDED: &str = "is needed for this kind";

impl AuthKind {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Oauth2 => "oauth2",
        }
    }
}

/// The tokens of a destination that has no table of its own: those of `under`, unless it writes the header by itself.
pub(super) fn inherited(
    under: &DestinationRules,
    headers: &BTreeMap<String, String>,
) -> Option<Arc<Authorizer>> {
    let is_own = headers.keys().any(|name| is_authorization(name));
    let above = under.auth.as_ref().filter(|_| !is_own);
    above.map(|above| Arc::new(above.for_others()))
}

fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case(AUTHORIZATION)
}

/// RFC 6749, section 3.2: TLS; what does not leave the machine needs none.
fn check_token_url(url: &Url) -> Result<(), String> {
    let is_local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password; give `client_id` and `client_secret`".to_owned());
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_local => Ok(()),
        _ => Err(format!(
            "`{url}` is not `https://…`: the client's secret would be read on its way"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Destination, Settings, SystemSecrets};

    fn resolved(own: &str, under: &DestinationRules) -> DestinationRules {
        let own: Destination = toml::from_str(own).unwrap();
        let none = BTreeMap::new();
        own.resolve("h", under, &none, &SystemSecrets).unwrap()
    }

    fn header(rules: &DestinationRules) -> Option<&str> {
        let mut all = rules.headers.iter();
        let found = all.find(|(name, _)| is_authorization(name));
        found.map(|(_, value)| value.expose())
    }

    #[test]
    fn the_examples_of_the_standards_are_written_and_hidden() {
        let built_in = DestinationRules::default();
        // RFC 7617, sections 2 and 2.1; RFC 6750, section 2.1.
        for (auth, value, secret) in [
            (
                "kind = \"basic\"\nuser = \"Aladdin\"\npassword = \"open sesame\"",
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "open sesame",
            ),
            (
                "kind = \"basic\"\nuser = \"test\"\npassword = \"123\u{a3}\"",
                "Basic dGVzdDoxMjPCow==",
                "dGVzdDoxMjPCow==",
            ),
            (
                "kind = \"bearer\"\ntoken = \"mF_9.B5f-4.1JqM\"",
                "Bearer mF_9.B5f-4.1JqM",
                "mF_9.B5f-4.1JqM",
            ),
        ] {
            let rules = resolved(&format!("[auth]\n{auth}"), &built_in);
            assert_eq!(header(&rules), Some(value));
            assert!(
                rules.hidden.contains(&secret.to_owned()),
                "{:?}",
                rules.hidden
            );
            assert_eq!(
                &*rules.hide(value.as_bytes()).to_vec(),
                format!("{} ***", value.split(' ').next().unwrap()).as_bytes()
            );
        }
    }

    #[test]
    fn a_destination_takes_that_of_all_or_its_own_or_none() {
        let built_in = DestinationRules::default();
        let tokens = "[auth]\nkind = \"oauth2\"\ntoken_url = \"https://id.example/token\"\nclient_id = \"a\"\nclient_secret = \"secret-of-all\"";
        let all = resolved(tokens, &built_in);
        assert!(all.auth.is_some() && header(&all).is_none());
        let inherits = resolved("", &all);
        assert_eq!(inherits.auth, all.auth);
        assert!(inherits.hidden.contains(&"secret-of-all".to_owned()));
        for own in [
            "[auth]\nkind = \"none\"",
            "[auth]\nkind = \"bearer\"\ntoken = \"t\"",
            "[headers]\nAuthorization = \"Own t\"",
        ] {
            assert_eq!(resolved(own, &all).auth, None, "{own}");
        }
        let fixed = resolved("[headers]\nAuthorization = \"Own t\"", &built_in);
        assert_eq!(header(&resolved("[auth]\nkind = \"none\"", &fixed)), None);
        assert!(header(&resolved(tokens, &fixed)).is_none());
        let shown = format!("{:?}", inherits.auth);
        assert!(!shown.contains("secret-of-all"), "{shown}");
        let own: Destination = toml::from_str(tokens).unwrap();
        assert_eq!(own.shown().auth.unwrap().client_secret.unwrap(), MASK);
    }

    #[test]
    fn what_cannot_be_used_says_which_key_and_shows_no_secret() {
        let oauth = "kind = \"oauth2\"\nclient_id = \"a\"\nclient_secret = \"SECRET\"\n";
        for (auth, key, right) in [
            (
                "kind = \"basic\"\nuser = \"a\"".to_owned(),
                "password",
                "is needed",
            ),
            (
                "kind = \"bearer\"\ntoken = \"\"".to_owned(),
                "token",
                "is empty",
            ),
            (
                "kind = \"bearer\"\ntoken = \"SECRET\\n\"".to_owned(),
                "token",
                "control character",
            ),
            (
                "kind = \"bearer\"\ntoken = \"${secret:NO}\"".to_owned(),
                "token",
                "shukuba secret set NO",
            ),
            (
                "kind = \"basic\"\nuser = \"a:b\"\npassword = \"SECRET\"".to_owned(),
                "user",
                "RFC 7617",
            ),
            (
                "kind = \"bearer\"\ntoken = \"SECRET\"\nscope = \"a\"".to_owned(),
                "scope",
                "of kind `oauth2`",
            ),
            (oauth.to_owned(), "token_url", "is needed"),
            (
                format!("{oauth}token_url = \"http://id.example/\""),
                "token_url",
                "is not `https://…`",
            ),
            (
                format!("{oauth}token_url = \"https://u:SECRET@id.example/\""),
                "token_url",
                "holds a user",
            ),
        ] {
            let settings = format!("[destinations.\"h.example\".auth]\n{auth}");
            let settings: Settings = toml::from_str(&settings).unwrap();
            let mut found = settings.problems();
            found.extend(settings.missing(&SystemSecrets));
            let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(texts.len(), 1, "{auth}: {texts:?}");
            let begin = format!("destinations.\"h.example\".auth.{key}: ");
            assert!(
                texts[0].starts_with(&begin) && texts[0].contains(right),
                "{texts:?}"
            );
            assert!(!texts[0].contains("SECRET"), "{texts:?}");
        }
        let both = "[destinations.h]\nheaders = { Authorization = \"x\" }\nauth = { kind = \"bearer\", token = \"t\" }";
        let both: Settings = toml::from_str(both).unwrap();
        assert!(both.problems()[0].detail.contains("leave one of them out"));
    }
}
