//! The data directory as commands see it without a server: what lies in it beside the keys, and where the server listens.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;

use crate::app::App;
use crate::config::Server;

/// Where a running server writes the URL that it answers at.
const ENDPOINT_FILE: &str = "endpoint";

/// The URL at which the server of this data directory answers on this machine: as the running one wrote it, else as
/// the settings say.
pub(crate) fn local_url(app: &App, server: &Server) -> String {
    let written = std::fs::read_to_string(app.data_dir().join(ENDPOINT_FILE)).ok();
    let scheme = if server.tls_certificate.is_some() {
        "https"
    } else {
        "http"
    };
    written
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| format!("{scheme}://{}", reachable(server.listen)))
}

/// Writes the URL for the commands of this machine.
pub(crate) fn write_endpoint(dir: &Path, url: &str) -> anyhow::Result<()> {
    let path = dir.join(ENDPOINT_FILE);
    let temporary = dir.join("endpoint.new");
    std::fs::write(&temporary, format!("{url}\n"))
        .and_then(|()| std::fs::rename(&temporary, &path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// The region that stands in the ARNs of this data; noted at the first start.
pub(crate) const REGION_FILE: &str = "region";

/// Refuses another region than the one that the data was made with: policies name dead-letter queues by ARN, and would
/// name none.
pub(crate) fn check_region(dir: &Path, region: &base::Region) -> anyhow::Result<()> {
    let path = dir.join(REGION_FILE);
    let known = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return std::fs::write(&path, format!("{region}\n"))
                .with_context(|| format!("cannot write `{}`", path.display()));
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    };
    if known == region.to_string() {
        return Ok(());
    }
    Err(crate::app::usage(format!(
        "server.region is `{region}`, and the queues in `{}` were made in `{known}`: put `region = \"{known}\"`, or remove `{}` \
         and set the redrive policies anew, whose ARNs name the old one",
        dir.display(),
        path.display()
    )))
}

const SALT_FILE: &str = "salt";

/// The secret by which URLs are hashed in results; made at the first start.
pub(crate) fn salt(dir: &Path) -> anyhow::Result<delivery::result::Salt> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.join(SALT_FILE);
    let failed = || format!("cannot use `{}`", path.display());
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes: [u8; 32] = bytes
                .try_into()
                .map_err(|_| anyhow::anyhow!("`{}` is not 32 bytes", path.display()))?;
            Ok(delivery::result::Salt::new(bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if has_results(dir) {
                tracing::warn!(
                    path = %path.display(),
                    "the secret of the results is lost, a new one is made: `why` finds none of the older results by URL until it is put back"
                );
            }
            let salt = delivery::result::Salt::random();
            let temporary = dir.join("salt.new");
            let mut file = std::fs::File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)
                .with_context(failed)?;
            file.write_all(salt.bytes())
                .and_then(|()| file.sync_all())
                .with_context(failed)?;
            std::fs::rename(&temporary, &path).with_context(failed)?;
            Ok(salt)
        }
        Err(error) => Err(error).with_context(failed),
    }
}

fn has_results(dir: &Path) -> bool {
    std::fs::read_dir(dir.join("results")).is_ok_and(|mut entries| entries.next().is_some())
}

/// Whether a server has run here: all of this is made when the account stands.
pub(crate) fn has_been_served(dir: &Path) -> bool {
    let made = ["journal", REGION_FILE, SALT_FILE];
    made.iter().any(|name| dir.join(name).exists())
}

/// Whether a server has run here and its journal is gone: the secret is made when the journal stands.
pub(crate) fn has_lost_journal(dir: &Path) -> bool {
    let is_segment = |entry: std::fs::DirEntry| {
        let path = entry.path();
        path.extension().is_some_and(|kind| kind == "seg")
    };
    let has_log = std::fs::read_dir(dir.join("journal"))
        .is_ok_and(|entries| entries.flatten().any(is_segment));
    dir.join(SALT_FILE).exists() && !has_log
}

/// This machine's name.
pub(crate) fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Whether there is data here and no server has it open.
pub(crate) fn is_down(app: &App) -> bool {
    let dir = app.data_dir();
    let is_elsewhere = std::env::var_os("SHUKUBA_ENDPOINT").is_some_and(|url| !url.is_empty());
    !is_elsewhere && !was_never_served(app) && is_free(&dir)
}

/// Whether no server has ever had the data directory.
pub(crate) fn was_never_served(app: &App) -> bool {
    !app.data_dir().join("FORMAT").exists()
}

/// Whether a server has the data open and says where it answers.
pub(crate) fn is_served(dir: &Path) -> bool {
    dir.join(ENDPOINT_FILE).exists() && !is_free(dir)
}

/// Whether nobody has the data open. Whoever has holds the lock; the lock taken here goes at once. Where there is none, as in
/// what was restored, nobody has come yet.
fn is_free(dir: &Path) -> bool {
    match std::fs::File::open(dir.join("LOCK")) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Removes what [`write_endpoint`] wrote: nobody answers there.
pub(crate) fn remove_endpoint(dir: &Path) {
    if let Err(error) = std::fs::remove_file(dir.join(ENDPOINT_FILE))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the file with the endpoint was not removed");
    }
}

/// An address to connect to for one that is listened on: `0.0.0.0` is no place to go.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_region_than_that_of_the_data_is_refused_with_both_ways_out() {
        let dir = tempfile::tempdir().unwrap();
        let region = |name: &str| name.parse::<base::Region>().unwrap();
        check_region(dir.path(), &region("eu-west-1")).unwrap();
        check_region(dir.path(), &region("eu-west-1")).unwrap();
        let error = check_region(dir.path(), &region("us-east-1")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("put `region = \"eu-west-1\"`"), "{text}");
        std::fs::remove_file(dir.path().join(REGION_FILE)).unwrap();
        check_region(dir.path(), &region("us-east-1")).unwrap();
    }
}
