//! The user that functions run as.

use anyhow::Context;
use lambda::sandbox::Account;

use crate::app::usage;

/// Where users stand.
const PASSWD: &str = "/etc/passwd";

/// The user that `text` names, `name` or `uid:gid`; none where nothing is said.
pub(super) fn user(text: Option<&str>) -> anyhow::Result<Option<Account>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let account = match numbers(text) {
        Some(account) => account,
        None => {
            let known = std::fs::read_to_string(PASSWD)
                .with_context(|| format!("functions.account: cannot read `{PASSWD}`"))?;
            named(&known, text)
                .ok_or_else(|| usage(format!("functions.account: no user is called `{text}`")))?
        }
    };
    let own = rustix::process::geteuid();
    match own.is_root() || own.as_raw() == account.uid {
        true => Ok(Some(account)),
        false => Err(usage(format!(
            "functions.account: a server that does not run as root cannot run functions as `{text}`"
        ))),
    }
}

fn numbers(text: &str) -> Option<Account> {
    let (uid, gid) = text.split_once(':')?;
    Some(Account {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
    })
}

/// A line is `name:x:uid:gid:comment:home:shell`.
fn named(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next()? == name).then_some(())?;
        Some(Account {
            uid: parts.nth(1)?.parse().ok()?,
            gid: parts.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_or_numbered() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nrunner:x:990:991::/nonexistent:/bin/false\n";
        let runner = Account { uid: 990, gid: 991 };
        assert_eq!(named(passwd, "runner"), Some(runner));
        assert_eq!(numbers("990:991"), Some(runner));
        assert_eq!(named(passwd, "run"), None);
        assert_eq!(numbers("runner"), None);
        assert_eq!(user(None).unwrap(), None);
        let error = user(Some("no such user")).unwrap_err().to_string();
        assert!(error.contains("no user is called"), "{error}");
    }
}
