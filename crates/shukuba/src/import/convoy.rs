//! Convoy: answers of `/projects/ID/endpoints` and of `/projects/ID`, or rows of `convoy.endpoints` as JSON.

use delivery::config::Span;

use super::endpoint::{Auth, Context, Endpoint, Found, seconds};
use super::read::{self, Record};

/// What a project has that was not set up otherwise: 100 s, ten times.
const STRATEGY: (&str, u64, u64) = ("linear", 100, 10);
/// The longest wait of `exponential`, and the most of them that are written; the last repeats.
const WAIT_SECS_MAX: u64 = 7_200;
const WAITS_MAX: u64 = 20;
const TIMEOUT_SECS: u64 = 10;
const HEADER: &str = "X-Convoy-Signature";

/// What holds for all endpoints of a project.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Project {
    header: String,
    algorithm: &'static str,
    encoding: String,
    /// Which version that is, from 1, and of how many.
    version: usize,
    strategy: (String, u64, u64),
}

impl Default for Project {
    fn default() -> Self {
        let (kind, duration, count) = STRATEGY;
        Self {
            header: HEADER.to_owned(),
            algorithm: "sha256",
            encoding: "hex".to_owned(),
            version: 1,
            strategy: (kind.to_owned(), duration, count),
        }
    }
}

impl Project {
    /// The project of the export, or one that nobody set up; more than one is refused.
    pub(super) fn of(records: &[Record]) -> Result<Self, String> {
        let mut projects = records.iter().filter(|record| is_project(record));
        let Some(record) = projects.next() else {
            return Ok(Self::default());
        };
        if projects.any(|other| other != record) {
            return Err(
                "holds two projects, and endpoints of both: import one after the other".to_owned(),
            );
        }
        let mut project = Self::default();
        let Some(config) = record.object("config")? else {
            return Ok(project);
        };
        if let Some(signature) = config.object("signature")? {
            project.take_signature(&signature)?;
        }
        if let Some(strategy) = config.object("strategy")? {
            let (kind, duration, count) = project.strategy;
            project.strategy = (
                strategy.text(&["type"])?.unwrap_or(&kind).to_owned(),
                strategy.count(&["duration"])?.unwrap_or(duration),
                strategy.count(&["retry_count"])?.unwrap_or(count),
            );
        }
        Ok(project)
    }

    fn take_signature(&mut self, signature: &Record) -> Result<(), String> {
        if let Some(header) = signature.text(&["header"])? {
            header.clone_into(&mut self.header);
        }
        let versions: Vec<_> = read::objects(signature.list("versions")?).collect();
        let Some(last) = versions.last() else {
            return Ok(());
        };
        self.version = versions.len();
        self.algorithm = match last.text(&["hash"])?.unwrap_or("SHA256") {
            "SHA256" => "sha256",
            "SHA512" => "sha512",
            other => {
                return Err(format!(
                    "its project signs by `{other}`; SHA256 and SHA512 are known"
                ));
            }
        };
        last.text(&["encoding"])?
            .unwrap_or("hex")
            .clone_into(&mut self.encoding);
        Ok(())
    }

    fn waits(&self) -> Vec<u64> {
        let (kind, duration, count) = &self.strategy;
        let first = (*duration).clamp(1, 86_400);
        if kind != "exponential" {
            return vec![first];
        }
        let doubled = |n: u64| {
            first
                .saturating_mul(1 << n.min(32))
                .min(WAIT_SECS_MAX.max(first))
        };
        (0..(*count).clamp(1, WAITS_MAX)).map(doubled).collect()
    }

    /// How long it is tried, with some air.
    pub(super) fn retry_for(&self) -> String {
        let (_, _, count) = self.strategy;
        let waits = self.waits();
        let last = waits.last().copied().unwrap_or(1);
        let written: u64 = waits.iter().sum();
        let more = count
            .saturating_sub(waits.len() as u64)
            .saturating_mul(last);
        let all = written.saturating_add(more).saturating_add(60);
        Span::secs(all.min(14 * 86_400)).to_string()
    }
}

fn is_project(record: &Record) -> bool {
    record.has("config") && record.get(&["target_url", "url"]).is_none()
}

pub(super) fn read(
    record: &Record,
    project: &Project,
    context: Context<'_>,
) -> Result<Found, String> {
    if is_project(record) || record.has_time("deleted_at")? {
        return Ok(Found::None);
    }
    let id = record.needed(&["uid", "id"])?;
    let left = |why: &str| Found::Left {
        id: id.to_owned(),
        why: why.to_owned(),
    };
    if record.is("is_encrypted")? {
        return Ok(left("its row is encrypted: export by the API"));
    }
    let status = record.text(&["status"])?.unwrap_or("active");
    let mut endpoint = Endpoint {
        id: id.to_owned(),
        url: record.needed(&["target_url", "url"])?.to_owned(),
        label: record
            .text(&["title", "name"])?
            .unwrap_or_default()
            .to_owned(),
        is_disabled: status != "active",
        ..Endpoint::default()
    };
    let live: Vec<_> = read::objects(record.list("secrets")?)
        .filter(|secret| !matches!(secret.has_time("deleted_at"), Ok(true)))
        .collect();
    for secret in live.iter().rev() {
        let value = secret.needed(&["value"])?;
        match endpoint.secrets.is_empty() {
            true => endpoint.secrets.push(value.to_owned()),
            false => endpoint.previous(value, secret.text(&["expires_at"])?, context.now),
        }
    }
    if endpoint.secrets.is_empty() {
        return Ok(left("has no live secret in `secrets`"));
    }
    sign(&mut endpoint, project, record.is("advanced_signatures")?);
    authenticate(&mut endpoint, record)?;
    endpoint.retry(&seconds(&project.waits()), &[]);
    endpoint.timeout(
        record
            .seconds("http_timeout")?
            .filter(|secs| *secs > 0)
            .unwrap_or(TIMEOUT_SECS),
    );
    let per = record.seconds("rate_limit_duration")?.unwrap_or(60).max(1);
    if let Some(count) = record.count(&["rate_limit"])?.filter(|count| *count > 0) {
        endpoint.rate(count, per);
    }
    match record
        .text(&["content_type"])?
        .unwrap_or("application/json")
    {
        "application/json" => {}
        other => endpoint.note(format!(
            "is sent `{other}`: give such a body and its content-type in the lines"
        )),
    }
    if record.get(&["mtls_client_cert"]).is_some() {
        endpoint.note("has a client certificate: set `client_certificate` and `client_key`");
    }
    Ok(Found::Endpoint(Box::new(endpoint)))
}

fn sign(endpoint: &mut Endpoint, project: &Project, is_advanced: bool) {
    endpoint.sign("kind", "hmac");
    if project.algorithm != "sha256" {
        endpoint.sign("algorithm", project.algorithm);
    }
    if project.encoding != "hex" {
        endpoint.sign("encoding", project.encoding.as_str());
    }
    let value = if is_advanced {
        endpoint.sign("content", "{@time.unix},{@body}");
        endpoint.sign("signature", format!("v{}={{digest}}", project.version));
        endpoint.sign("join", ",");
        if project.version > 1 {
            endpoint.note(format!(
                "its project signs by {} versions at once; only v{}, the newest, is written",
                project.version, project.version
            ));
        }
        "t={@time.unix},{signatures}"
    } else {
        // There the newest alone signs, as here without `join`.
        endpoint.secrets.truncate(1);
        endpoint
            .notes
            .retain(|note| !note.contains("previous secret"));
        "{signatures}"
    };
    endpoint.sign(
        "headers",
        toml::Table::from_iter([(project.header.clone(), value.into())]),
    );
}

fn authenticate(endpoint: &mut Endpoint, record: &Record) -> Result<(), String> {
    if let Some(name) = record.text(&["authentication_type_api_key_header_name"])? {
        let value = record.needed(&["authentication_type_api_key_header_value"])?;
        endpoint.headers.push((name.to_owned(), value.to_owned()));
        return Ok(());
    }
    let Some(auth) = record.object("authentication")? else {
        return Ok(());
    };
    match auth.text(&["type"])?.unwrap_or_default() {
        "" => {}
        "api_key" => {
            if let Some(key) = auth.object("api_key")? {
                let (name, value) = (
                    key.needed(&["header_name"])?,
                    key.needed(&["header_value"])?,
                );
                endpoint.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        "basic_auth" => {
            if let Some(basic) = auth.object("basic_auth")? {
                endpoint.auth = Some(Auth::Basic {
                    user: basic.needed(&["username"])?.to_owned(),
                    password: basic.needed(&["password"])?.to_owned(),
                });
            }
        }
        "oauth2" => take_oauth2(endpoint, &auth)?,
        other => endpoint.note(format!(
            "authenticates by `{other}`, which is not known: set `[….auth]`"
        )),
    }
    Ok(())
}

fn take_oauth2(endpoint: &mut Endpoint, auth: &Record) -> Result<(), String> {
    let Some(oauth2) = auth.object("oauth2")? else {
        return Ok(());
    };
    let Some(secret) = oauth2.text(&["client_secret"])? else {
        endpoint.note(
            "gets its OAuth 2 tokens by a signed assertion: set `[….auth]` with a client secret",
        );
        return Ok(());
    };
    let owned = |key: &str| Ok::<_, String>(oauth2.text(&[key])?.map(str::to_owned));
    endpoint.note("gets OAuth 2 tokens: where their server refuses it, add `client_auth = \"body\"` to `[….auth]`");
    endpoint.auth = Some(Auth::Oauth2 {
        url: oauth2.needed(&["url"])?.to_owned(),
        id: oauth2.needed(&["client_id"])?.to_owned(),
        secret: secret.to_owned(),
        scope: owned("scope")?,
        audience: owned("audience")?,
    });
    Ok(())
}
