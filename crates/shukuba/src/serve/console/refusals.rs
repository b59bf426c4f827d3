//! Why somebody was not let in, or a password not changed, in the reader's language.

use http::StatusCode;
use iam::signin::Refused;

use super::lang::{Language, Word};
use super::words::door;

/// The code under which a refusal is recorded.
pub(super) fn code(refused: &Refused) -> &'static str {
    match refused {
        Refused::NewPassword(_) => "PasswordPolicyViolation",
        Refused::Wait { .. } => "Throttling",
        Refused::Unavailable => "ServiceFailure",
        _ => "AccessDenied",
    }
}

/// What people are told, and its status.
pub(super) fn said(refused: &Refused, language: Language) -> (StatusCode, String) {
    let say = |status, word: Word, parts: &[&str]| (status, word.with(language, parts));
    let forbidden = |word: Word| say(StatusCode::FORBIDDEN, word, &[]);
    match refused {
        Refused::Wrong => forbidden(door::WRONG),
        Refused::Wait { secs } => say(
            StatusCode::TOO_MANY_REQUESTS,
            door::WAIT,
            &[&secs.to_string()],
        ),
        Refused::CodeNeeded => forbidden(door::CODE_NEEDED),
        Refused::MustChange => forbidden(door::MUST_CHANGE),
        Refused::Expired => forbidden(door::EXPIRED),
        Refused::ExpiredForGood => forbidden(door::EXPIRED_FOR_GOOD),
        Refused::NotAllowed { action, reason } => {
            say(StatusCode::FORBIDDEN, door::NOT_ALLOWED, &[action, reason])
        }
        Refused::NewPassword(rules) => {
            let rules: Vec<String> = rules.iter().map(|rule| told_rule(rule, language)).collect();
            let between = match language {
                Language::En => ", ",
                Language::Ja => "、",
            };
            say(
                StatusCode::BAD_REQUEST,
                door::NEW_PASSWORD,
                &[&rules.join(between)],
            )
        }
        Refused::Unavailable => say(StatusCode::SERVICE_UNAVAILABLE, door::NOT_NOW, &[]),
    }
}

/// A password rule in the reader's language; one that is not known stays as it is.
fn told_rule(rule: &str, language: Language) -> String {
    let known = [
        door::RULE_AT_LEAST,
        door::RULE_AT_MOST,
        door::RULE_UPPER,
        door::RULE_LOWER,
        door::RULE_NUMBER,
        door::RULE_SYMBOL,
        door::RULE_THREE,
        door::RULE_OTHER,
    ];
    let number: String = rule.chars().filter(char::is_ascii_digit).collect();
    let found = known
        .into_iter()
        .find(|word| word.with(Language::En, &[&number]) == rule);
    found.map_or_else(|| rule.to_owned(), |word| word.with(language, &[&number]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_passwords_are_told_in_both_languages() {
        let Err(iam::engine::Error::Password(rules)) =
            iam::engine::password::check(None, "ada", "short")
        else {
            panic!("a short password was taken");
        };
        for rule in &rules {
            assert_eq!(told_rule(rule, Language::En), *rule);
            assert!(!told_rule(rule, Language::Ja).is_ascii(), "{rule}");
        }
        assert_eq!(told_rule("something new", Language::Ja), "something new");
    }
}
