//! Conditions that cannot hold, always hold, or mean something else than they seem to.

use super::keys::{Known, lookup};
use super::{Checker, Location};
use crate::condition::address::Range;
use crate::condition::date::Date;
use crate::condition::number::Number;
use crate::condition::operator::{Order, Qualifier, Test};
use crate::condition::{binary, boolean};
use crate::document::Effect;
use crate::document::codes::{
    Code, DUPLICATE_KEYS_WITH_DIFFERENT_CASE, FORALLVALUES_WITH_SINGLE_VALUED_KEY,
    IMPROVE_IP_RANGE, INVALID_CONDITION_MULTIPLE_BOOLEAN, INVALID_DATE_VALUE,
    INVALID_GLOBAL_CONDITION_KEY, MISSING_PAIRED_CONDITION_KEYS, MISSING_QUALIFIER,
    MISSING_TAG_KEY_IN_CONDITION, NULL_WITH_QUALIFIER, REDUNDANT_CONDITION_VALUE_NUM,
    TYPE_MISMATCH, TYPE_MISMATCH_BOOLEAN, TYPE_MISMATCH_DATE, TYPE_MISMATCH_IP_RANGE,
    TYPE_MISMATCH_NUMBER, TYPE_MISMATCH_STRING, UNSUPPORTED_GLOBAL_CONDITION_KEY,
    WILDCARD_WITHOUT_LIKE_OPERATOR,
};
use crate::document::draft::{DraftCondition, DraftStatement, Written};

/// Keys that say little without another.
const PAIRS: &[(&str, &str)] = &[("aws:vpcsourceip", "aws:sourcevpc")];

impl Checker {
    pub(super) fn condition(&mut self, condition: &DraftCondition, statement: &DraftStatement) {
        self.key(condition, statement);
        self.operator(condition);
        for value in &condition.values {
            self.value(condition, value);
        }
    }

    fn key(&mut self, condition: &DraftCondition, statement: &DraftStatement) {
        let at = || vec![condition.key.at.clone()];
        let key = &*condition.key.text;
        let known = match lookup(key) {
            Known::OfService => return,
            Known::Global(known) => known,
            Known::NoTag => {
                let details = format!(
                    "The condition key {key} must include a tag key to control access based on tags. Use the format \
                     {}/tag-key and specify a key name for tag-key.",
                    key.trim_end_matches('/')
                );
                return self.add(MISSING_TAG_KEY_IN_CONDITION, at(), details);
            }
            Known::Nothing if key.eq_ignore_ascii_case("aws:ARN") => {
                let details = "The condition key aws:ARN is not supported. Use aws:PrincipalArn or aws:SourceArn instead.";
                return self.add(UNSUPPORTED_GLOBAL_CONDITION_KEY, at(), details);
            }
            Known::Nothing => {
                let details =
                    format!("The condition key {key} does not exist. Use a valid condition key.");
                return self.add(INVALID_GLOBAL_CONDITION_KEY, at(), details);
            }
        };
        let operator = condition.operator;
        if let Some(better) = known.values.instead_of(operator.test) {
            let name = &condition.operator_name;
            let details = format!(
                "Use the operator type {better} instead of operator {name} for the condition key {key}."
            );
            self.add(TYPE_MISMATCH, at(), details);
        }
        let is_allow = statement.effect == Some(Effect::Allow);
        if known.is_many && operator.qualifier == Qualifier::None && operator.test != Test::Null {
            let details = format!(
                "The request context key {key} has multiple values. Use the ForAllValues or ForAnyValue condition key \
                 qualifiers in your policy."
            );
            self.add(MISSING_QUALIFIER, at(), details);
        } else if !known.is_many && operator.qualifier == Qualifier::ForAllValues && is_allow {
            let details = format!(
                "Using ForAllValues qualifier with the single-valued condition key {key} can be overly permissive. We \
                 recommend that you remove ForAllValues:."
            );
            self.add(FORALLVALUES_WITH_SINGLE_VALUED_KEY, at(), details);
        }
    }

    fn operator(&mut self, condition: &DraftCondition) {
        let operator = condition.operator;
        let at = || vec![condition.key.at.clone()];
        let count = condition.values.len();
        if operator.test == Test::Null && condition.has_qualifier() {
            let details = "Avoid using the Null condition operator with the ForAllValues or ForAnyValue qualifiers \
                           because they always return a true or false respectively.";
            self.add(NULL_WITH_QUALIFIER, at(), details);
        }
        if operator.test == Test::Bool && count > 1 {
            let details = "The condition key does not support multiple Boolean values. Use a single Boolean value.";
            self.add(INVALID_CONDITION_MULTIPLE_BOOLEAN, at(), details);
        }
        if let Test::Number(order) = operator.test
            && order != Order::Equal
            && count > 1
        {
            let which = match order {
                Order::Less | Order::LessOrEqual => "greatest",
                Order::Greater | Order::GreaterOrEqual | Order::Equal => "least",
            };
            let name = &condition.operator_name;
            let details = format!(
                "Multiple values in {name} are redundant. Replace with the {which} single value."
            );
            self.add(REDUNDANT_CONDITION_VALUE_NUM, at(), details);
        }
    }

    fn value(&mut self, condition: &DraftCondition, value: &Written) {
        let at = || vec![value.at.clone()];
        let text = &*value.text;
        let test = condition.operator.test;
        if let Some((code, details)) = mismatch(test, text) {
            let details = format!("{details} `{}` is none.", text.escape_debug());
            return self.add(code, at(), details);
        }
        match test {
            Test::Date(_)
                if text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.') =>
            {
                let details = "The date might not resolve as expected. We recommend that you use the YYYY-MM-DD format.";
                self.add(INVALID_DATE_VALUE, at(), details);
            }
            Test::Address => {
                if let Some(tidy) = Range::parse(text).and_then(Range::tidied) {
                    let details = format!(
                        "The non-zero bits in the IP address after the masked bits are ignored. Replace address with \
                         {tidy}."
                    );
                    self.add(IMPROVE_IP_RANGE, at(), details);
                }
            }
            Test::Exact | Test::IgnoreCase if has_wildcard(text) => {
                let details = "Your condition value includes a * or ? character. If you meant to use a wildcard (*, \
                               ?), update the condition operator to include Like.";
                self.add(WILDCARD_WITHOUT_LIKE_OPERATOR, at(), details);
            }
            _ => {}
        }
    }

    /// What the keys of a statement say of each other.
    pub(super) fn condition_keys(&mut self, statement: &DraftStatement) {
        let conditions = &statement.conditions;
        for (index, condition) in conditions.iter().enumerate() {
            let is_same = |other: &&DraftCondition| {
                other.operator_name == condition.operator_name
                    && other.key.text.eq_ignore_ascii_case(&condition.key.text)
            };
            if let Some(first) = conditions.iter().take(index).find(is_same) {
                let details = format!(
                    "The condition key {} appears more than once with different capitalization in the same condition \
                     block. Remove the duplicate condition keys.",
                    condition.key.text
                );
                let locations: Vec<Location> = vec![first.key.at.clone(), condition.key.at.clone()];
                self.add(DUPLICATE_KEYS_WITH_DIFFERENT_CASE, locations, details);
            }
            self.pair(condition, conditions);
        }
    }

    fn pair(&mut self, condition: &DraftCondition, conditions: &[DraftCondition]) {
        let has = |key: &str| {
            conditions
                .iter()
                .any(|other| other.key.text.eq_ignore_ascii_case(key))
        };
        for (key, partner) in PAIRS {
            if condition.key.text.eq_ignore_ascii_case(key) && !has(partner) {
                let details = format!(
                    "Using the condition key {} can be overly permissive without also using the following condition \
                     keys: {partner}. Condition keys like this one are more secure when paired with a related key. We \
                     recommend that you add the related condition keys to the same condition block.",
                    condition.key.text
                );
                self.add(
                    MISSING_PAIRED_CONDITION_KEYS,
                    vec![condition.key.at.clone()],
                    details,
                );
            }
        }
    }
}

/// Why a value cannot be what its operator compares.
fn mismatch(test: Test, text: &str) -> Option<(Code, &'static str)> {
    let (is_readable, code, details) = match test {
        Test::Bool | Test::Null => (
            boolean(text).is_some(),
            TYPE_MISMATCH_BOOLEAN,
            "Add a valid Boolean value (true or false) for the condition operator.",
        ),
        Test::Number(_) => (
            Number::parse(text).is_some(),
            TYPE_MISMATCH_NUMBER,
            "Add a valid numeric value for the condition operator.",
        ),
        Test::Date(_) => (
            Date::parse(text).is_some(),
            TYPE_MISMATCH_DATE,
            "The date condition operator is used with an invalid value. Specify a valid date using YYYY-MM-DD or other \
             ISO 8601 date/time format.",
        ),
        Test::Address => (
            Range::parse(text).is_some(),
            TYPE_MISMATCH_IP_RANGE,
            "The condition operator is used with an invalid IP range value. Specify the IP range in standard CIDR \
             format.",
        ),
        Test::Binary => (
            binary(text).is_some(),
            TYPE_MISMATCH_STRING,
            "Add a valid base64-encoded string value for the condition operator.",
        ),
        Test::Exact | Test::IgnoreCase | Test::Like | Test::Arn => return None,
    };
    (!is_readable).then_some((code, details))
}

/// A `*` or `?` that is not written as `${*}` or `${?}`.
fn has_wildcard(text: &str) -> bool {
    text.replace("${*}", "")
        .replace("${?}", "")
        .contains(['*', '?'])
}
