//! `shukuba config check | reference | show`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use crate::app::{self, App};
use crate::config::{Server, reference};
use crate::{data, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what is wrong with the settings, each with its line and what would be right (exit code 2 if anything is)
    Check,
    /// Print the settings that hold, all defaults filled in
    Show,
    /// Print the reference page of all settings, in Markdown
    Reference,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Reference => output::print(reference::page().trim_end()),
        What::Show => output::show(app.output(), &app.config()?.config.shown(), |config| {
            toml::to_string(config).unwrap_or_else(|error| error.to_string())
        }),
        What::Check => check(app)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(app: &App) -> anyhow::Result<()> {
    let loaded = app.config_to_serve()?;
    let server = &loaded.config.server;
    if let (Some(certificate), Some(key)) = (&server.tls_certificate, &server.tls_key) {
        gateway::Tls::open(certificate, key)
            .map_err(|error| app::usage(format!("server.tls_certificate: {}", chain(&error))))?;
    }
    let dir = app.data_dir();
    if dir.join(data::REGION_FILE).exists() {
        let region = server.region.parse().context("server.region")?;
        data::check_region(&dir, &region)?;
    }
    let mut warnings = loaded.warnings.clone();
    warnings.extend(beyond_loopback(server));
    for warning in &warnings {
        output::complain(&format!("warning: {warning}"));
    }
    let file = loaded.file.as_ref().map(|path| path.display().to_string());
    let answer = serde_json::json!({
        "ok": true,
        "file": file,
        "routes": loaded.config.routes.keys().collect::<Vec<_>>(),
        "destinations": loaded.config.destinations.keys().collect::<Vec<_>>(),
        "warnings": warnings,
    });
    output::show(app.output(), &answer, |_| {
        let file = file.as_deref().unwrap_or("no file, built-in settings");
        let of = |count: usize, thing| output::of(count as u64, thing);
        let routes = of(loaded.config.routes.len(), "route");
        let destinations = of(loaded.config.destinations.len(), "destination");
        format!("ok: {file}: {routes}, {destinations}")
    });
    Ok(())
}

/// What `serve` refuses unless its own argument accepts it.
fn beyond_loopback(server: &Server) -> Option<String> {
    let is_open = !server.listen.ip().is_loopback()
        && server.tls_certificate.is_none()
        && !server.insecure_http;
    is_open.then(|| {
        format!(
            "server.listen: `{}` is not a loopback address, and there is no certificate: `serve` refuses that without --insecure-http",
            server.listen
        )
    })
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_door_is_said() {
        let server = |listen: &str, insecure_http| Server {
            listen: listen.parse().unwrap(),
            insecure_http,
            ..Server::default()
        };
        assert_eq!(beyond_loopback(&server("127.0.0.1:1", false)), None);
        assert_eq!(beyond_loopback(&server("0.0.0.0:1", true)), None);
        let said = beyond_loopback(&server("0.0.0.0:1", false)).unwrap();
        assert!(said.contains("--insecure-http"), "{said}");
    }
}
