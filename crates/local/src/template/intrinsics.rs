//! Intrinsic functions. Values are evaluated where they are needed, so what the gateway does not run
//! (networks, alarms) may use more functions than these.

use super::Template;
use super::names;
use super::yaml::{Node, TemplateError, Value};

const SUPPORTED: &str =
    "Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::If, Fn::Equals, Fn::Not, Fn::And, Fn::Or, Fn::Select, Fn::Split";

impl Template {
    /// `node` with every intrinsic function replaced by its value; `None` for `AWS::NoValue`.
    ///
    /// # Errors
    ///
    /// An unknown name or function, or a function whose arguments have the wrong shape.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Option<Node>, TemplateError> {
        let value = match &node.value {
            Value::Null => Value::Null,
            Value::Scalar { text, plain } => {
                if text.contains("{{resolve:") {
                    return Err(node.error("dynamic references ({{resolve:…}}) are not supported"));
                }
                Value::Scalar { text: text.clone(), plain: *plain }
            }
            Value::List(items) => Value::List(self.resolve_all(items)?),
            Value::Map(entries) => {
                if let [(name, argument)] = entries.as_slice()
                    && (name == "Ref" || name == "Condition" || name.starts_with("Fn::"))
                {
                    return self.call(name, argument);
                }
                let mut resolved = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(value) = self.resolve(value)? {
                        resolved.push((key.clone(), value));
                    }
                }
                Value::Map(resolved)
            }
        };
        Ok(Some(Node { at: node.at.clone(), value }))
    }

    fn resolve_all(&self, items: &[Node]) -> Result<Vec<Node>, TemplateError> {
        items.iter().filter_map(|item| self.resolve(item).transpose()).collect()
    }

    /// As [`Self::resolve`], for a place where `AWS::NoValue` makes no sense.
    fn needed(&self, node: &Node) -> Result<Node, TemplateError> {
        self.resolve(node)?.ok_or_else(|| node.error("AWS::NoValue cannot stand here"))
    }

    fn text(&self, node: &Node) -> Result<String, TemplateError> {
        self.needed(node)?.string("the argument")
    }

    fn call(&self, name: &str, argument: &Node) -> Result<Option<Node>, TemplateError> {
        let text = |text: String| Ok(Some(Node::text(&argument.at, text)));
        let flag = |flag: bool| Ok(Some(Node::text(&argument.at, flag.to_string())));
        match name {
            "Ref" => self.reference(argument),
            "Fn::GetAtt" => self.attribute(argument).map(Some),
            "Fn::Sub" => text(self.sub(argument)?),
            "Fn::Join" => {
                let [separator, items] = arguments(argument, "Fn::Join")?;
                text(
                    self.needed(items)?
                        .strings("the second argument of Fn::Join")?
                        .join(&self.text(separator)?),
                )
            }
            "Fn::Split" => {
                let [separator, source] = arguments(argument, "Fn::Split")?;
                let (separator, source) = (self.text(separator)?, self.text(source)?);
                let parts = source.split(separator.as_str()).map(|part| Node::text(&argument.at, part));
                Ok(Some(Node { at: argument.at.clone(), value: Value::List(parts.collect()) }))
            }
            "Fn::Select" => {
                let [index, items] = arguments(argument, "Fn::Select")?;
                let index = self.needed(index)?.integer("the index of Fn::Select")? as usize;
                let items = self.needed(items)?;
                let chosen = items.as_list().and_then(|items| items.get(index));
                chosen
                    .cloned()
                    .map(Some)
                    .ok_or_else(|| argument.error("Fn::Select: the list has no such item"))
            }
            "Fn::If" => {
                let [condition, yes, no] = arguments(argument, "Fn::If")?;
                let name = condition.string("the first argument of Fn::If")?;
                self.resolve(if self.condition(&name, condition)? { yes } else { no })
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" | "Condition" => flag(self.test(name, argument)?),
            other => Err(argument.error(format!("{other} is not supported; supported are {SUPPORTED}"))),
        }
    }

    /// Whether the condition `name` holds. `place` is where it is used.
    pub(crate) fn condition(&self, name: &str, place: &Node) -> Result<bool, TemplateError> {
        let condition = self.root().get("Conditions").and_then(|conditions| conditions.get(name));
        let condition = condition.ok_or_else(|| place.error(format!("there is no condition {name}")))?;
        self.holds(condition)
    }

    fn holds(&self, node: &Node) -> Result<bool, TemplateError> {
        match node.as_map() {
            Some([(name, argument)]) => self.test(name, argument),
            _ => self.needed(node)?.boolean("a condition"),
        }
    }

    fn test(&self, name: &str, argument: &Node) -> Result<bool, TemplateError> {
        let items = || argument.as_list().ok_or_else(|| argument.error(format!("{name} takes a list")));
        match name {
            "Condition" => self.condition(&argument.string("Condition")?, argument),
            "Fn::Equals" => {
                let [left, right] = arguments(argument, name)?;
                let (left, right) = (self.needed(left)?, self.needed(right)?);
                Ok(match (left.as_str(), right.as_str()) {
                    (Some(left), Some(right)) => left == right,
                    _ => left == right,
                })
            }
            "Fn::Not" => {
                let [inner] = arguments(argument, name)?;
                Ok(!self.holds(inner)?)
            }
            "Fn::And" => items()?.iter().try_fold(true, |all, item| Ok(all & self.holds(item)?)),
            "Fn::Or" => items()?.iter().try_fold(false, |any, item| Ok(any | self.holds(item)?)),
            other => Err(argument.error(format!("{other} is no condition; supported are {SUPPORTED}"))),
        }
    }

    fn reference(&self, argument: &Node) -> Result<Option<Node>, TemplateError> {
        let name = argument.string("Ref")?;
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        self.named(&name, argument).map(Some)
    }

    /// What `Ref name` or `${name}` is.
    fn named(&self, name: &str, place: &Node) -> Result<Node, TemplateError> {
        if let Some(value) = self.parameter(name) {
            return Ok(Node { at: place.at.clone(), value: value.value.clone() });
        }
        let pseudo = match name {
            "AWS::Region" => Some(names::REGION),
            "AWS::AccountId" => Some(names::ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some(names::SUFFIX),
            "AWS::StackName" => Some(self.stack_name()),
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(Node::text(&place.at, value));
        }
        if name == "AWS::StackId" {
            return Ok(Node::text(&place.at, names::stack_id(self.stack_name())));
        }
        if let Some(api) = name.strip_suffix(".Stage") {
            return Ok(Node::text(&place.at, self.stage(api, place)?));
        }
        let (kind, resource) = self.resource(name, place)?;
        let value = match names::reference(self.stack_name(), name, &kind, resource) {
            names::Reference::Known(value) => value,
            names::Reference::Given(property) => self.text(property)?,
            names::Reference::Family(family) => names::task_definition_arn(&self.text(family)?),
            names::Reference::Queue(name) => names::queue_url(&self.text(name)?),
        };
        Ok(Node::text(&place.at, value))
    }

    /// The stage of an API, which SAM lets a template name as `Api.Stage`.
    pub(crate) fn stage(&self, api: &str, place: &Node) -> Result<String, TemplateError> {
        let (kind, resource) = self.resource(api, place)?;
        match resource.get("Properties").and_then(|properties| properties.get("StageName")) {
            Some(stage) => self.text(stage),
            None if kind == "AWS::Serverless::HttpApi" => Ok("$default".to_owned()),
            None if kind == "AWS::Serverless::WebSocketApi" => Ok("default".to_owned()),
            None => Err(place.error(format!("{api} ({kind}) has no stage"))),
        }
    }

    fn attribute(&self, argument: &Node) -> Result<Node, TemplateError> {
        let path = match argument.as_list() {
            Some(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.text(part)).collect();
                parts?.join(".")
            }
            None => argument.string("Fn::GetAtt")?,
        };
        let (name, attribute) = path.split_once('.').ok_or_else(|| {
            argument.error("Fn::GetAtt takes a resource and an attribute: !GetAtt Name.Arn")
        })?;
        self.attribute_of(name, attribute, argument)
    }

    fn attribute_of(&self, name: &str, attribute: &str, place: &Node) -> Result<Node, TemplateError> {
        let (kind, resource) = self.resource(name, place)?;
        if let Some(output) = attribute.strip_prefix("Outputs.") {
            let nested = self.nested(name, &kind, resource)?;
            let value = nested.output(output, place)?;
            return Ok(Node { at: place.at.clone(), value: value.value });
        }
        let reference = self.named(name, place)?.string(name)?;
        let value = names::attribute(self.stack_name(), name, &kind, &reference, attribute)
            .ok_or_else(|| place.error(format!("{name} ({kind}) has no attribute {attribute} here")))?;
        Ok(Node::text(&place.at, value))
    }

    /// `Fn::Sub`, with or without its own variables.
    fn sub(&self, argument: &Node) -> Result<String, TemplateError> {
        let (pattern, variables) = match argument.as_list() {
            Some([pattern, variables]) => (pattern.string("the first argument of Fn::Sub")?, Some(variables)),
            Some(_) => return Err(argument.error("Fn::Sub takes a string, or a list of a string and a map")),
            None => (argument.string("Fn::Sub")?, None),
        };
        let mut out = String::with_capacity(pattern.len());
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, after) =
                after.split_once('}').ok_or_else(|| argument.error("Fn::Sub: a ${ is never closed"))?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
                continue;
            }
            let name = name.trim();
            let own = variables.and_then(|variables| variables.get(name));
            let value = match (own, name.split_once('.')) {
                (Some(own), _) => self.needed(own)?,
                (None, Some((resource, attribute))) if attribute != "Stage" => {
                    self.attribute_of(resource, attribute, argument)?
                }
                (None, _) => self.named(name, argument)?,
            };
            out.push_str(&value.string(&format!("${{{name}}}"))?);
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The fixed number of arguments of a function.
fn arguments<'a, const N: usize>(argument: &'a Node, name: &str) -> Result<&'a [Node; N], TemplateError> {
    argument
        .as_list()
        .and_then(|items| items.try_into().ok())
        .ok_or_else(|| argument.error(format!("{name} takes a list of {N}")))
}
