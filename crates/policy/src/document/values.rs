//! Reads and checks what stands in a statement's elements: names of principals, actions, resources, conditions.

use crate::condition::operator::{Operator, OperatorFault, Qualifier};
use crate::document::Kind;
use crate::document::codes::{
    Code, EMPTY_ARRAY_ACTION, EMPTY_ARRAY_CONDITION, EMPTY_ARRAY_CONDITION_FORALLVALUES,
    EMPTY_ARRAY_CONDITION_FORANYVALUE, EMPTY_ARRAY_CONDITION_IFEXISTS, EMPTY_ARRAY_RESOURCE,
    EMPTY_OBJECT_CONDITION, EMPTY_VARIABLE, INVALID_ACTION, INVALID_ARN_PREFIX,
    INVALID_CONDITION_KEY_FORMAT, INVALID_CONDITION_OPERATOR, INVALID_PARTITION,
    INVALID_PRINCIPAL_FORMAT, INVALID_VARIABLE_FOR_OPERATOR, MISSING_ARN_FIELD,
    MISSING_BRACE_IN_VARIABLE, MISSING_QUOTE_IN_VARIABLE, NULL_WITH_IF_EXISTS,
    UNSUPPORTED_SPACE_IN_VARIABLE, UNSUPPORTED_SYMBOL_IN_VARIABLE,
    UNSUPPORTED_WILDCARD_IN_PRINCIPAL, VARIABLE_UNSUPPORTED_IN_ELEMENT, WILDCARD_IN_SERVICE_NAME,
};
use crate::document::draft::{DraftCondition, Element, PrincipalSort, Reader, Version, Written};
use crate::json::{Member, Node, Value};
use crate::template::{self, VariableFault, Wildcards};
use crate::validate::PathElement;

/// Partitions that AWS has; none but `aws` has anything in it here.
const PARTITIONS: &[&str] = &[
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
    "aws-eusc",
];

impl Reader {
    pub(super) fn check_principal_name(&mut self, sort: PrincipalSort, name: &Written) {
        let span = name.at.span;
        let text = &*name.text;
        if text == "*" && sort == PrincipalSort::Aws {
            return;
        }
        if text.contains("${") {
            self.refuse(VARIABLE_UNSUPPORTED_IN_ELEMENT, span, VARIABLE_PLACES);
        } else if text.contains(['*', '?']) {
            let details = "Wildcards (*, ?) are not supported with the principal key. Replace the wildcard with a \
                           valid principal value.";
            self.refuse(UNSUPPORTED_WILDCARD_IN_PRINCIPAL, span, details);
        } else if text.is_empty() || (sort == PrincipalSort::Aws && !is_aws_principal(text)) {
            let details = format!(
                "Invalid principal in policy: `{}` is no account id, no ARN and no unique id.",
                text.escape_debug()
            );
            self.refuse(INVALID_PRINCIPAL_FORMAT, span, details);
        }
    }

    pub(super) fn actions(&mut self, node: &Node, is_not: bool) -> Element<Written> {
        let values = self.texts(node);
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            let details = "This statement includes no actions and does not affect the policy. Specify actions.";
            self.refuse(EMPTY_ARRAY_ACTION, node.span, details);
        }
        for (index, action) in values.iter().enumerate() {
            self.item(node, index, |reader| reader.check_action(action));
        }
        Element {
            is_not,
            at: self.at(node.span),
            values,
        }
    }

    fn check_action(&mut self, action: &Written) {
        let span = action.at.span;
        let text = &*action.text;
        let is_vendor_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let is_vendor = |service: &str| {
            service == "*" || (!service.is_empty() && service.chars().all(is_vendor_letter))
        };
        let (service, name) = match text.split_once(':') {
            Some(parts) => parts,
            None if text == "*" => (text, text),
            None => {
                let details = format!(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.; `{}` is not.",
                    text.escape_debug()
                );
                return self.refuse(INVALID_ACTION, span, details);
            }
        };
        if text.contains("${") {
            self.refuse(VARIABLE_UNSUPPORTED_IN_ELEMENT, span, VARIABLE_PLACES);
        } else if name.contains(':') {
            self.refuse(
                INVALID_ACTION,
                span,
                "Actions/Condition can contain only one colon.",
            );
        } else if !is_vendor(service) {
            let details = format!("Vendor {} is not valid.", service.escape_debug());
            self.refuse(INVALID_ACTION, span, details);
        } else if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let details = format!("The action `{}` has no name.", text.escape_debug());
            self.refuse(INVALID_ACTION, span, details);
        } else if self.kind == Kind::Trust && !service.eq_ignore_ascii_case("sts") {
            let details = "AssumeRole policy may only specify STS AssumeRole actions.";
            self.refuse(INVALID_ACTION, span, details);
        }
    }

    pub(super) fn resources(&mut self, node: &Node, is_not: bool) -> Element<Written> {
        let values = self.texts(node);
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            let details = "This statement includes no resources and does not affect the policy. Specify resources.";
            self.refuse(EMPTY_ARRAY_RESOURCE, node.span, details);
        }
        for (index, resource) in values.iter().enumerate() {
            self.item(node, index, |reader| reader.check_resource_name(resource));
        }
        Element {
            is_not,
            at: self.at(node.span),
            values,
        }
    }

    fn check_resource_name(&mut self, resource: &Written) {
        let span = resource.at.span;
        let text = &*resource.text;
        if text == "*" {
            return;
        }
        let shown = text.escape_debug();
        let mut fields = text.splitn(6, ':');
        if fields.next() != Some("arn") || !text.contains(':') {
            let details = format!("Resource {shown} must be in ARN format or \"*\".");
            return self.refuse(INVALID_ARN_PREFIX, span, details);
        }
        let partition = fields.next().unwrap_or_default();
        if !partition.contains(['*', '?']) && !PARTITIONS.contains(&partition) {
            let details = format!(
                "Partition \"{}\" is not valid for resource \"{shown}\".",
                partition.escape_debug()
            );
            return self.refuse(INVALID_PARTITION, span, details);
        }
        let service = fields.next().unwrap_or_default();
        if service.is_empty() {
            let details =
                format!("Resource vendor must be fully qualified; {shown} has none. {ARN_FIELDS}");
            return self.refuse(MISSING_ARN_FIELD, span, details);
        }
        if service.contains(['*', '?']) {
            let details = "Resource vendor must be fully qualified and cannot contain regexes: name the service.";
            return self.refuse(WILDCARD_IN_SERVICE_NAME, span, details);
        }
        let head = fields.by_ref().take(2).collect::<Vec<_>>();
        if self.version == Version::New
            && (service.contains("${") || head.iter().any(|field| field.contains("${")))
        {
            let details = "Policy variables are supported behind the fifth colon of a resource ARN. Remove the \
                           policy variable from the part before it.";
            return self.refuse(VARIABLE_UNSUPPORTED_IN_ELEMENT, span, details);
        }
        if fields.next().is_none_or(str::is_empty) {
            self.note(MISSING_ARN_FIELD, span, ARN_FIELDS);
        }
        self.check_variables(resource, Wildcards::Meant);
    }

    /// Refuses broken variables.
    fn check_variables(&mut self, written: &Written, wildcards: Wildcards) {
        if self.version == Version::Old {
            return;
        }
        if let Err(fault) = template::parse(&written.text, wildcards) {
            let (code, details) = variable_issue(fault);
            self.refuse(code, written.at.span, details);
        }
    }

    pub(super) fn conditions(&mut self, node: &Node) -> Vec<DraftCondition> {
        let Value::Map(members) = &node.value else {
            self.mismatch(node, "an object of operators");
            return Vec::new();
        };
        if members.is_empty() {
            self.note(EMPTY_OBJECT_CONDITION, node.span, NO_CONDITIONS);
        }
        let mut conditions = Vec::new();
        for member in members {
            self.value_of(&member.key, |reader| {
                reader.operator(member, &mut conditions)
            });
        }
        conditions
    }

    fn operator(&mut self, member: &Member, conditions: &mut Vec<DraftCondition>) {
        let operator = match Operator::parse(&member.key) {
            Ok(operator) => operator,
            Err(OperatorFault::Unknown) => {
                let details = format!(
                    "The condition operator `{}` is not valid. Use a valid condition operator.",
                    member.key.escape_debug()
                );
                return self.refuse(INVALID_CONDITION_OPERATOR, member.key_span, details);
            }
            Err(OperatorFault::NullIfExists) => {
                let details = "The Null condition operator cannot be used with the IfExists suffix. Update the \
                               operator or the suffix.";
                return self.refuse(NULL_WITH_IF_EXISTS, member.key_span, details);
            }
        };
        let Value::Map(keys) = &member.value.value else {
            return self.mismatch(&member.value, "an object of condition keys");
        };
        if keys.is_empty() {
            self.note(EMPTY_OBJECT_CONDITION, member.value.span, NO_CONDITIONS);
        }
        for key in keys {
            let condition = self.value_of(&key.key, |reader| {
                reader.condition(operator, &member.key, key)
            });
            conditions.push(condition);
        }
    }

    fn condition(
        &mut self,
        operator: Operator,
        operator_name: &str,
        key: &Member,
    ) -> DraftCondition {
        if !key.key.contains(':') {
            let details = "The condition key format is not valid. Use the format service:keyname.";
            self.refuse(INVALID_CONDITION_KEY_FORMAT, key.key_span, details);
        }
        let values = self.scalars(&key.value);
        if matches!(&key.value.value, Value::List(items) if items.is_empty()) {
            let (code, details) = empty_condition(operator);
            self.note(code, key.value.span, details);
        }
        for (index, value) in values.iter().enumerate() {
            self.item(&key.value, index, |reader| {
                reader.check_value(operator, value)
            });
        }
        DraftCondition {
            operator,
            operator_name: operator_name.to_owned(),
            key: Written {
                text: key.key.clone(),
                at: self.at(key.key_span),
            },
            values,
        }
    }

    fn check_value(&mut self, operator: Operator, value: &Written) {
        if operator.takes_variables() {
            self.check_variables(value, Wildcards::Literal);
        } else if self.version == Version::New && value.text.contains("${") {
            let details = "Policy variables can only be used with String and ARN operators.";
            self.note(INVALID_VARIABLE_FOR_OPERATOR, value.at.span, details);
        }
    }

    /// A text, a number, a boolean, or a list of them; numbers and booleans as they are written.
    fn scalars(&mut self, node: &Node) -> Vec<Written> {
        let Value::List(items) = &node.value else {
            return self.scalar(node).into_iter().collect();
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            values.extend(self.within(PathElement::Index(index), |reader| reader.scalar(item)));
        }
        values
    }

    fn scalar(&mut self, node: &Node) -> Option<Written> {
        let text = match &node.value {
            Value::Text(text) | Value::Number(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.mismatch(node, "a string, a number or a boolean");
                return None;
            }
        };
        Some(Written {
            text,
            at: self.at(node.span),
        })
    }

    /// Goes to an element when `node` is a list.
    fn item<T>(&mut self, node: &Node, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        match node.value {
            Value::List(_) => self.within(PathElement::Index(index), read),
            _ => read(self),
        }
    }
}

/// 12 digits, an ARN, or a unique id.
fn is_aws_principal(text: &str) -> bool {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_arn = text.starts_with("arn:")
        && text
            .splitn(6, ':')
            .filter(|field| !field.is_empty())
            .count()
            >= 5;
    is_account || is_arn || is_unique_id(text)
}

/// Such as `AIDACKCEVSQ6C2EXAMPLE`.
pub(crate) fn is_unique_id(text: &str) -> bool {
    text.len() >= 16
        && text.starts_with('A')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn empty_condition(operator: Operator) -> (Code, &'static str) {
    match operator.qualifier {
        Qualifier::ForAllValues => (
            EMPTY_ARRAY_CONDITION_FORALLVALUES,
            "The ForAllValues prefix with an empty condition key matches only if the key is missing from the request \
             context. To determine if the request context is empty, we recommend that you use the Null condition \
             operator with the value of true instead.",
        ),
        Qualifier::ForAnyValue => (
            EMPTY_ARRAY_CONDITION_FORANYVALUE,
            "The ForAnyValue prefix with an empty condition key never matches the request context and it does not \
             affect the policy. Specify conditions.",
        ),
        Qualifier::None if operator.if_exists => (
            EMPTY_ARRAY_CONDITION_IFEXISTS,
            "The IfExists suffix with an empty condition key matches only if the key is missing from the request \
             context. To determine if the request context is empty, we recommend that you use the Null condition \
             operator with the value of true instead.",
        ),
        Qualifier::None => (
            EMPTY_ARRAY_CONDITION,
            "There are no values for the condition key and it does not affect the policy. Specify conditions.",
        ),
    }
}

fn variable_issue(fault: VariableFault) -> (Code, &'static str) {
    match fault {
        VariableFault::NoBrace => (
            MISSING_BRACE_IN_VARIABLE,
            "The policy variable is missing a closing curly brace. Add } after the variable text.",
        ),
        VariableFault::Empty => (
            EMPTY_VARIABLE,
            "Empty policy variable. Remove the variable structure or provide a variable within the structure.",
        ),
        VariableFault::Space => (
            UNSUPPORTED_SPACE_IN_VARIABLE,
            "A space is not supported within the policy variable text. Remove the space.",
        ),
        VariableFault::Quote => (
            MISSING_QUOTE_IN_VARIABLE,
            "The policy variable default value must begin and end with a single quote. Add the missing quote.",
        ),
        VariableFault::Symbol => (
            UNSUPPORTED_SYMBOL_IN_VARIABLE,
            "A symbol is not supported within the policy variable text. Remove the symbol.",
        ),
    }
}

const ARN_FIELDS: &str = "Resource ARNs must include at least 6 fields in the following structure: \
                          arn:partition:service:region:account:resource";

const NO_CONDITIONS: &str =
    "This condition block is empty and it does not affect the policy. Specify conditions.";

const VARIABLE_PLACES: &str = "Policy variables are supported in the Resource and Condition elements. Remove the \
                               policy variable from this element.";
