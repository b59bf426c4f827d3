//! A server in a process and a directory of its own: `shukuba serve`, or moto's (Python, as `scripts/venv.sh` installs it).

use std::io::{BufRead, BufReader};
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
use http_body_util::BodyExt;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Moto,
}

/// A running server; killed and forgotten when dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) endpoint: String,
    key_id: String,
    secret: String,
    region: String,
}

impl Server {
    /// Starts one of a kind on a free port and waits until it serves.
    pub(crate) async fn of(kind: Kind) -> Self {
        match kind {
            Kind::Ours => Self::start().await,
            Kind::Moto => Self::moto(),
        }
    }

    /// It says itself where it listens.
    fn moto() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(moto_server())
            .args(["-H", "127.0.0.1", "-p", "0"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = said
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()));
        // It writes a line for each call: somebody must read them.
        std::thread::spawn(move || said.for_each(drop));
        Self {
            kind: Kind::Moto,
            child,
            folder,
            endpoint: endpoint.unwrap(),
            key_id: "AKIDMOTO".to_owned(),
            secret: "a-secret-that-moto-does-not-look-at".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    /// Starts ours on a free port and waits until it serves.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = command(&folder)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("SHUKUBA_FUNCTIONS_ENABLED", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            kind: Kind::Ours,
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
    /// Makes a bucket.
    pub(crate) async fn bucket(&self, name: &str) {
        self.call("s3", "PUT", &format!("/{name}"), "", String::new())
            .await;
    }

    /// A signed call of the server's administrator that must be answered with success.
    pub(crate) async fn call(
        &self,
        service: &str,
        method: &str,
        path: &str,
        content_type: &str,
        body: String,
    ) -> String {
        let url = format!("{}{path}", self.endpoint);
        let identity = Credentials::new(&self.key_id, &self.secret, None, None, "test").into();
        let now = SystemClock::new().now();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(std::time::UNIX_EPOCH + Duration::from_millis(now.as_millis()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let host = self.endpoint.trim_start_matches("http://");
        let signable = SignableRequest::new(
            method,
            &url,
            [("host", host)].into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        );
        let (signed, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
        let mut request = ::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("host", host)
            .header("content-type", content_type);
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let client = aws::http::Client::new().unwrap();
        let answer = client.call(request.body(body.into()).unwrap()).await;
        let (head, body) = answer.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(head.status.is_success(), "{service} {path}: {text}");
        text
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

/// That of the tests' own Python environment.
fn moto_server() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("../../.venv/bin/moto_server");
    assert!(
        program.exists(),
        "`{}` is not there: run `scripts/venv.sh` first",
        program.display()
    );
    program
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
