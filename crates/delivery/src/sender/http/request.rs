//! A request as bytes, checked again at the last moment.
//!
//! INVARIANT: nothing that came from a line can end a header, add one, or change how the message is framed:
//! every byte of the target, of names and of values is checked while it is written.

use base::Timestamp;
use http::Method;
use url::{Position, Url};

use crate::config::DestinationRules;
use crate::format::check_static_header;
use crate::port::{NotSendable, Notification, Request};
use crate::sender::not_sendable;
use crate::sign::Facts;
use crate::ssrf;

const USER_AGENT: &str = concat!("shukuba/", env!("CARGO_PKG_VERSION"));

/// Whether the request can be sent at all. Addresses behind names are checked when they are known.
pub(super) fn check(request: &Request, rules: &DestinationRules) -> Result<(), NotSendable> {
    let url = &request.url;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(not_sendable(format!(
            "scheme `{}` is not http or https",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(not_sendable(
            "the URL holds a user or password, which would stand in results; \
             give them under [destinations.\"host\".auth] as kind `basic`",
        ));
    }
    if matches!(request.method, Method::CONNECT | Method::TRACE) {
        return Err(not_sendable(format!(
            "method {} is not sent",
            request.method
        )));
    }
    for (name, value) in &request.headers {
        check_header(name, value)?;
    }
    if request.body.len() > rules.request_bytes_max {
        return Err(not_sendable(format!(
            "the body has {} bytes; request_bytes_max of destination `{}` is {}",
            request.body.len(),
            rules.name,
            rules.request_bytes_max
        )));
    }
    match literal(url) {
        Some(address) if rules.connect_to.is_none() => {
            ssrf::check(url, address, rules).map_err(|refused| not_sendable(refused.to_string()))
        }
        _ => Ok(()),
    }
}

/// The address, when the URL's host is one.
pub(super) fn literal(url: &Url) -> Option<std::net::IpAddr> {
    match url.host()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
        url::Host::Domain(_) => None,
    }
}

fn check_header(name: &str, value: &str) -> Result<(), NotSendable> {
    check_static_header(name, value).map_err(not_sendable)
}

/// How the target is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// Path and query, to the receiver itself.
    Origin,
    /// The whole URL, to a proxy, with its `Proxy-Authorization`.
    Proxy(Option<&'a str>),
}

/// Writes everything before the body; signed `at` that time.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    notification: &Notification,
    rules: &DestinationRules,
    target: Target<'_>,
    at: Timestamp,
) -> Result<(), NotSendable> {
    let request = &notification.request;
    let url = &request.url;
    let written = match target {
        Target::Origin => &url[Position::BeforePath..Position::AfterQuery],
        Target::Proxy(_) => &url[..Position::AfterQuery],
    };
    if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(not_sendable(
            "the URL holds a character that must be percent-encoded",
        ));
    }
    let push = |out: &mut Vec<u8>, parts: &[&str]| {
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
    };
    push(
        out,
        &[request.method.as_str(), " ", written, " HTTP/1.1\r\nhost: "],
    );
    push(
        out,
        &[&url[Position::BeforeHost..Position::AfterPort], "\r\n"],
    );
    each_header(notification, rules, at, |name, value| {
        push(out, &[name, ": ", value, "\r\n"]);
    })?;
    if let Target::Proxy(Some(authorization)) = target {
        push(out, &["proxy-authorization: ", authorization, "\r\n"]);
    }
    if has_length(request) {
        push(
            out,
            &["content-length: ", &request.body.len().to_string(), "\r\n"],
        );
    }
    push(out, &["\r\n"]);
    Ok(())
}

/// Gives each header of a request to `put`: those of the rules, of the line, its signature `at` that time, the id, and what
/// every request bears. How it is
/// framed and where it goes (`host`, `content-length`) is the version's own.
///
/// # Errors
/// A header that cannot be sent.
pub(super) fn each_header(
    notification: &Notification,
    rules: &DestinationRules,
    at: Timestamp,
    mut put: impl FnMut(&str, &str),
) -> Result<(), NotSendable> {
    let request = &notification.request;
    let mut has_agent = false;
    let mut has_accept = false;
    let from_rules = rules
        .headers
        .iter()
        .map(|(name, value)| (name, value.expose()));
    let from_line = request
        .headers
        .iter()
        .filter(|(name, _)| !is_in(rules, name) && !is_of_signature(rules, name))
        .map(|(name, value)| (name, value.as_str()));
    // The id is ours: a line that said another would make receivers take two for one.
    let is_id =
        |name: &str| !rules.id_header.is_empty() && name.eq_ignore_ascii_case(&rules.id_header);
    let all = from_rules.chain(from_line);
    for (name, value) in all.filter(|(name, _)| !is_id(name)) {
        check_header(name, value)?;
        has_agent |= name.eq_ignore_ascii_case("user-agent");
        has_accept |= name.eq_ignore_ascii_case("accept");
        put(name, value);
    }
    if let Some(sign) = &rules.sign {
        let facts = Facts { notification, at };
        sign.sign(&facts, &mut put)?;
    }
    if !rules.id_header.is_empty() && !is_of_signature(rules, &rules.id_header) {
        check_header(&rules.id_header, &notification.id)?;
        put(&rules.id_header, &notification.id);
    }
    if !has_agent {
        put("user-agent", USER_AGENT);
    }
    if !has_accept {
        put("accept", "*/*");
    }
    Ok(())
}

/// A header of the rules replaces one of the line.
pub(super) fn is_in(rules: &DestinationRules, name: &str) -> bool {
    rules
        .headers
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name))
}

/// A header of the signature is written by it alone.
fn is_of_signature(rules: &DestinationRules, name: &str) -> bool {
    rules.sign.as_ref().is_some_and(|sign| sign.owns(name))
}

/// RFC 9110, section 8.6: methods that anticipate content say its length even when it is zero.
pub(super) fn has_length(request: &Request) -> bool {
    !request.body.is_empty() || matches!(request.method, Method::POST | Method::PUT | Method::PATCH)
}

/// Whether the same request may be written twice without harm beyond that of once (RFC 9110, section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::config::{Destination, SecretText, SystemSecrets};

    const AT: Timestamp = Timestamp::from_secs(1_614_265_330);

    fn request(url: &str) -> Notification {
        Notification {
            id: "n-1".into(),
            request: sent_to(url),
            attempt: 1,
            expires_at: None,
            line: 1,
            message_id: "m".into(),
            origin: None,
            replay: None,
        }
    }

    fn sent_to(url: &str) -> Request {
        Request {
            url: url.parse().unwrap(),
            method: Method::POST,
            headers: vec![
                ("X-Id".into(), "7".into()),
                ("authentication".into(), "line".into()),
            ],
            body: Bytes::from_static(b"a=1"),
        }
    }

    fn written(request: &Notification, rules: &DestinationRules, target: Target<'_>) -> String {
        let mut out = Vec::new();
        write_head(&mut out, request, rules, target, AT).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_head_is_exact_and_rules_replace_headers_of_the_line() {
        let rules = DestinationRules {
            headers: vec![("Authentication".into(), SecretText::new("key".into()))],
            ..DestinationRules::default()
        };
        let request = request("https://Tracker.Example:443/a%20b?c=d%7C&e=#frag");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            written(&request, &rules, Target::Origin),
            format!(
                "POST /a%20b?c=d%7C&e= HTTP/1.1\r\nhost: tracker.example\r\nAuthentication: key\r\n\
                 X-Id: 7\r\nx-notification-id: n-1\r\nuser-agent: shukuba/{version}\r\naccept: */*\r\ncontent-length: 3\r\n\r\n"
            )
        );
    }

    #[test]
    fn the_id_is_ours_whatever_the_line_says() {
        let mut line = request("http://h.example/");
        line.request.headers = vec![("X-Notification-ID".into(), "forged".into())];
        let text = written(&line, &DestinationRules::default(), Target::Origin);
        assert!(text.contains("\r\nx-notification-id: n-1\r\n"), "{text}");
        assert!(!text.contains("forged"), "{text}");
        let none = DestinationRules {
            id_header: "".into(),
            ..DestinationRules::default()
        };
        let text = written(&line, &none, Target::Origin);
        assert!(text.contains("X-Notification-ID: forged"), "{text}");
    }

    #[test]
    fn a_signature_is_ours_whatever_the_line_and_the_rules_say() {
        let own = Destination {
            sign: Some(
                toml::from_str("kind = \"standard-webhooks\"\nsecrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]")
                    .unwrap(),
            ),
            id_header: Some("webhook-id".into()),
            ..Destination::default()
        };
        let under = DestinationRules {
            headers: vec![("webhook-signature".into(), SecretText::new("forged".into()))],
            ..DestinationRules::default()
        };
        let none = std::collections::BTreeMap::new();
        let rules = own.resolve("h", &under, &none, &SystemSecrets).unwrap();
        let mut line = request("http://h.example/");
        line.id = "msg_p5jXN8AQM9LWM0D4loKWxJek".into();
        line.request.body = Bytes::from_static(b"{\"test\": 2432232314}");
        line.request.headers = vec![
            ("Webhook-Id".into(), "forged".into()),
            ("WEBHOOK-TIMESTAMP".into(), "forged".into()),
            ("webhook-signature".into(), "forged".into()),
        ];
        let text = written(&line, &rules, Target::Origin);
        assert!(!text.contains("forged"), "{text}");
        assert_eq!(text.to_lowercase().matches("webhook-id:").count(), 1);
        let signature = "\r\nwebhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\nwebhook-timestamp: 1614265330\r\n\
             webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\r\n";
        assert!(text.contains(signature), "{text}");
    }

    #[test]
    fn a_proxy_gets_the_whole_url() {
        let rules = DestinationRules::default();
        let text = written(
            &request("http://h.example:81/p?q"),
            &rules,
            Target::Proxy(Some("Basic eA==")),
        );
        assert!(
            text.starts_with("POST http://h.example:81/p?q HTTP/1.1\r\nhost: h.example:81\r\n")
        );
        assert!(text.contains("\r\nproxy-authorization: Basic eA==\r\n"));
    }

    #[test]
    fn a_get_without_body_has_no_length() {
        let mut get = request("http://h.example/");
        get.request.method = Method::GET;
        get.request.body = Bytes::new();
        assert!(
            !written(&get, &DestinationRules::default(), Target::Origin).contains("content-length")
        );
    }

    #[test]
    fn lines_cannot_smuggle_headers() {
        for (name, value) in [
            ("x", "a\r\nhost: evil"),
            ("x", "a\nb"),
            ("x", "a\0"),
            ("x", "a\x7f"),
            ("x y", "a"),
            ("x:", "a"),
            ("", "a"),
            ("x\r\ny", "a"),
            ("Host", "evil"),
            ("Transfer-Encoding", "chunked"),
            ("content-length", "0"),
            ("CONNECTION", "upgrade"),
            ("Te", "trailers"),
            ("expect", "100-continue"),
            ("HTTP2-Settings", "a"),
            ("proxy-authentication-info", "a"),
            ("é", "a"),
        ] {
            let mut bad = request("http://h.example/");
            bad.request.headers = vec![(name.into(), value.into())];
            let rules = DestinationRules::default();
            assert!(check(&bad.request, &rules).is_err(), "{name:?}: {value:?}");
            assert!(write_head(&mut Vec::new(), &bad, &rules, Target::Origin, AT).is_err());
        }
    }

    #[test]
    fn what_cannot_be_sent_is_said_before() {
        let rules = DestinationRules {
            request_bytes_max: 3,
            ..DestinationRules::default()
        };
        let refusal =
            |request: &Request| check(request, &rules).err().map(|refused| refused.detail);
        assert_eq!(refusal(&sent_to("http://h.example/")), None);
        assert!(
            refusal(&sent_to("http://u:p@h.example/"))
                .unwrap()
                .contains("user or password")
        );
        assert!(
            refusal(&sent_to("ftp://h.example/"))
                .unwrap()
                .contains("scheme `ftp`")
        );
        for method in [Method::CONNECT, Method::TRACE] {
            let refused = refusal(&Request {
                method,
                ..sent_to("http://h.example/")
            });
            assert!(refused.unwrap().contains("is not sent"));
        }
        let long = Request {
            body: Bytes::from_static(b"1234"),
            ..sent_to("http://h.example/")
        };
        assert!(refusal(&long).unwrap().contains("request_bytes_max"));
    }

    #[test]
    fn every_spelling_of_a_special_address_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "127.0.0.1.",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::]",
            "169.254.169.254",
            "[fd00:ec2::254]",
            "[64:ff9b::7f00:1]",
            "１２７.0.0.1",
            "127。0。0。1",
        ] {
            let refused = check(
                &sent_to(&format!("http://{host}/")),
                &DestinationRules::default(),
            );
            assert!(
                refused.unwrap_err().detail.contains("allow_cidrs"),
                "{host}"
            );
        }
    }
}
