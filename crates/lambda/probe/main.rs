//! A function without a library: the runtime API by hand, over one connection. What it does is said in the event, a JSON text of a
//! command and its argument, such as `"echo hello"`; the tests of this crate run it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

type Headers = Vec<(String, String)>;

/// A connection to the runtime API.
struct Api {
    authority: String,
    stream: BufReader<TcpStream>,
}

struct Response {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
}

impl Api {
    fn connect() -> io::Result<Self> {
        let authority = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
        let stream = TcpStream::connect(&authority)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            authority,
            stream: BufReader::new(stream),
        })
    }

    fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Response> {
        let mut request = format!(
            "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{headers}\r\n",
            self.authority,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        // An answer that is too large is refused before it has been read.
        let sent = self.stream.get_mut().write_all(&request);
        let response = self.response();
        sent.and(response)
    }

    fn response(&mut self) -> io::Result<Response> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines
            .first()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers: Headers = lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = header(&headers, "content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Response {
            status: status.unwrap_or(0),
            headers,
            body,
        })
    }

    fn answer(&mut self, id: &str, body: &[u8]) -> io::Result<u16> {
        let path = format!("invocation/{id}/response");
        Ok(self.call("POST", &path, "", body)?.status)
    }
}

fn header<'a>(headers: &'a Headers, name: &str) -> &'a str {
    let found = headers.iter().find(|(other, _)| other == name);
    found.map_or("", |(_, value)| value.as_str())
}

fn main() -> io::Result<()> {
    begin()?;
    let mut api = Api::connect()?;
    if std::env::var("PROBE_INIT").as_deref() == Ok("error") {
        let body = br#"{"errorMessage":"no configuration","errorType":"Probe.Init"}"#;
        let header = "Lambda-Runtime-Function-Error-Type: Probe.Init\r\n";
        api.call("POST", "init/error", header, body)?;
        std::process::exit(1);
    }
    let mut count = 0;
    loop {
        let next = api.call("GET", "invocation/next", "", b"")?;
        count += 1;
        run(&mut api, &next, count)?;
    }
}

/// What `PROBE_INIT` says of the start.
fn begin() -> io::Result<()> {
    match std::env::var("PROBE_INIT").as_deref() {
        Ok("exit") => {
            writeln!(io::stderr(), "starting goes wrong")?;
            std::process::exit(7);
        }
        Ok("hang") => loop {
            std::thread::park();
        },
        Ok("flaky") => {
            let mark = std::env::temp_dir().join("mark");
            if std::fs::write(&mark, b"x").is_ok() && !mark.with_extension("2").exists() {
                std::fs::write(mark.with_extension("2"), b"x")?;
                std::process::exit(7);
            }
        }
        _ => {}
    }
    Ok(())
}

fn run(api: &mut Api, next: &Response, count: u32) -> io::Result<()> {
    let id = header(&next.headers, "lambda-runtime-aws-request-id").to_owned();
    let event = String::from_utf8_lossy(&next.body).into_owned();
    let (command, argument) = {
        let text = event.trim_matches('"');
        text.split_once(' ').unwrap_or((text, ""))
    };
    let number: u64 = argument.parse().unwrap_or(0);
    let answer = match command {
        "echo" => format!("\"{argument}\""),
        "count" => count.to_string(),
        "pid" => std::process::id().to_string(),
        "print" => {
            writeln!(io::stdout(), "{argument}")?;
            writeln!(io::stderr(), "and {argument}")?;
            "null".to_owned()
        }
        "env" => format!("\"{}\"", std::env::var(argument).unwrap_or_default()),
        "vars" => {
            let mut names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
            names.sort();
            format!("\"{}\"", names.join(" "))
        }
        "headers" => {
            let lines = next
                .headers
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            lines.collect::<Vec<_>>().join("\n")
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(number));
            "null".to_owned()
        }
        "exit" => std::process::exit(i32::try_from(number).unwrap_or(1)),
        "alloc" => {
            let bytes = vec![1_u8; usize::try_from(number << 20).unwrap_or(0)];
            std::thread::sleep(Duration::from_secs(2));
            bytes.len().to_string()
        }
        "fill" => {
            let bytes = vec![1_u8; usize::try_from(number << 20).unwrap_or(0)];
            std::fs::write(std::env::temp_dir().join("filled"), bytes)?;
            std::thread::sleep(Duration::from_secs(5));
            "null".to_owned()
        }
        "big" => "x".repeat(usize::try_from(number).unwrap_or(0)),
        "children" => children()?,
        "fail" => {
            let body = br#"{"errorMessage":"no receiver","errorType":"Probe.Failed"}"#;
            let header = "Lambda-Runtime-Function-Error-Type: Probe.Failed\r\n";
            api.call("POST", &format!("invocation/{id}/error"), header, body)?;
            return Ok(());
        }
        "twice" => {
            api.answer(&id, b"1")?;
            let status = api.answer(&id, b"2")?;
            writeln!(io::stdout(), "second answer: {status}")?;
            return Ok(());
        }
        "wrong" => {
            let status = api.answer("00000000-0000-0000-0000-000000000000", b"1")?;
            status.to_string()
        }
        "answer-exit" => {
            api.answer(&id, b"1")?;
            std::process::exit(3);
        }
        "late" => {
            api.answer(&id, b"1")?;
            std::thread::sleep(Duration::from_millis(number));
            return Ok(());
        }
        _ => event.clone(),
    };
    match api.answer(&id, answer.as_bytes()) {
        // The connection was closed upon an answer that was too large.
        Err(_) => *api = Api::connect()?,
        Ok(413) => *api = Api::connect()?,
        Ok(_) => {}
    }
    Ok(())
}

/// One child in this process group, and one that leaves it.
fn children() -> io::Result<String> {
    let near = std::process::Command::new("sleep").arg("300").spawn()?;
    let far = std::process::Command::new("setsid")
        .args(["sleep", "300"])
        .spawn()?;
    Ok(format!("{} {}", near.id(), far.id()))
}
