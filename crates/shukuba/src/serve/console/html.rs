//! The texts of pages. Everything that is not ours is escaped.

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em}label{display:block;margin:.8em 0}input:not([type=checkbox]){display:block;width:100%;padding:.4em;box-sizing:border-box}button{padding:.5em 1.2em;margin:.8em .4em 0 0}pre{overflow:auto}.said{border-left:4px solid;padding:.3em .8em}";

/// A text between tags or in quotation marks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{body}</html>\n"
    )
}

fn said(text: Option<&str>) -> String {
    let paragraph = |text: &str| format!("<p class=\"said\" role=\"alert\">{}</p>", escaped(text));
    text.map(paragraph).unwrap_or_default()
}

fn user_field(user: &str) -> String {
    format!(
        "<label>User <input name=\"user\" autocomplete=\"username\" maxlength=\"64\" value=\"{}\"></label>",
        escaped(user)
    )
}

const CODE_FIELD: &str = "<label>Code of the MFA device, where there is one <input name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"6\"></label>";

/// The form to sign in.
pub(super) fn sign_in(account: &str, user: &str, text: Option<&str>, token: &str) -> String {
    let (said, user) = (said(text), user_field(user));
    whole(
        "Sign in",
        &format!(
            "{said}<p>Account {account}</p><form method=\"post\" action=\"/_shukuba/sign-in\"><input type=\"hidden\" name=\"token\" value=\"{token}\">{user}<label><input type=\"checkbox\" name=\"root\"> the account's root</label><label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\"></label>{CODE_FIELD}<button>Sign in</button></form><p><a href=\"/_shukuba/change-password\">Change a password</a></p>"
        ),
    )
}

/// The form to change a password.
pub(super) fn change_password(
    account: &str,
    user: &str,
    text: Option<&str>,
    token: &str,
) -> String {
    let (said, user) = (said(text), user_field(user));
    whole(
        "Change a password",
        &format!(
            "{said}<p>Account {account}</p><form method=\"post\" action=\"/_shukuba/change-password\"><input type=\"hidden\" name=\"token\" value=\"{token}\">{user}<label>Password until now <input name=\"password\" type=\"password\" autocomplete=\"current-password\"></label>{CODE_FIELD}<label>New password <input name=\"new\" type=\"password\" autocomplete=\"new-password\"></label><label>New password again <input name=\"again\" type=\"password\" autocomplete=\"new-password\"></label><button>Change</button></form><p><a href=\"/_shukuba/sign-in\">Sign in</a></p>"
        ),
    )
}

/// Who one is.
pub(super) fn home(arn: &str, until: &str, is_root: bool, token: &str) -> String {
    let (arn, until) = (escaped(arn), escaped(until));
    let change = match is_root {
        true => "",
        false => "<p><a href=\"/_shukuba/change-password\">Change the password</a></p>",
    };
    whole(
        "Signed in",
        &format!(
            "<p>{arn}</p><p>until {until}</p><p><a href=\"/_shukuba/billing\">The bill</a></p>{change}<form method=\"post\" action=\"/_shukuba/sign-out\"><input type=\"hidden\" name=\"token\" value=\"{token}\"><button>Sign out</button></form>"
        ),
    )
}

/// What the bill is reckoned from.
pub(super) fn billing(counts: &str) -> String {
    whole(
        "The bill",
        &format!(
            "<p>What was accepted and what became of it, by route:</p><pre>{}</pre><p><a href=\"/_shukuba/\">Back</a></p>",
            escaped(counts)
        ),
    )
}

/// One sentence.
pub(super) fn message(text: &str) -> String {
    whole(
        "Shukuba",
        &format!("{}<p><a href=\"/_shukuba/\">Back</a></p>", said(Some(text))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_escaped() {
        let page = sign_in("1", "\"><script>alert('x')&", Some("<b>"), "t");
        assert!(
            page.contains("value=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&amp;\""),
            "{page}"
        );
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"));
    }
}
