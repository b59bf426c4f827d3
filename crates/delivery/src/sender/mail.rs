//! `mailto`: a notification as a mail, handed to the operator's own SMTP server.
//!
//! # Format
//! `mailto:ops@example.com,night@example.com?subject=Backlog%20grows&cc=lead@example.com&body=...` (RFC 6068).
//! The request's body is the text of the mail when there is one, else the URL's `body`. Other fields of the URL
//! are refused, and so are headers of the line; those of the destination are for HTTP and may hold its passwords, so that
//! no mail bears them. The server is `mail_relay` of the destination:
//!
//! - `smtps://user:password@host` — TLS from the start, port 465
//! - `smtp://host:587` — STARTTLS when the server offers it; required as soon as there is a password
//! - `smtp://host?tls=required` or `?tls=none` — required, or never (a server on this machine)
//!
//! The `Message-ID` is made from the notification's id, so that a retry bears the same one and a mail server may
//! tell the double. The relay is the operator's own line: its address is not checked against special ranges.
//!
//! A reply 4yz ends as [`ErrorClass::Deferred`] and is tried again, 5yz as [`ErrorClass::Rejected`]; the status
//! is the reply code.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Tools, blank, not_sendable};
use crate::config::DestinationRules;
use crate::dns;
use crate::port::{Attempt, ErrorClass, NotSendable, Notification, Request, Sender, Timings, Way};

/// Receivers of one mail, copies included (chosen; RFC 5321 asks servers to take 100).
const RECIPIENTS_LIMIT: usize = 50;

/// The schemes for [`super::SENDERS`].
pub(super) const SCHEMES: &[&str] = &["mailto"];

/// The sender for [`super::SENDERS`].
pub(super) fn sender(tools: &Tools) -> Arc<dyn Sender> {
    Arc::new(MailSender {
        clock: Arc::clone(&tools.clock),
        dns: Arc::clone(&tools.dns),
        tls: TlsConfigs::default(),
    })
}

/// Sends mails, a connection each.
pub struct MailSender {
    clock: Arc<dyn Clock>,
    dns: Arc<dns::Cache>,
    tls: TlsConfigs,
}

impl fmt::Debug for MailSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSender").finish_non_exhaustive()
    }
}

impl Sender for MailSender {
    fn schemes(&self) -> &'static [&'static str] {
        SCHEMES
    }

    fn check(&self, request: &Request, rules: &DestinationRules) -> Result<(), NotSendable> {
        if request.body.len() > rules.request_bytes_max {
            let limit = rules.request_bytes_max;
            return Err(not_sendable(format!(
                "the text is longer than request_bytes_max, {limit} bytes"
            )));
        }
        Relay::of(rules)?;
        compose(request, rules, "check", Timestamp::EPOCH).map(|_| ())
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt> {
        Box::pin(self.attempt(notification, rules, budget))
    }

    fn way<'a>(
        &'a self,
        _: &'a Request,
        rules: &'a DestinationRules,
    ) -> BoxFuture<'a, Result<Way, NotSendable>> {
        Box::pin(async move {
            let relay = Relay::of(rules)?;
            let found = self.resolve(&relay).await;
            Ok(Way {
                addresses: found.map_err(|(_, _, detail)| not_sendable(detail))?,
                relay: Some(relay.authority()),
            })
        })
    }
}

/// Whether a `mail_relay` can be read, its secrets filled in.
///
/// # Errors
/// Words for the operator, without the password.
pub(crate) fn check_relay(text: &str) -> Result<(), String> {
    let relay = Relay::read(text).map(|_| ());
    relay.map_err(|refused| refused.detail)
}

/// Whether a `mail_from` is a mail address.
///
/// # Errors
/// Words for the operator.
pub(crate) fn check_from(text: &str) -> Result<(), String> {
    mailbox(text).map(|_| ()).map_err(|refused| refused.detail)
}

/// What ended an attempt early.
type Failure = (ErrorClass, Option<u16>, String);

impl MailSender {
    async fn attempt(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        budget: Duration,
    ) -> Attempt {
        let mut attempt = blank(notification.attempt, self.clock.now());
        let begun = Instant::now();
        let end = begun + rules.timeout_total.min(budget);
        let sent = timeout_at(end, self.deliver(notification, rules, &mut attempt)).await;
        let sent = sent.unwrap_or_else(|_| {
            let detail = "the mail was not taken before the attempt's time was over";
            Err((ErrorClass::TotalTimeout, None, detail.to_owned()))
        });
        if let Err((class, status, detail)) = sent {
            attempt.error = Some(class);
            attempt.status = status;
            attempt.detail = detail;
        }
        attempt.timings.total = begun.elapsed();
        attempt
    }

    async fn deliver(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        attempt: &mut Attempt,
    ) -> Result<(), Failure> {
        let refused = |refused: NotSendable| (ErrorClass::Refused, None, refused.detail);
        let relay = Relay::of(rules).map_err(refused)?;
        let mail = compose(
            &notification.request,
            rules,
            &notification.id,
            attempt.started,
        )
        .map_err(refused)?;
        let begun = Instant::now();
        let addresses = self.resolve(&relay).await?;
        attempt.timings.dns = begun.elapsed();
        attempt.address = addresses.first().copied();
        let mut connection = relay
            .connect(&addresses, rules, &self.tls, &mut attempt.timings)
            .await?;
        attempt.sent = true;
        let begun = Instant::now();
        let reply = connection.send(mail.envelope(), &mail.formatted()).await;
        attempt.timings.first_byte = begun.elapsed();
        let reply = reply.map_err(failed)?;
        attempt.status = Some(reply.code().into());
        let text = reply.message().collect::<Vec<_>>().join("\n");
        let text = text.as_bytes();
        attempt.excerpt =
            Bytes::copy_from_slice(text.get(..rules.response_excerpt_bytes).unwrap_or(text));
        // The mail is taken; whether the server says goodbye changes nothing.
        let _ = timeout_at(
            Instant::now() + Duration::from_millis(200),
            connection.quit(),
        )
        .await;
        Ok(())
    }

    async fn resolve(&self, relay: &Relay) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = relay.host.parse() {
            return Ok(vec![SocketAddr::new(address, relay.port)]);
        }
        let found = self.dns.lookup(&relay.host, dns::Bounds::default()).await;
        let found = found.map_err(|error| (ErrorClass::Dns, None, error.to_string()))?;
        Ok(found
            .iter()
            .map(|address| SocketAddr::new(*address, relay.port))
            .collect())
    }
}

fn failed(error: smtp::Error) -> Failure {
    let status = error.status().map(u16::from);
    let class = match () {
        () if error.is_transient() => ErrorClass::Deferred,
        () if error.is_permanent() => ErrorClass::Rejected,
        () if error.is_timeout() => ErrorClass::TotalTimeout,
        () if error.is_tls() => ErrorClass::Tls,
        () if error.is_response() => ErrorClass::Protocol,
        () => ErrorClass::Closed,
    };
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    (
        class,
        status,
        format!("mail server: {error}{}", source.unwrap_or_default()),
    )
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    FromStart,
    Required,
    Offered,
    None,
}

/// The operator's mail server.
struct Relay {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
}

impl Relay {
    fn of(rules: &DestinationRules) -> Result<Self, NotSendable> {
        let Some(text) = &rules.mail_relay else {
            let name = &rules.name;
            return Err(not_sendable(format!(
                "no mail server: add `mail_relay = \"smtp://host:587\"` under [destinations.\"{name}\"]"
            )));
        };
        Self::read(text.expose())
    }

    fn read(text: &str) -> Result<Self, NotSendable> {
        // The text may hold a password: it is never shown.
        let wrong = || {
            not_sendable(
                "mail_relay is not of the form `smtp://[user:password@]host[:port][?tls=required|none]` or `smtps://...`",
            )
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(wrong)?;
        let has_password = !url.username().is_empty();
        let asked = url
            .query_pairs()
            .find(|(key, _)| key == "tls")
            .map(|(_, value)| value);
        let security = match (url.scheme(), asked.as_deref()) {
            ("smtps", None) => Security::FromStart,
            ("smtp", Some("required")) => Security::Required,
            ("smtp", Some("none")) => Security::None,
            ("smtp", None) if has_password => Security::Required,
            ("smtp", None) => Security::Offered,
            _ => return Err(wrong()),
        };
        let port = if security == Security::FromStart {
            465
        } else {
            25
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            security,
            credentials: has_password.then(|| {
                Credentials::new(
                    decoded(url.username()),
                    decoded(url.password().unwrap_or_default()),
                )
            }),
        })
    }

    /// `host:port`.
    fn authority(&self) -> String {
        let (host, port) = (&self.host, self.port);
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        rules: &DestinationRules,
        tls: &TlsConfigs,
        timings: &mut Timings,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let ca_file = rules.ca_file.as_deref();
        let hello = ClientId::default();
        let from_start = match self.security {
            Security::FromStart => Some(tls.get(&self.host, ca_file).await?),
            _ => None,
        };
        let begun = Instant::now();
        let limit = begun + rules.timeout_connect + rules.timeout_first_byte;
        let connecting = AsyncSmtpConnection::connect_tokio1(
            addresses,
            Some(rules.timeout_connect),
            &hello,
            from_start,
            None,
        );
        let connected = timeout_at(limit, connecting).await;
        timings.connect = begun.elapsed();
        let mut connection = connected
            .map_err(|_| {
                (
                    ErrorClass::ConnectTimeout,
                    None,
                    "no greeting of the mail server in time".to_owned(),
                )
            })?
            .map_err(|error| connect_failed(failed(error)))?;
        let begun = Instant::now();
        let wants = match self.security {
            Security::Required => true,
            Security::Offered => connection.can_starttls(),
            Security::FromStart | Security::None => false,
        };
        if wants {
            let starting = connection.starttls(tls.get(&self.host, ca_file).await?, &hello);
            let secured = timeout_at(begun + rules.timeout_tls, starting).await;
            timings.tls = begun.elapsed();
            secured
                .map_err(|_| {
                    (
                        ErrorClass::TlsTimeout,
                        None,
                        "no TLS with the mail server in time".to_owned(),
                    )
                })?
                .map_err(|error| (ErrorClass::Tls, None, failed(error).2))?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection
                .auth(&mechanisms, credentials)
                .await
                .map_err(failed)?;
        }
        Ok(connection)
    }
}

/// What TLS with a relay needs, by its host and its `ca_file`: read once, as that of HTTP is (`http::tls`), and at most
/// one for each `mail_relay` of the settings.
#[derive(Default)]
struct TlsConfigs(Mutex<HashMap<(String, Option<PathBuf>), TlsParameters>>);

impl TlsConfigs {
    async fn get(&self, host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, Failure> {
        let wrong = |detail: String| (ErrorClass::Tls, None, detail);
        let key = (host.to_owned(), ca_file.map(Path::to_owned));
        if let Some(config) = self.0.lock().get(&key) {
            return Ok(config.clone());
        }
        let (host, path) = key.clone();
        let build = move || tls_config(host, path.as_deref());
        let built = tokio::task::spawn_blocking(build).await;
        let built = built.map_err(|error| wrong(error.to_string()))?;
        let config = built.map_err(wrong)?;
        self.0.lock().insert(key, config.clone());
        Ok(config)
    }
}

/// Reads files, hundreds of certificates where there is no `ca_file`: never on a thread that sends.
fn tls_config(host: String, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host);
    if let Some(path) = ca_file {
        let name = path.display();
        let pem = std::fs::read(path).map_err(|error| format!("ca_file `{name}`: {error}"))?;
        let authority =
            Certificate::from_pem(&pem).map_err(|error| format!("ca_file `{name}`: {error}"))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(authority);
    }
    builder.build_rustls().map_err(|error| error.to_string())
}

/// A connection that was never made is no connection that was closed.
fn connect_failed((class, status, detail): Failure) -> Failure {
    let class = if class == ErrorClass::Closed {
        ErrorClass::Connect
    } else {
        class
    };
    (class, status, detail)
}

/// The mail of a request.
fn compose(
    request: &Request,
    rules: &DestinationRules,
    id: &str,
    at: Timestamp,
) -> Result<lettre::Message, NotSendable> {
    let Some(from) = &rules.mail_from else {
        let name = &rules.name;
        return Err(not_sendable(format!(
            "no sender's address: add `mail_from = \"Name <noreply@example.com>\"` under [destinations.\"{name}\"]"
        )));
    };
    if let Some((header, _)) = request.headers.first() {
        return Err(not_sendable(format!(
            "header `{header}` is not sent: a mail bears none of the line's; leave it out (cc, bcc and subject stand in the URL)"
        )));
    }
    let date = std::time::UNIX_EPOCH + Duration::from_millis(at.as_millis());
    let mut builder = lettre::Message::builder()
        .from(mailbox(from)?)
        .date(date)
        .message_id(Some(message_id(id)))
        .header(ContentType::TEXT_PLAIN);
    let mut text = None;
    let mut recipients = 0;
    builder = add(
        builder,
        "to",
        &decoded(request.url.path())?,
        &mut recipients,
    )?;
    for (name, value) in fields(&request.url)? {
        match name.as_str() {
            "subject" => builder = builder.subject(one_line(&name, value)?),
            "body" => text = Some(value),
            "to" | "cc" | "bcc" => builder = add(builder, &name, &value, &mut recipients)?,
            _ => {
                return Err(not_sendable(format!(
                    "field `{name}` of the mailto URL is not sent; known: to, cc, bcc, subject, body"
                )));
            }
        }
    }
    if recipients == 0 || recipients > RECIPIENTS_LIMIT {
        return Err(not_sendable(format!(
            "{recipients} receivers; a mail has 1 to {RECIPIENTS_LIMIT}"
        )));
    }
    if !request.body.is_empty() {
        let body = std::str::from_utf8(&request.body)
            .map_err(|_| not_sendable("the text of a mail must be UTF-8"))?;
        text = Some(body.to_owned());
    }
    builder
        .body(text.unwrap_or_default())
        .map_err(|error| not_sendable(format!("the mail cannot be written: {error}")))
}

fn add(
    mut builder: MessageBuilder,
    kind: &str,
    list: &str,
    count: &mut usize,
) -> Result<MessageBuilder, NotSendable> {
    for address in list
        .split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
    {
        let mailbox = mailbox(address)?;
        *count += 1;
        builder = match kind {
            "cc" => builder.cc(mailbox),
            "bcc" => builder.bcc(mailbox),
            _ => builder.to(mailbox),
        };
    }
    Ok(builder)
}

fn mailbox(text: &str) -> Result<Mailbox, NotSendable> {
    text.parse().map_err(|error| {
        not_sendable(format!(
            "`{}` is no mail address: {error}",
            text.escape_debug()
        ))
    })
}

/// The fields of a mailto URL. A `+` stands for itself (RFC 6068, section 5).
fn fields(url: &Url) -> Result<Vec<(String, String)>, NotSendable> {
    let query = url.query().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?.to_ascii_lowercase(), decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, NotSendable> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| not_sendable("the mailto URL is not UTF-8"))
}

fn one_line(name: &str, value: String) -> Result<String, NotSendable> {
    if value.chars().any(char::is_control) {
        return Err(not_sendable(format!("`{name}` holds a control character")));
    }
    Ok(value)
}

/// Equal for all attempts of a notification.
fn message_id(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    let digest = digest.get(..16).map(hex::encode).unwrap_or_default();
    format!("<{digest}@shukuba>")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;
    use crate::config::SecretText;
    use crate::sender::contract;

    /// A mail server that answers `RCPT` with `reply` and gives each conversation, all it read, to the test.
    async fn server(reply: &'static str) -> (SocketAddr, UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (said, conversations) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, reply, said.clone()));
            }
        });
        (address, conversations)
    }

    async fn converse(stream: TcpStream, reply: &'static str, said: UnboundedSender<String>) {
        let mut stream = BufReader::new(stream);
        let mut all = String::new();
        let mut is_data = false;
        let mut answer = "220 test ESMTP".to_owned();
        loop {
            if !answer.is_empty()
                && stream
                    .write_all(format!("{answer}\r\n").as_bytes())
                    .await
                    .is_err()
            {
                break;
            }
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                break;
            }
            all.push_str(&line);
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            answer = match verb.as_str() {
                _ if is_data && line == ".\r\n" => {
                    is_data = false;
                    "250 2.0.0 queued as 7".into()
                }
                _ if is_data => String::new(),
                "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN".into(),
                "AUTH" => "235 2.7.0 welcome".into(),
                "RCPT" => reply.into(),
                "DATA" => {
                    is_data = true;
                    "354 go on".into()
                }
                _ => "250 2.1.0 fine".into(),
            };
        }
        let _ = said.send(all);
    }

    fn rules(relay: &str) -> DestinationRules {
        DestinationRules {
            mail_relay: Some(SecretText::new(relay.to_owned())),
            mail_from: Some("Shukuba <noreply@example.com>".to_owned()),
            ..DestinationRules::default()
        }
    }

    fn mail(url: &str) -> Request {
        contract::request(url, http::Method::POST, "")
    }

    #[tokio::test]
    async fn a_mail_says_what_the_url_says() {
        let (address, mut conversations) = server("250 2.1.5 fine").await;
        let url = "mailto:ops@example.com,night@example.com?subject=Backlog%20grows&cc=lead@example.com&body=a+b%0D%0Ac";
        let attempt = contract::send_once(mail(url), rules(&format!("smtp://{address}"))).await;
        assert_eq!(
            (attempt.status, attempt.error),
            (Some(250), None),
            "{}",
            attempt.detail
        );
        assert_eq!((attempt.address, attempt.sent), (Some(address), true));
        assert_eq!(&attempt.excerpt[..], b"2.0.0 queued as 7");
        let said = conversations.recv().await.unwrap();
        for line in [
            "MAIL FROM:<noreply@example.com>",
            "RCPT TO:<ops@example.com>",
            "RCPT TO:<night@example.com>",
            "RCPT TO:<lead@example.com>",
            "Subject: Backlog grows",
            "Message-ID: <",
            "a+b",
        ] {
            assert!(said.contains(line), "{line} is not in {said}");
        }
    }

    #[tokio::test]
    async fn the_body_of_the_request_is_the_text() {
        let (address, mut conversations) = server("250 fine").await;
        let request = contract::request(
            "mailto:ops@example.com?body=no",
            http::Method::POST,
            "the text",
        );
        contract::send_once(request, rules(&format!("smtp://{address}"))).await;
        let said = conversations.recv().await.unwrap();
        assert!(
            said.contains("\r\n\r\nthe text") && !said.contains("\r\n\r\nno"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn no_header_of_the_line_or_the_destination_is_in_a_mail() {
        let (address, mut conversations) = server("250 fine").await;
        let rules = DestinationRules {
            headers: vec![("Authentication".into(), SecretText::new("hunter2".into()))],
            ..rules(&format!("smtp://{address}"))
        };
        let attempt = contract::send_once(mail("mailto:a@example.com"), rules.clone()).await;
        assert_eq!(attempt.status, Some(250), "{}", attempt.detail);
        let said = conversations.recv().await.unwrap();
        assert!(!said.contains("hunter2"), "{said}");
        let mut with_header = mail("mailto:a@example.com");
        with_header.headers = vec![("Reply-To".into(), "b@example.com".into())];
        let refused = contract::senders().check(&with_header, &rules).unwrap_err();
        assert!(
            refused.detail.contains("header `Reply-To`"),
            "{}",
            refused.detail
        );
    }

    #[tokio::test]
    async fn replies_are_deferred_or_rejected() {
        for (reply, status, class) in [
            ("450 4.2.0 busy", 450, ErrorClass::Deferred),
            ("550 5.1.1 nobody", 550, ErrorClass::Rejected),
        ] {
            let (address, _) = server(reply).await;
            let attempt = contract::send_once(
                mail("mailto:a@example.com"),
                rules(&format!("smtp://{address}")),
            )
            .await;
            assert_eq!(
                (attempt.status, attempt.error),
                (Some(status), Some(class)),
                "{}",
                attempt.detail
            );
        }
    }

    #[tokio::test]
    async fn a_password_goes_over_tls_only() {
        let (address, mut conversations) = server("250 fine").await;
        let rules = rules(&format!("smtp://user:hunter2@{address}"));
        let attempt = contract::send_once(mail("mailto:a@example.com"), rules).await;
        assert_eq!(attempt.error, Some(ErrorClass::Tls), "{}", attempt.detail);
        let said = conversations.recv().await.unwrap();
        assert!(!said.contains("AUTH"), "{said}");
        assert!(!format!("{attempt:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn authorities_are_read_once_for_each_relay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let made = rcgen::generate_simple_self_signed(vec!["mail.example".to_owned()]).unwrap();
        std::fs::write(&file, made.cert.pem()).unwrap();
        let all = TlsConfigs::default();
        for host in ["mail.example", "mx.example"] {
            assert!(all.get(host, Some(&file)).await.is_ok());
        }
        std::fs::remove_file(&file).unwrap();
        for (host, is_known) in [
            ("mail.example", true),
            ("mx.example", true),
            ("new.example", false),
        ] {
            assert_eq!(all.get(host, Some(&file)).await.is_ok(), is_known, "{host}");
        }
    }

    #[tokio::test]
    async fn the_way_of_a_mail_is_its_relay_without_the_password() {
        let senders = contract::senders();
        let mail = mail("mailto:a@example.com");
        for (relay, authority, address) in [
            (
                "smtp://user:hunter2@127.0.0.1",
                "127.0.0.1:25",
                "127.0.0.1:25",
            ),
            ("smtps://[::1]", "[::1]:465", "[::1]:465"),
        ] {
            let way = senders.way(&mail, &rules(relay)).await.unwrap();
            assert_eq!(way.relay.as_deref(), Some(authority));
            assert_eq!(way.addresses, [address.parse().unwrap()]);
        }
    }

    #[tokio::test]
    async fn mail_keeps_the_contract_of_senders() {
        let (address, _) = server("250 fine").await;
        let refused = mail("mailto:a@example.com?x-evil=1");
        let good = mail("mailto:a@example.com");
        // Where a mail goes is in the rules: those who are silent or absent have the contract of their own below.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = listener.local_addr().unwrap();
        let absent = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let relays = [address, silent, absent].map(|address| rules(&format!("smtp://{address}")));
        let [to_good, to_silent, to_absent] = relays;
        contract::holds(
            (&good, &to_good),
            (&good, &to_silent),
            (&good, &to_absent),
            (&refused, &to_good),
        )
        .await;
    }

    #[test]
    fn what_cannot_be_a_mail_is_refused_with_the_reason() {
        let good = rules("smtp://localhost");
        for (url, words) in [
            ("mailto:", "0 receivers"),
            ("mailto:a@example.com?bcc2=x", "field `bcc2`"),
            ("mailto:nobody", "no mail address"),
            (
                "mailto:a@example.com?subject=a%0d%0aBcc:%20evil@example.com",
                "control character",
            ),
            (
                "mailto:a@example.com%0d%0aRCPT%20TO:evil@example.com",
                "no mail address",
            ),
            ("mailto:%ff@example.com", "not UTF-8"),
        ] {
            let refused = compose(&mail(url), &good, "n", Timestamp::EPOCH).unwrap_err();
            assert!(refused.detail.contains(words), "{url}: {}", refused.detail);
        }
        for (relay, words) in [
            ("http://x", "mail_relay"),
            ("smtp://x?tls=maybe", "mail_relay"),
            ("smtp:///", "mail_relay"),
        ] {
            let refused = Relay::of(&rules(relay)).err().unwrap();
            assert!(refused.detail.contains(words), "{relay}");
        }
        let none = Relay::of(&DestinationRules::default()).err().unwrap();
        assert!(
            none.detail.contains("[destinations.\"*\"]"),
            "{}",
            none.detail
        );
    }

    #[test]
    fn the_relay_decides_when_tls_begins() {
        for (text, port, security) in [
            ("smtps://u:p@mail.example", 465, Security::FromStart),
            ("smtp://mail.example:587", 587, Security::Offered),
            ("smtp://u:p@mail.example:587", 587, Security::Required),
            ("smtp://mail.example?tls=required", 25, Security::Required),
            ("smtp://u:p@mail.example?tls=none", 25, Security::None),
        ] {
            let relay = Relay::of(&rules(text)).ok().unwrap();
            assert_eq!((relay.port, relay.security), (port, security), "{text}");
        }
    }
}
