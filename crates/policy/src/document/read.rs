//! Reads the elements of a policy: version, statements, effect, principal.

use crate::document::codes::{
    EMPTY_ARRAY_PRINCIPAL, EMPTY_OBJECT_PRINCIPAL, EMPTY_SID_VALUE, INVALID_EFFECT,
    INVALID_POLICY_ELEMENT, INVALID_PRINCIPAL_FORMAT, INVALID_PRINCIPAL_KEY, INVALID_VERSION,
    MISSING_ACTION, MISSING_EFFECT, MISSING_PRINCIPAL, MISSING_RESOURCE, MISSING_STATEMENT,
    UNIQUE_SIDS_RECOMMENDED, UNIQUE_SIDS_REQUIRED, UNSUPPORTED_ELEMENT_COMBINATION,
    UNSUPPORTED_PRINCIPAL, UNSUPPORTED_SID,
};
use crate::document::draft::{
    Draft, DraftPrincipal, DraftStatement, Element, PrincipalSort, Reader, Version, Written,
};
use crate::document::{Effect, Kind};
use crate::json::{Member, Node, Value};
use crate::position::Span;
use crate::validate::PathElement;

impl Reader {
    pub(super) fn document(&mut self, node: &Node) -> Draft {
        let mut draft = Draft {
            at: self.at(node.span),
            ..Draft::default()
        };
        let Value::Map(members) = &node.value else {
            self.mismatch(node, "an object with `Version` and `Statement`");
            return draft;
        };
        let version = members.iter().find(|member| member.key == "Version");
        draft.version = version.map(|member| self.version_of(&member.value));
        self.version = draft.version();
        let mut has_statement = false;
        for member in members {
            match &*member.key {
                "Version" => {}
                "Id" => {
                    self.value_of("Id", |reader| reader.text(&member.value));
                }
                "Statement" => {
                    has_statement = true;
                    draft.statements =
                        self.value_of("Statement", |reader| reader.statements(&member.value));
                }
                _ => self.stranger(member, "`Version`, `Id` and `Statement`"),
            }
        }
        if !has_statement {
            self.refuse(
                MISSING_STATEMENT,
                node.span,
                "Add a statement to the policy.",
            );
        }
        draft
    }

    fn stranger(&mut self, member: &Member, known: &str) {
        let key = PathElement::Key(member.key.clone());
        let details = format!(
            "The policy element `{}` is not valid; {known} are.",
            member.key.escape_debug()
        );
        self.within(key, |reader| {
            reader.refuse(INVALID_POLICY_ELEMENT, member.key_span, details)
        });
    }

    fn version_of(&mut self, node: &Node) -> Version {
        match &node.value {
            Value::Text(text) if text == "2012-10-17" => Version::New,
            Value::Text(text) if text == "2008-10-17" => Version::Old,
            _ => {
                self.value_of("Version", |reader| {
                    reader.refuse(
                        INVALID_VERSION,
                        node.span,
                        "The version is not valid. Use one of the following versions: 2012-10-17, 2008-10-17.",
                    );
                });
                Version::New
            }
        }
    }

    fn statements(&mut self, node: &Node) -> Vec<DraftStatement> {
        let statements = match &node.value {
            Value::Map(members) => vec![self.statement(node, members)],
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    self.within(PathElement::Index(index), |reader| match &item.value {
                        Value::Map(members) => reader.statement(item, members),
                        _ => {
                            reader.mismatch(item, "a statement, which is an object,");
                            DraftStatement::default()
                        }
                    })
                })
                .collect(),
            _ => {
                self.mismatch(node, "an object or a list of objects");
                return Vec::new();
            }
        };
        if statements.is_empty() {
            self.refuse(
                MISSING_STATEMENT,
                node.span,
                "Add a statement to the policy.",
            );
        }
        self.check_unique_sids(&statements);
        statements
    }

    fn statement(&mut self, node: &Node, members: &[Member]) -> DraftStatement {
        let mut statement = DraftStatement {
            at: self.at(node.span),
            ..DraftStatement::default()
        };
        for member in members {
            self.value_of(&member.key, |reader| reader.element(&mut statement, member));
        }
        self.check_complete(&statement, members, node.span);
        statement
    }

    fn element(&mut self, statement: &mut DraftStatement, member: &Member) {
        let node = &member.value;
        let is_not = member.key.starts_with("Not");
        match &*member.key {
            "Sid" => statement.sid = self.sid(node),
            "Effect" => statement.effect = self.effect(node),
            "Principal" | "NotPrincipal" => {
                statement.principal = Some(self.principals(node, is_not));
            }
            "Action" | "NotAction" => statement.actions = Some(self.actions(node, is_not)),
            "Resource" | "NotResource" => statement.resources = Some(self.resources(node, is_not)),
            "Condition" => statement.conditions = self.conditions(node),
            _ => self.refuse(
                INVALID_POLICY_ELEMENT,
                member.key_span,
                format!(
                    "The policy element `{}` is not valid; a statement has `Sid`, `Effect`, `Principal`, `Action`, \
                     `Resource` and `Condition`, and `NotPrincipal`, `NotAction` and `NotResource`.",
                    member.key.escape_debug()
                ),
            ),
        }
    }

    fn check_complete(&mut self, statement: &DraftStatement, members: &[Member], span: Span) {
        let has = |key: &str| members.iter().any(|member| member.key == key);
        for (one, other) in [
            ("Principal", "NotPrincipal"),
            ("Action", "NotAction"),
            ("Resource", "NotResource"),
        ] {
            if has(one) && has(other) {
                let details = format!(
                    "The policy elements {one} and {other} can not be used in the same statement. Remove one of \
                     these elements."
                );
                self.refuse(UNSUPPORTED_ELEMENT_COMBINATION, span, details);
            }
        }
        if !has("Effect") {
            let details =
                "Add an Effect element to the policy statement with a value of Allow or Deny.";
            self.refuse(MISSING_EFFECT, span, details);
        }
        if statement.actions.is_none() {
            let details = "Add an Action or NotAction element to the policy statement.";
            self.refuse(MISSING_ACTION, span, details);
        }
        self.check_principal(statement, span);
        self.check_resource(statement, span);
    }

    fn check_principal(&mut self, statement: &DraftStatement, span: Span) {
        match (&statement.principal, self.kind) {
            (Some(principal), Kind::Identity) => {
                let details = "The policy type does not support the Principal element. Remove the Principal element.";
                self.refuse(UNSUPPORTED_PRINCIPAL, principal.at.span, details);
            }
            (None, Kind::Resource | Kind::Trust) => {
                let details = "Add a Principal element to the policy statement.";
                self.refuse(MISSING_PRINCIPAL, span, details);
            }
            _ => {}
        }
    }

    fn check_resource(&mut self, statement: &DraftStatement, span: Span) {
        match (&statement.resources, self.kind) {
            (Some(resources), Kind::Trust) => {
                let details =
                    "Has prohibited field Resource: a trust policy is about its role alone.";
                self.refuse(INVALID_POLICY_ELEMENT, resources.at.span, details);
            }
            (None, Kind::Identity | Kind::Resource) => {
                let details = "Add a Resource or NotResource element to the policy statement.";
                self.refuse(MISSING_RESOURCE, span, details);
            }
            _ => {}
        }
    }

    fn sid(&mut self, node: &Node) -> Option<Written> {
        let sid = self.text(node)?;
        let is_plain = sid.text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if sid.text.is_empty() {
            let details = "Add a value to the empty string in the Sid element.";
            self.note(EMPTY_SID_VALUE, node.span, details);
        } else if !is_plain && self.kind == Kind::Resource {
            self.note(UNSUPPORTED_SID, node.span, SID_LETTERS);
        } else if !is_plain {
            self.refuse(UNSUPPORTED_SID, node.span, SID_LETTERS);
        }
        Some(sid)
    }

    fn check_unique_sids(&mut self, statements: &[DraftStatement]) {
        let mut seen = std::collections::HashSet::new();
        for sid in statements
            .iter()
            .filter_map(|statement| statement.sid.as_ref())
        {
            if sid.text.is_empty() || seen.insert(&*sid.text) {
                continue;
            }
            if self.kind == Kind::Resource {
                let details = "We recommend that you use statement IDs that are unique to your policy. Update the \
                               Sid value.";
                self.note(UNIQUE_SIDS_RECOMMENDED, sid.at.span, details);
            } else {
                let details = "Duplicate statement IDs are not supported for this policy type. Update the Sid value.";
                self.refuse(UNIQUE_SIDS_REQUIRED, sid.at.span, details);
            }
        }
    }

    fn effect(&mut self, node: &Node) -> Option<Effect> {
        let effect = self.text(node)?;
        match &*effect.text {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            _ => {
                let details = "The effect is not valid. Use Allow or Deny.";
                self.refuse(INVALID_EFFECT, node.span, details);
                None
            }
        }
    }

    fn principals(&mut self, node: &Node, is_not: bool) -> Element<DraftPrincipal> {
        let mut values = Vec::new();
        match &node.value {
            Value::Text(text) if text == "*" => values.push(DraftPrincipal {
                sort: PrincipalSort::Aws,
                name: Written {
                    text: text.clone(),
                    at: self.at(node.span),
                },
            }),
            Value::Map(members) if members.is_empty() => {
                self.refuse(EMPTY_OBJECT_PRINCIPAL, node.span, NO_PRINCIPALS);
            }
            Value::Map(members) => {
                for member in members {
                    self.value_of(&member.key, |reader| reader.principals_of(member, &mut values));
                }
            }
            Value::Text(_) => self.refuse(
                INVALID_PRINCIPAL_FORMAT,
                node.span,
                "The Principal element contents are not valid. Specify a key-value pair in the Principal element, \
                 such as {\"AWS\": \"123456789012\"}, or \"*\".",
            ),
            _ => self.mismatch(node, "\"*\" or an object such as {\"AWS\": \"123456789012\"}"),
        }
        Element {
            is_not,
            at: self.at(node.span),
            values,
        }
    }

    fn principals_of(&mut self, member: &Member, values: &mut Vec<DraftPrincipal>) {
        let sort = match &*member.key {
            "AWS" => PrincipalSort::Aws,
            "Service" => PrincipalSort::Service,
            "Federated" => PrincipalSort::Federated,
            "CanonicalUser" => PrincipalSort::CanonicalUser,
            _ => {
                let details =
                    "The principal key is not valid. Use AWS, Service, Federated or CanonicalUser.";
                return self.refuse(INVALID_PRINCIPAL_KEY, member.key_span, details);
            }
        };
        let names = self.texts(&member.value);
        if names.is_empty() {
            self.refuse(EMPTY_ARRAY_PRINCIPAL, member.value.span, NO_PRINCIPALS);
        }
        for name in names {
            self.check_principal_name(sort, &name);
            values.push(DraftPrincipal { sort, name });
        }
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&mut self, node: &Node) -> Vec<Written> {
        let Value::List(items) = &node.value else {
            return self.text(node).into_iter().collect();
        };
        let texts = items.iter().enumerate().map(|(index, item)| {
            self.within(PathElement::Index(index), |reader| reader.text(item))
        });
        texts.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<Written> {
        if let Value::Text(text) = &node.value {
            Some(Written {
                text: text.clone(),
                at: self.at(node.span),
            })
        } else {
            self.mismatch(node, "a string");
            None
        }
    }
}

const NO_PRINCIPALS: &str =
    "This statement includes no principals and does not affect the policy. Specify principals.";

const SID_LETTERS: &str = "Update the characters in the Sid element to use one of the following character types: \
                           [a-z, A-Z, 0-9]";
