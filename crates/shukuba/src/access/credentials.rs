//! What is handed to somebody who comes: a file in the form of the console's "credentials.csv".

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

use crate::app;

/// The head of the console's file.
const HEAD: &str = "User name,Password,Access key ID,Secret access key,Console login link";

/// What somebody signs in and signs with. Shows itself to nobody but its owner.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
    /// The id and the secret of a key.
    pub(crate) key: Option<(String, String)>,
    /// Where to sign in.
    pub(crate) url: String,
}

impl Credentials {
    /// The file: a head and a line.
    pub(crate) fn csv(&self) -> String {
        let (id, secret) = match &self.key {
            Some((id, secret)) => (id.as_str(), secret.as_str()),
            None => ("", ""),
        };
        let cells = [&self.user, &self.password, id, secret, &self.url];
        let line: Vec<_> = cells.iter().map(|cell| quoted(cell)).collect();
        format!("{HEAD}\r\n{}\r\n", line.join(","))
    }

    /// Writes the file.
    pub(crate) fn write(&self, file: &mut File, path: &Path) -> anyhow::Result<()> {
        file.write_all(self.csv().as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// Makes the file, for its owner alone; what is there is not written over.
pub(crate) fn new_file(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|error| {
        app::usage(format!(
            "--credentials: cannot make `{}`: {error}",
            path.display()
        ))
    })
}

/// A cell of RFC 4180.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_columns_of_the_console() {
        let mut credentials = Credentials {
            user: "a,b".to_owned(),
            password: "p\"w".to_owned(),
            key: Some(("AKIAIOSFODNN7EXAMPLE".to_owned(), "s/+k".to_owned())),
            url: "http://127.0.0.1:5310/_shukuba/".to_owned(),
        };
        let expected = "User name,Password,Access key ID,Secret access key,Console login link\r\n\
            \"a,b\",\"p\"\"w\",AKIAIOSFODNN7EXAMPLE,s/+k,http://127.0.0.1:5310/_shukuba/\r\n";
        assert_eq!(credentials.csv(), expected);
        credentials.key = None;
        assert!(credentials.csv().contains("\"p\"\"w\",,,http:"));
    }
}
