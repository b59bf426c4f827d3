//! `shukuba serve` in a process and a directory of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws::Account;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base::{Clock, SystemClock};

/// A running server; killed and forgotten when dropped.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) endpoint: String,
    key_id: String,
    secret: String,
    region: String,
}

impl Server {
    /// Starts one on a free port and waits until it serves.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = command(&folder)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            folder,
            endpoint: String::new(),
            key_id: String::new(),
            secret: String::new(),
            region: String::new(),
        };
        server.wait().await;
        server
    }

    /// Polls: a process has no other way to say that it serves.
    async fn wait(&mut self) {
        for _ in 0..300 {
            assert_eq!(
                self.child.try_wait().unwrap(),
                None,
                "the server ended at once"
            );
            if self.read_environment() && self.answers().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server does not serve after 30 s");
    }

    fn read_environment(&mut self) -> bool {
        let Ok(output) = command(&self.folder)
            .arg("env")
            .stderr(Stdio::null())
            .output()
        else {
            return false;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |name: &str| {
            let prefix = format!("export {name}=");
            let found = text.lines().find_map(|line| line.strip_prefix(&prefix));
            found
                .unwrap_or_default()
                .trim_matches(['\'', '"'])
                .to_owned()
        };
        self.endpoint = value("AWS_ENDPOINT_URL");
        self.key_id = value("AWS_ACCESS_KEY_ID");
        self.secret = value("AWS_SECRET_ACCESS_KEY");
        self.region = value("AWS_DEFAULT_REGION");
        // Before it listens, the settings' default port is shown.
        !self.endpoint.is_empty() && self.folder.path().join("endpoint").exists()
    }

    async fn answers(&self) -> bool {
        let Some(address) = self.endpoint.strip_prefix("http://") else {
            return false;
        };
        tokio::net::TcpStream::connect(address).await.is_ok()
    }

    /// The administrator of the server.
    pub(crate) fn account(&self) -> Account {
        Account::with_key(&self.key_id, &self.secret, &self.region).unwrap()
    }

    /// Makes a queue and gives its URL.
    pub(crate) async fn queue(&self, name: &str) -> String {
        let client = self.account().sqs(&self.endpoint).unwrap();
        let made = client.create_queue().queue_name(name).send().await.unwrap();
        made.queue_url.unwrap()
    }
}

impl Server {
    /// Makes a bucket, as the administrator of the server.
    pub(crate) async fn bucket(&self, name: &str) {
        let url = format!("{}/{name}", self.endpoint);
        let identity = Credentials::new(&self.key_id, &self.secret, None, None, "test").into();
        let now = SystemClock::new().now();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(std::time::UNIX_EPOCH + Duration::from_millis(now.as_millis()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let host = self.endpoint.trim_start_matches("http://");
        let signable = SignableRequest::new(
            "PUT",
            &url,
            [("host", host)].into_iter(),
            SignableBody::Bytes(b""),
        );
        let (signed, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
        let mut request = ::http::Request::put(&url).header("host", host);
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let client = aws::http::Client::new().unwrap();
        let answer = client.call(request.body(bytes::Bytes::new()).unwrap());
        assert_eq!(answer.await.unwrap().status(), 200);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("--data")
        .arg(folder.path())
        .stdin(Stdio::null());
    command
}

/// `SHUKUBA_BIN`, else the binary that cargo built beside this test.
fn binary() -> PathBuf {
    let given = std::env::var_os("SHUKUBA_BIN").map(PathBuf::from);
    let binary = given.unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.parent()
            .and_then(std::path::Path::parent)
            .unwrap()
            .join("shukuba")
    });
    assert!(
        binary.exists(),
        "`{}` is not built: run `cargo build -p shukuba` first",
        binary.display()
    );
    binary
}
