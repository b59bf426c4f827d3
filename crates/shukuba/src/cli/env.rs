//! `shukuba env`: what aws-cli and SDKs need to reach this server.

use std::process::ExitCode;

use anyhow::Context;

use crate::app::App;
use crate::client::tls::{self, Root};
use crate::config::Server;
use crate::{account, data, output};

/// Print the variables for aws-cli and SDKs: `eval "$(shukuba env)"`
///
/// Makes the account at the first time, so that it works before, during and after `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Make a new account and administrator where `iam.log` is lost: keys that were handed out are taken no longer
    #[arg(long)]
    new_keys: bool,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let server = app.server();
    let dir = app.data_dir();
    let keys = match args.new_keys {
        true => account::make_anew(&dir, &server)?,
        false => account::open_or_make(&dir, &server)?,
    };
    let key = keys
        .administrator()
        .context("the data directory has no administrator's key")?;
    let url = server
        .public_url
        .clone()
        .unwrap_or_else(|| data::local_url(app, &server));
    if output::is_terminal() {
        output::complain(
            "warning: these lines hold the administrator's secret; use them as: eval \"$(shukuba env)\"",
        );
    }
    let bundle = bundle(&server)?;
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", url.trim_end_matches('/')),
        ("AWS_ACCESS_KEY_ID", key.key.id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", key.secret.expose()),
        ("AWS_DEFAULT_REGION", server.region.as_str()),
    ];
    variables.extend(bundle.as_deref().map(|path| ("AWS_CA_BUNDLE", path)));
    let object: serde_json::Map<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    output::show(app.output(), &object, |_| {
        let lines = variables
            .iter()
            .map(|(name, value)| format!("export {name}={}", quoted(value)));
        // One of another account would be sent along with this key.
        let token = std::iter::once("unset AWS_SESSION_TOKEN".to_owned());
        lines.chain(token).collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

/// The server's certificates, where a client must trust them by name: their root is none of the system's.
fn bundle(server: &Server) -> anyhow::Result<Option<String>> {
    let Some(path) = &server.tls_certificate else {
        return Ok(None);
    };
    match tls::root_of(path) {
        Some(Root::InTheChain) => {
            let path = std::path::absolute(path)?;
            Ok(Some(path.display().to_string()))
        }
        Some(Root::Elsewhere) => {
            output::complain(&format!(
                "warning: the system does not know who issued `{}`, and the file does not hold the root: set AWS_CA_BUNDLE to it",
                path.display()
            ));
            Ok(None)
        }
        Some(Root::OfTheSystem) | None => Ok(None),
    }
}

/// A word for a shell; quoted only where it has to be.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
