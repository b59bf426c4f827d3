//! What the service manager is told: ready, stopping, alive (sd_notify: datagrams to `$NOTIFY_SOCKET`).
//!
//! Source: the manual page sd_notify(3). Without a service manager nothing is sent.

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Tells the service manager.
#[derive(Debug)]
pub(super) struct ServiceManager {
    socket: Option<(UnixDatagram, OsString)>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// As `$NOTIFY_SOCKET` and `$WATCHDOG_USEC` say.
    pub(super) fn from_environment() -> Self {
        let path = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty());
        let socket = path.and_then(|path| Some((UnixDatagram::unbound().ok()?, path)));
        let watchdog = std::env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Duration::from_micros);
        Self {
            socket,
            watchdog: watchdog.filter(|span| !span.is_zero()),
        }
    }

    /// It serves.
    pub(super) fn ready(&self, url: &str) {
        self.send(&format!("READY=1\nSTATUS=Serving on {url}"));
    }

    /// It reads its settings again.
    pub(super) fn reloading(&self) {
        self.send("RELOADING=1");
    }

    /// It is on its way out.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Draining");
    }

    /// It is alive.
    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// How often it has to say so: half of what the service manager allows.
    pub(super) fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|span| span / 2)
    }

    fn send(&self, text: &str) {
        let Some((socket, path)) = &self.socket else {
            return;
        };
        if let Err(error) = send_to(socket, text, path) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }
}

/// A path, or with `@` in front a name in the abstract namespace.
fn send_to(socket: &UnixDatagram, text: &str, path: &OsString) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;
    let sent = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.send_to_addr(text.as_bytes(), &SocketAddr::from_abstract_name(name)?),
        None => socket.send_to(text.as_bytes(), path),
    };
    sent.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_hears_what_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let told = ServiceManager {
            socket: Some((UnixDatagram::unbound().unwrap(), path.into())),
            watchdog: Some(Duration::from_secs(30)),
        };
        told.ready("http://127.0.0.1:5310");
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"READY=1\n"));
        assert_eq!(told.alive_every(), Some(Duration::from_secs(15)));
    }
}
