//! What every command shares: where the data and the settings are, the form of output, the log, the runtime.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::output::Format;

/// Arguments that every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The data directory [default: $STATE_DIRECTORY, else $XDG_DATA_HOME/shukuba, else ~/.local/share/shukuba]
    #[arg(
        long,
        global = true,
        env = "SHUKUBA_DATA",
        value_name = "DIR",
        hide_env_values = true
    )]
    pub(crate) data: Option<PathBuf>,

    /// The settings [default: ./shukuba.toml, else $XDG_CONFIG_HOME/shukuba/shukuba.toml, else /etc/shukuba/shukuba.toml, else none]
    #[arg(
        long,
        global = true,
        env = "SHUKUBA_CONFIG",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// The form of the result on standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORM")]
    pub(crate) output: Format,
}

/// The arguments or the settings are wrong: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error of usage, for `return Err(usage(…))`.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(text.into()))
}

/// 2 for wrong arguments or settings, else 1.
pub(crate) fn exit_code_of(error: &anyhow::Error) -> u8 {
    let is_agents = error.downcast_ref::<agent::command::Usage>().is_some();
    if error.downcast_ref::<Usage>().is_some() || is_agents {
        2
    } else {
        1
    }
}

/// What a command is run with.
#[derive(Clone, Debug)]
pub(crate) struct App {
    global: Global,
}

impl App {
    pub(crate) fn new(global: Global) -> Self {
        Self { global }
    }

    /// The form of the result.
    pub(crate) fn output(&self) -> Format {
        self.global.output
    }

    /// The data directory that the arguments, the environment or the defaults name. It may not exist yet.
    pub(crate) fn data_dir(&self) -> PathBuf {
        let given = self.global.data.clone();
        given.unwrap_or_else(default_data_dir)
    }

    /// The settings file; `None` when none was named and none lies in the usual places.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        let given = self.global.config.clone();
        given.or_else(|| usual_config_files().into_iter().find(|path| path.is_file()))
    }

    /// The settings: file, then environment.
    pub(crate) fn config(&self) -> anyhow::Result<crate::config::Loaded> {
        let variables: Vec<_> = std::env::vars().collect();
        crate::config::load(self.config_file().as_deref(), &variables)
            .map_err(|error| usage(error.to_string()))
    }

    /// The settings for those who only read the data; a mistake elsewhere is said and stops nobody.
    pub(crate) fn config_to_read(&self) -> anyhow::Result<crate::config::Loaded> {
        let variables: Vec<_> = std::env::vars().collect();
        let (loaded, wrong) =
            crate::config::load_to_read(self.config_file().as_deref(), &variables)
                .map_err(|error| usage(error.to_string()))?;
        if let Some(wrong) = wrong {
            crate::output::complain(&format!(
                "warning: the settings have a mistake that reading does not mind: {wrong}"
            ));
        }
        Ok(loaded)
    }

    /// The settings for those who serve or send, with all that they name: what `config check` says is wrong stops them.
    pub(crate) fn config_to_serve(&self) -> anyhow::Result<crate::config::Loaded> {
        let mut loaded = self.config()?;
        let secrets = self.secrets();
        crate::config::check_sources(&loaded, &secrets)
            .map_err(|error| usage(error.to_string()))?;
        let shadowed = secrets.shadowed(&loaded);
        loaded.warnings.extend(shadowed);
        Ok(loaded)
    }

    /// The secrets that the settings name, as they are now.
    pub(crate) fn secrets(&self) -> crate::secrets::OwnSecrets {
        crate::secrets::OwnSecrets::of(self.data_dir())
    }

    /// `[server]` for a client, which needs no more. With a mistake in the file a server that runs keeps its old settings,
    /// and so its clients must go on too.
    pub(crate) fn server(&self) -> crate::config::Server {
        match self.config() {
            Ok(loaded) => loaded.config.server,
            Err(error) => {
                static ONCE: std::sync::Once = std::sync::Once::new();
                ONCE.call_once(|| {
                    crate::output::complain(&format!(
                        "warning: the settings have a mistake and are not used: {error:#}"
                    ));
                });
                let file = self.config_file();
                file.map(|file| crate::config::server_of(&file))
                    .unwrap_or_default()
            }
        }
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn default_data_dir() -> PathBuf {
    let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("."));
    variable("STATE_DIRECTORY")
        .or_else(|| variable("XDG_DATA_HOME").map(|base| base.join("shukuba")))
        .unwrap_or_else(|| home().join(".local/share/shukuba"))
}

fn usual_config_files() -> Vec<PathBuf> {
    let base =
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
    let mut files = vec![PathBuf::from("shukuba.toml")];
    files.extend(base.map(|base| base.join("shukuba/shukuba.toml")));
    files.push(PathBuf::from("/etc/shukuba/shukuba.toml"));
    files
}

/// Where state that belongs to no server lies (what `ship` has sent).
pub(crate) fn state_dir() -> PathBuf {
    let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("."));
    variable("XDG_STATE_HOME").map_or_else(
        || home().join(".local/state/shukuba"),
        |base| base.join("shukuba"),
    )
}

/// Starts the log on standard error: `SHUKUBA_LOG` or `RUST_LOG` decide, else `default_level`.
pub(crate) fn start_log(default_level: &str) {
    let wanted = ["SHUKUBA_LOG", "RUST_LOG"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    // Every refusal of a client is an error to it, and at `debug` it shows whole heads: only who names it gets it.
    let wanted = wanted.map(|text| quiet("s3s", &text));
    let default_level = &quiet("s3s", default_level);
    let filter = wanted
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(default_level));
    let is_json = ["SHUKUBA_LOG_FORMAT", "AWS_LAMBDA_LOG_FORMAT"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|form| form.eq_ignore_ascii_case("json")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let started = if is_json {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
    if let Err(error) = started {
        crate::output::complain(&format!("warning: no log: {error}"));
    }
}

/// A filter that is silent of `target`, unless it names it.
fn quiet(target: &str, filter: &str) -> String {
    match filter.contains(target) {
        true => filter.to_owned(),
        false => format!("{filter},{target}=off"),
    }
}

/// Runs `work` on a runtime of one thread, which is enough for every command but `serve`.
pub(crate) fn block_on<F: Future>(work: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(work))
}
