//! What can name a destination: a host, with a port or a path, and patterns of hosts.

use url::Url;

/// Whether it can name receivers: a host with or without a port and a path, `*.` and a domain, or `*`; as URLs are read.
///
/// # Errors
/// Words for the operator.
pub fn check_pattern(name: &str) -> Result<(), String> {
    let domain = name.strip_prefix("*.").unwrap_or(name);
    if name == "*" {
        return Ok(());
    }
    let (domain, path) = match domain.find('/').and_then(|at| domain.split_at_checked(at)) {
        Some((domain, path)) => (domain, Some(path)),
        None => (domain, None),
    };
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (domain, "1"),
    };
    let is_host = !host.is_empty()
        && !domain.contains(['*', '@', ' '])
        && port.parse::<u16>().is_ok()
        && (!host.contains(':') || host.starts_with('['))
        && domain == domain.to_lowercase();
    if !is_host {
        return Err(format!(
            "`{name}` is not a host in lower case, such as `api2.appsflyer.com`, `*.appsflyer.com`, `[::1]`, `hooks.example.com/team` for what lies below a path, or `*` for the defaults"
        ));
    }
    match as_in_urls(host) {
        None => Err(format!("`{host}` is no host that a URL can have")),
        Some(written) if written != host => Err(format!(
            "`{host}` is never met: URLs are read as `{written}`; write that"
        )),
        Some(_) => path.map_or(Ok(()), |path| check_path(name, path)),
    }
}

/// A path that URLs can have, as they are read.
fn check_path(name: &str, path: &str) -> Result<(), String> {
    if name.starts_with("*.") {
        return Err("has a path, which is of one host: name the host".to_owned());
    }
    if path.ends_with('/') {
        return Err(
            "what lies below a path is meant anyway: leave out the `/` at the end".to_owned(),
        );
    }
    let url = Url::parse(&format!("http://h{path}"));
    match url.as_ref().map(Url::path) {
        Ok(read) if read == path => Ok(()),
        Ok(read) if !path.contains(['?', '#']) => Err(format!(
            "`{path}` is never met: URLs are read as `{read}`; write that"
        )),
        _ => Err(format!("`{path}` is not the path of a URL alone")),
    }
}

/// A host as [`crate::destinations::authority`] names it.
fn as_in_urls(host: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let host = url.host_str()?;
    Some(host.strip_suffix('.').unwrap_or(host).to_owned())
}
