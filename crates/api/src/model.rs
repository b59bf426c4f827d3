//! Operations against the service model that AWS publishes: the same operations, the same members, the same kinds, the same need.
//!
//! A model's file has a line for each operation, `Operation Input Output` (`-` for an answer without members), and one for each member of
//! their shapes, `Shape.Member kind [required]`; what begins with `#` says where it is from. For the tests of services.
//!
//! Of a service over REST the first has method, path and status behind it, the second where the member travels, if not in the
//! body's document; `scripts/rest-model.py` writes such a file:
//!
//! ```text
//! Invoke InvocationRequest InvocationResponse POST /2015-03-31/functions/{FunctionName}/invocations 200
//! InvocationRequest.FunctionName string required uri=FunctionName
//! InvocationRequest.InvocationType string header=X-Amz-Invocation-Type
//! InvocationRequest.Payload blob payload
//! ```

use std::collections::BTreeSet;

use wire::{Kind, Location, Member, Schema};

use crate::operation::Shapes;

/// Compares a service's shapes with its model.
///
/// # Panics
/// Where one of them has a line that the other lacks.
pub fn check_shapes(ours: impl Iterator<Item = Shapes>, model: &str) {
    let mut lines = BTreeSet::new();
    ours.for_each(|operation| row(operation, &mut lines));
    let model: BTreeSet<String> = rows_of(model).map(str::to_owned).collect();
    let missing: Vec<_> = model.difference(&lines).collect();
    let additional: Vec<_> = lines.difference(&model).collect();
    assert!(
        missing.is_empty() && additional.is_empty(),
        "missing {missing:#?}, additional {additional:#?}"
    );
}

/// Compares the names of a service's table, and their order, with its model.
///
/// # Panics
/// Where the table has not each operation of the model once, in the order of names.
pub fn check_table(ours: impl Iterator<Item = Shapes>, model: &str) {
    let model = rows_of(model).filter(|line| !line.contains('.'));
    let model: Vec<_> = model.filter_map(|line| line.split(' ').next()).collect();
    let ours: Vec<_> = ours.map(|(name, ..)| name).collect();
    assert_eq!(ours, model);
}

fn rows_of(model: &str) -> impl Iterator<Item = &str> {
    model.lines().filter(|line| !line.starts_with('#'))
}

/// Writes one operation and its shapes as the model's file has them.
fn row((name, input, output, http): Shapes, lines: &mut BTreeSet<String>) {
    // Over REST an output without members has a body, an empty object; nothing has none.
    let is_nothing = match http {
        Some(_) => !output.is_output(),
        None => output.members.is_empty(),
    };
    let answer = if is_nothing { "-" } else { output.name };
    let http = http.map(|http| format!(" {} {} {}", http.method, http.path, http.status));
    let http = http.unwrap_or_default();
    lines.insert(format!("{name} {} {answer}{http}", input.name));
    members(input, lines);
    members(output, lines);
}

fn members(schema: &'static Schema, lines: &mut BTreeSet<String>) {
    for member in schema.members {
        let required = if member.is_required { " required" } else { "" };
        lines.insert(format!(
            "{}.{} {}{required}{}",
            schema.name,
            member.name,
            kind(member.kind),
            location(member)
        ));
        if let Some(nested) = member.kind.structure() {
            members(nested, lines);
        }
    }
}

/// Where a member travels over REST; empty where it stands in the body's document.
fn location(member: &Member) -> String {
    let name = member.query_name();
    match member.location {
        Location::Body => String::new(),
        Location::Payload => " payload".to_owned(),
        Location::StatusCode => " statusCode".to_owned(),
        Location::Header => format!(" header={name}"),
        Location::Headers => format!(" headers={name}"),
        Location::Uri => format!(" uri={name}"),
        Location::QueryString => format!(" querystring={name}"),
    }
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::List(item) => format!("list<{}>", kind(item)),
        Kind::Map(value) => format!("map<{}>", kind(value)),
        Kind::Structure(schema) => schema().name.to_owned(),
        plain => plain.model_name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wire::rest::Http;
    use wire::{Blob, Shape};

    use super::*;

    #[derive(Debug, Shape)]
    #[shape(name = "InvocationRequest")]
    struct Request {
        #[shape(uri, required)]
        function_name: String,
        #[shape(header = "X-Amz-Log-Type")]
        log_type: Option<String>,
        #[shape(querystring = "tagKeys")]
        tag_keys: Vec<String>,
        #[shape(payload)]
        payload: Option<Blob>,
    }

    #[derive(Debug, Shape)]
    #[shape(name = "InvocationResponse")]
    struct Response {
        #[shape(statuscode)]
        status_code: Option<i32>,
        ratio: Option<f64>,
    }

    const MODEL: &str = "\
# Parts of Lambda's.
Invoke InvocationRequest InvocationResponse POST /functions/{FunctionName} 202
InvocationRequest.FunctionName string required uri=FunctionName
InvocationRequest.LogType string header=X-Amz-Log-Type
InvocationRequest.TagKeys list<string> querystring=tagKeys
InvocationRequest.Payload blob payload
InvocationResponse.StatusCode integer statusCode
InvocationResponse.Ratio double
";

    fn ours(http: Http) -> impl Iterator<Item = Shapes> {
        [("Invoke", Request::SCHEMA, Response::SCHEMA, Some(http))].into_iter()
    }

    const HTTP: Http = Http::post("/functions/{FunctionName}").with_status(202);

    #[test]
    fn a_service_over_rest_is_compared_with_its_places() {
        check_shapes(ours(HTTP), MODEL);
        check_table(ours(HTTP), MODEL);
    }

    #[test]
    #[should_panic(expected = "POST /functions/{FunctionName} 200")]
    fn another_status_is_told() {
        check_shapes(ours(HTTP.with_status(200)), MODEL);
    }

    #[test]
    #[should_panic(expected = "header=X-Amz-Log-Kind")]
    fn another_place_is_told() {
        check_shapes(ours(HTTP), &MODEL.replace("Log-Type", "Log-Kind"));
    }
}
