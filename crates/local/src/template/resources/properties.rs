//! What is read of a resource, and refused.

use super::super::Template;
use super::super::yaml::{Node, TemplateError};

/// The properties of one resource.
pub(super) struct Properties<'a> {
    pub(super) template: &'a Template,
    pub(super) logical: &'a str,
    pub(super) kind: &'a str,
    pub(super) resource: &'a Node,
}

impl Properties<'_> {
    /// Refuses a property that is neither `used` nor `accepted`, those that mean nothing here.
    pub(super) fn allow(&self, used: &[&str], accepted: &[&str]) -> Result<(), TemplateError> {
        let properties = self.resource.get("Properties").and_then(Node::as_map).unwrap_or_default();
        allow(self.logical, self.kind, properties, used, accepted)
    }

    /// The evaluated property, if it is given and not `AWS::NoValue`.
    pub(super) fn get(&self, name: &str) -> Result<Option<Node>, TemplateError> {
        match self.resource.get("Properties").and_then(|properties| properties.get(name)) {
            Some(value) => self.template.resolve(value),
            None => Ok(None),
        }
    }

    /// As [`Self::get`], for a property that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<Node, TemplateError> {
        let missing = || self.error(format!("{}: {name} is missing", self.logical));
        self.get(name)?.ok_or_else(missing)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> TemplateError {
        self.resource.error(message)
    }
}

/// Refuses an entry that is neither `used` nor `accepted`.
pub(super) fn allow(
    logical: &str,
    kind: &str,
    entries: &[(String, Node)],
    used: &[&str],
    accepted: &[&str],
) -> Result<(), TemplateError> {
    let unknown =
        entries.iter().find(|(key, _)| !used.contains(&key.as_str()) && !accepted.contains(&key.as_str()));
    let Some((key, value)) = unknown else { return Ok(()) };
    let mut message =
        format!("{logical}: {key} is not supported by {kind} here; supported are {}", used.join(", "));
    if !accepted.is_empty() {
        message.push_str(", and accepted without effect: ");
        message.push_str(&accepted.join(", "));
    }
    Err(value.error(message))
}
