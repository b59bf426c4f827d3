//! A second evaluator, written from the user guide's pages alone: no compiled form, no positions, no shortcuts. It reads
//! `serde_json` values each time it is asked, expands globs by the definition, and looks at everything.

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::cases::{Caller, Case, Known};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

/// How near to the principal an allow of a resource's policy comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    No,
    Account,
    Role,
    Itself,
}

pub(crate) fn answer(case: &Case) -> Answer {
    let identity = any(case, &case.identity, "Allow");
    let boundary = case
        .boundary
        .as_ref()
        .map(|policy| matching(case, policy, "Allow") > Reach::No);
    let session = (!case.session.is_empty()).then(|| any(case, &case.session, "Allow"));
    let resource = case
        .resource_policy
        .as_ref()
        .map_or(Reach::No, |policy| matching(case, policy, "Allow"));

    let mut all = case.identity.clone();
    all.extend(case.boundary.clone());
    all.extend(case.session.clone());
    all.extend(case.resource_policy.clone());
    if any(case, &all, "Deny") {
        return Answer::ExplicitDeny;
    }
    let is_foreign = case.owner != account_of(&case.caller);
    let is_allowed = match &case.caller {
        Caller::Root => resource > Reach::No || !(is_foreign || case.is_trust),
        Caller::Anonymous | Caller::Service(_) => resource > Reach::No,
        Caller::User(_) | Caller::Session(_) => {
            let limits = boundary.unwrap_or(true) && session.unwrap_or(true);
            if is_foreign {
                resource > Reach::No && identity && limits
            } else if resource == Reach::Itself {
                true
            } else if resource == Reach::Role {
                limits
            } else if case.is_trust {
                resource == Reach::Account && identity && limits
            } else {
                identity && limits
            }
        }
    };
    if is_allowed {
        Answer::Allowed
    } else {
        Answer::ImplicitDeny
    }
}

pub(crate) fn account_of(caller: &Caller) -> &'static str {
    match caller {
        Caller::Root | Caller::User(_) | Caller::Session(_) => "111122223333",
        Caller::Anonymous | Caller::Service(_) => "",
    }
}

fn any(case: &Case, policies: &[Value], effect: &str) -> bool {
    policies
        .iter()
        .any(|policy| matching(case, policy, effect) > Reach::No)
}

fn matching(case: &Case, policy: &Value, effect: &str) -> Reach {
    let has_variables = policy["Version"] == "2012-10-17";
    let mut reach = Reach::No;
    for statement in list(&policy["Statement"]) {
        if statement["Effect"] == effect {
            reach = reach.max(reach_of(case, &statement, has_variables));
        }
    }
    reach
}

fn reach_of(case: &Case, statement: &Value, has_variables: bool) -> Reach {
    let is_deny = statement["Effect"] == "Deny";
    let action = case.action.to_lowercase();
    let is_listed = |key: &str| {
        strings(&statement[key]).iter().any(|pattern| {
            let pattern = pattern.to_lowercase();
            pattern == "*" || glob(&marks(&pattern), &chars(&action))
        })
    };
    let is_about = match statement.get("NotAction") {
        Some(_) => !is_listed("NotAction"),
        None => is_listed("Action"),
    };
    if !is_about || !is_on(case, statement, has_variables, is_deny) {
        return Reach::No;
    }
    let conditions = statement["Condition"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for (operator, keys) in &conditions {
        for (key, values) in keys.as_object().unwrap() {
            if !holds(case, operator, key, &strings(values), has_variables) {
                return Reach::No;
            }
        }
    }
    concerns(case, statement, is_deny)
}

fn is_on(case: &Case, statement: &Value, has_variables: bool, is_deny: bool) -> bool {
    let (key, is_not) = match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(_), _) => ("Resource", false),
        (_, Some(_)) => ("NotResource", true),
        _ => return true,
    };
    let mut is_unknown = false;
    let mut is_listed = false;
    for pattern in strings(&statement[key]) {
        match expand(case, &pattern, has_variables) {
            Some(marks) => is_listed |= glob(&marks, &chars(&case.resource)),
            None => is_unknown |= could_fit(&pattern, &case.resource),
        }
    }
    match is_not {
        false => is_listed,
        true if is_listed => false,
        true => !is_unknown || is_deny,
    }
}

fn concerns(case: &Case, statement: &Value, is_deny: bool) -> Reach {
    let (names, is_not) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(names), _) => (names, false),
        (_, Some(names)) => (names, true),
        _ => return Reach::Itself,
    };
    let mut named = Vec::new();
    if *names == "*" {
        named.push("*".to_owned());
    }
    for key in ["AWS", "Service"] {
        named.extend(strings(&names[key]));
    }
    let has = |name: &str| named.iter().any(|known| known == name);
    let account = has("111122223333") || has("arn:aws:iam::111122223333:root");
    let everyone = has("*");
    let (itself, role) = match &case.caller {
        Caller::Root => (account, false),
        Caller::User(name) => (
            has(&format!("arn:aws:iam::111122223333:user/{name}")),
            false,
        ),
        Caller::Session(name) => (
            has(&format!(
                "arn:aws:sts::111122223333:assumed-role/deploy/{name}"
            )),
            has("arn:aws:iam::111122223333:role/deploy"),
        ),
        Caller::Anonymous => (false, false),
        Caller::Service(name) => (has(name), false),
    };
    let is_member = matches!(
        case.caller,
        Caller::Root | Caller::User(_) | Caller::Session(_)
    );
    let reach = if everyone || itself {
        Reach::Itself
    } else if role {
        Reach::Role
    } else if account && is_member {
        Reach::Account
    } else {
        Reach::No
    };
    if !is_not {
        return reach;
    }
    let is_excepted = if is_deny {
        let all_of_it = match case.caller {
            Caller::Session(_) => itself && role && account,
            Caller::User(_) | Caller::Root => itself && account,
            Caller::Anonymous | Caller::Service(_) => itself,
        };
        everyone || all_of_it
    } else {
        reach > Reach::No
    };
    if is_excepted {
        Reach::No
    } else {
        Reach::Itself
    }
}

fn holds(case: &Case, operator: &str, key: &str, wanted: &[String], has_variables: bool) -> bool {
    let (set, operator) = match operator.split_once(':') {
        Some((set, operator)) => (set, operator),
        None => ("", operator),
    };
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let found = lookup(case, key);
    if operator == "Null" {
        let is_null = match found {
            None => "true",
            Some(Known::Many(values)) if values.is_empty() => "true",
            Some(_) => "false",
        };
        return match set {
            "" => wanted.iter().any(|wanted| wanted == is_null),
            set => set == "ForAllValues",
        };
    }
    let is_negated = operator.contains("Not");
    let found = match found {
        None if if_exists => return true,
        None => return set == "ForAllValues" || (set.is_empty() && is_negated),
        Some(Known::One(value)) => vec![value],
        Some(Known::Many(values)) => values,
    };
    let fits = |found: &String| {
        let any = wanted
            .iter()
            .any(|wanted| compare(case, operator, wanted, found, has_variables));
        any != is_negated
    };
    let is_empty = found.iter().all(String::is_empty);
    match set {
        "ForAllValues" => is_empty || found.iter().all(fits),
        "ForAnyValue" => !is_empty && found.iter().any(fits),
        _ if is_negated => found.iter().all(fits),
        _ => found.iter().any(fits),
    }
}

fn compare(case: &Case, operator: &str, wanted: &str, found: &str, has_variables: bool) -> bool {
    let operator = operator.replace("Not", "");
    match &*operator {
        "StringLike" => {
            expand(case, wanted, has_variables).is_some_and(|marks| glob(&marks, &chars(found)))
        }
        "StringEquals" | "StringEqualsIgnoreCase" => {
            let letters = |marks: &Vec<Mark>| marks.iter().map(Mark::letter).collect::<String>();
            let Some(wanted) = expand(case, wanted, has_variables).map(|marks| letters(&marks))
            else {
                return false;
            };
            wanted == found
                || (operator.ends_with("Case") && wanted.to_lowercase() == found.to_lowercase())
        }
        "ArnEquals" | "ArnLike" => {
            let Some(marks) = expand(case, wanted, has_variables) else {
                return false;
            };
            if matches!(marks[..], [Mark::Any]) {
                return found.matches(':').count() >= 5;
            }
            let wanted = fields(&marks, |mark| matches!(mark, Mark::Letter(':')));
            let found = fields(&chars(found), |c| *c == ':');
            let mut pairs = wanted.iter().zip(&found);
            wanted.len() == 6
                && found.len() == 6
                && pairs.all(|(wanted, found)| glob(wanted, found))
        }
        "Bool" => wanted == found && ["true", "false"].contains(&found),
        "IpAddress" => {
            let (address, bits) = wanted.split_once('/').unwrap_or((wanted, "32"));
            let number = |text: &str| text.parse::<Ipv4Addr>().map(|ip| u64::from(u32::from(ip)));
            let (Ok(wanted), Ok(found), Ok(bits)) =
                (number(address), number(found), bits.parse::<u32>())
            else {
                return false;
            };
            wanted >> (32 - bits) == found >> (32 - bits)
        }
        numeric if numeric.starts_with("Numeric") => {
            let (Ok(found), Ok(wanted)) = (found.parse::<i64>(), wanted.parse::<i64>()) else {
                return false;
            };
            order(&numeric["Numeric".len()..], found.cmp(&wanted))
        }
        // All dates of the cases are written in the same way, so that their texts have their order.
        date if date.starts_with("Date") => {
            found.starts_with("20") && order(&date["Date".len()..], found.cmp(wanted))
        }
        _ => panic!("{operator}"),
    }
}

fn order(name: &str, found: std::cmp::Ordering) -> bool {
    match name {
        "Equals" => found.is_eq(),
        "LessThan" => found.is_lt(),
        "LessThanEquals" => found.is_le(),
        "GreaterThan" => found.is_gt(),
        "GreaterThanEquals" => found.is_ge(),
        _ => panic!("{name}"),
    }
}

#[derive(Clone, Copy, Debug)]
enum Mark {
    Letter(char),
    One,
    Any,
}

impl Mark {
    fn letter(&self) -> char {
        match self {
            Self::Letter(c) => *c,
            Self::One => '?',
            Self::Any => '*',
        }
    }
}

/// A pattern without variables.
fn marks(pattern: &str) -> Vec<Mark> {
    let mark = |c| match c {
        '*' => Mark::Any,
        '?' => Mark::One,
        c => Mark::Letter(c),
    };
    pattern.chars().map(mark).collect()
}

/// A pattern with its variables put in, letter by letter; `None` when one has no value.
fn expand(case: &Case, pattern: &str, has_variables: bool) -> Option<Vec<Mark>> {
    if !has_variables {
        return Some(marks(pattern));
    }
    let mut found = Vec::new();
    let mut rest = pattern.to_owned();
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}').unwrap();
        found.extend(marks(&rest[..start]));
        let name = rest[start + 2..end].to_owned();
        rest = rest[end + 1..].to_owned();
        let value = match name.split_once(", '") {
            _ if ["*", "?", "$"].contains(&&*name) => Some(name),
            Some((name, default)) => {
                single(case, name).or_else(|| Some(default.trim_end_matches('\'').to_owned()))
            }
            None => single(case, &name),
        };
        found.extend(value?.chars().map(Mark::Letter));
    }
    found.extend(marks(&rest));
    Some(found)
}

/// Whether some values would make it fit.
fn could_fit(pattern: &str, text: &str) -> bool {
    let mut any = Vec::new();
    let mut rest = pattern.to_owned();
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}').unwrap();
        any.extend(marks(&rest[..start]));
        match &rest[start + 2..end] {
            escaped @ ("*" | "?" | "$") => any.extend(escaped.chars().map(Mark::Letter)),
            _ => any.push(Mark::Any),
        }
        rest = rest[end + 1..].to_owned();
    }
    any.extend(marks(&rest));
    glob(&any, &chars(text))
}

fn single(case: &Case, key: &str) -> Option<String> {
    match lookup(case, key)? {
        Known::One(value) => Some(value),
        Known::Many(_) => None,
    }
}

fn lookup(case: &Case, key: &str) -> Option<Known> {
    let mut known = case.context.iter();
    known
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value.clone())
}

fn glob(pattern: &[Mark], text: &[char]) -> bool {
    match pattern.first() {
        None => text.is_empty(),
        Some(Mark::Any) => (0..=text.len()).any(|n| glob(&pattern[1..], &text[n..])),
        Some(Mark::One) => !text.is_empty() && glob(&pattern[1..], &text[1..]),
        Some(Mark::Letter(c)) => text.first() == Some(c) && glob(&pattern[1..], &text[1..]),
    }
}

/// Cut at the first five separators.
fn fields<T: Clone>(items: &[T], is_separator: impl Fn(&T) -> bool) -> Vec<Vec<T>> {
    let mut fields = vec![Vec::new()];
    for item in items {
        if fields.len() < 6 && is_separator(item) {
            fields.push(Vec::new());
        } else {
            fields.last_mut().unwrap().push(item.clone());
        }
    }
    fields
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        value => vec![value.clone()],
    }
}

fn strings(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    match value {
        Value::Null => Vec::new(),
        value => list(value).iter().map(text).collect(),
    }
}
