//! YAML as CloudFormation reads it: a tree whose every value knows its line, with the short forms of
//! the intrinsic functions (`!Ref x`) written out (`{Ref: x}`).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// Where a value stands: shown as `template.yaml:41`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// The file as the user named it.
    pub(crate) file: Arc<str>,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A template that cannot be run, with the place to mend.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {message}")]
pub(crate) struct TemplateError {
    at: At,
    message: String,
}

/// A value of the template.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    /// The text of a scalar. CloudFormation takes `128` and `"128"` alike, so the type of a plain
    /// scalar is decided where it is used.
    Scalar {
        text: String,
        /// Written without quotes: `true` and `128` become a boolean and a number in JSON.
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file.
    Map(Vec<(String, Node)>),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// A quoted string at `at`.
    pub(crate) fn text(at: &At, text: impl Into<String>) -> Self {
        Self { at: at.clone(), value: Value::Scalar { text: text.into(), plain: false } }
    }

    /// An error that points at this value.
    pub(crate) fn error(&self, message: impl Into<String>) -> TemplateError {
        TemplateError { at: self.at.clone(), message: message.into() }
    }

    /// The text of a scalar.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The items of a list.
    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => None,
        }
    }

    /// The entries of a map.
    pub(crate) fn as_map(&self) -> Option<&[(String, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// The entry `key` of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find_map(|(k, v)| (k == key).then_some(v))
    }

    /// The text, or an error that calls the value `what`.
    pub(crate) fn string(&self, what: &str) -> Result<String, TemplateError> {
        self.as_str().map(str::to_owned).ok_or_else(|| self.error(format!("{what} must be a string")))
    }

    /// The whole number, or an error that calls the value `what`.
    pub(crate) fn integer(&self, what: &str) -> Result<u32, TemplateError> {
        let number = self.as_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.error(format!("{what} must be a whole number of 0 or more")))
    }

    /// The boolean, or an error that calls the value `what`.
    pub(crate) fn boolean(&self, what: &str) -> Result<bool, TemplateError> {
        match self.as_str() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(self.error(format!("{what} must be true or false"))),
        }
    }

    /// The items as texts; a single text counts as a list of one.
    pub(crate) fn strings(&self, what: &str) -> Result<Vec<String>, TemplateError> {
        match &self.value {
            Value::List(items) => items.iter().map(|item| item.string(what)).collect(),
            Value::Scalar { text, .. } => Ok(vec![text.clone()]),
            Value::Null | Value::Map(_) => Err(self.error(format!("{what} must be a list of strings"))),
        }
    }

    /// The same value as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Scalar { text, plain: true } if text == "true" || text == "false" => {
                Json::Bool(text == "true")
            }
            Value::Scalar { text, plain: true } => {
                text.parse::<serde_json::Number>().map_or_else(|_| Json::String(text.clone()), Json::Number)
            }
            Value::Scalar { text, plain: false } => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
        }
    }
}

/// Reads one YAML document. `file` is how errors name it.
pub(crate) fn parse(file: &Path, source: &str) -> Result<Node, TemplateError> {
    let file: Arc<str> = file.to_string_lossy().into();
    let mut loader = Loader { file: Arc::clone(&file), parser: Parser::new_from_str(source) };
    loop {
        let (event, span) = loader.next()?;
        match event {
            Event::StreamEnd => {
                return Err(loader.error(&span, "the file is empty"));
            }
            Event::DocumentStart(_) => {
                let (event, span) = loader.next()?;
                return loader.node(event, &span);
            }
            Event::StreamStart
            | Event::Nothing
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd => {}
        }
    }
}

struct Loader<'input> {
    file: Arc<str>,
    parser: Parser<'input, saphyr_parser::StrInput<'input>>,
}

impl<'input> Loader<'input> {
    fn at(&self, span: &Span) -> At {
        At { file: Arc::clone(&self.file), line: span.start.line() }
    }

    fn error(&self, span: &Span, message: impl Into<String>) -> TemplateError {
        TemplateError { at: self.at(span), message: message.into() }
    }

    fn next(&mut self) -> Result<(Event<'input>, Span), TemplateError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(TemplateError {
                at: At { file: Arc::clone(&self.file), line: error.marker().line() },
                message: format!("not YAML: {}", error.info()),
            }),
            None => Err(TemplateError {
                at: At { file: Arc::clone(&self.file), line: 1 },
                message: "the document ends too early".to_owned(),
            }),
        }
    }

    fn node(&mut self, event: Event<'input>, span: &Span) -> Result<Node, TemplateError> {
        let at = self.at(span);
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => (scalar(&text, style), tag),
            Event::SequenceStart(_, tag) => (self.list()?, tag),
            Event::MappingStart(_, tag) => (self.map()?, tag),
            Event::Alias(_) => {
                return Err(self.error(span, "YAML aliases (*name) are not supported: write the value out"));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.error(span, "a value is missing")),
        };
        let node = Node { at, value };
        match tag {
            None => Ok(node),
            Some(tag) => written_out(node, &tag),
        }
    }

    fn list(&mut self) -> Result<Value, TemplateError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, &span)?);
        }
    }

    fn map(&mut self) -> Result<Value, TemplateError> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, &span)?;
            let name = key.string("a key")?;
            if entries.iter().any(|(known, _)| *known == name) {
                return Err(key.error(format!("the key {name} is given twice")));
            }
            let (event, span) = self.next()?;
            let mut value = self.node(event, &span)?;
            // A block below its key starts a line later; the key is the line to look at.
            value.at = key.at;
            entries.push((name, value));
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    match text {
        "" | "~" | "null" if plain => Value::Null,
        _ => Value::Scalar { text: text.to_owned(), plain },
    }
}

/// `!Ref x` as `{Ref: x}`, `!GetAtt a.b` as `{Fn::GetAtt: a.b}`.
fn written_out(node: Node, tag: &Tag) -> Result<Node, TemplateError> {
    if tag.is_yaml_core_schema() {
        return Ok(node);
    }
    let name = match tag.suffix.as_str() {
        "Ref" => "Ref".to_owned(),
        "Condition" => "Condition".to_owned(),
        "GetAtt" | "Sub" | "Join" | "If" | "Equals" | "Not" | "And" | "Or" | "Select" | "Split"
        | "GetAZs" | "FindInMap" | "ImportValue" | "Base64" | "Cidr" | "Transform" | "Length"
        | "ToJsonString" => {
            format!("Fn::{}", tag.suffix)
        }
        other => return Err(node.error(format!("!{other} is no intrinsic function of CloudFormation"))),
    };
    Ok(Node { at: node.at.clone(), value: Value::Map(vec![(name, node)]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<Node, TemplateError> {
        parse(Path::new("t.yaml"), source)
    }

    #[test]
    fn values_know_their_lines_and_short_forms_are_written_out() {
        let node = read("A:\n  B: !Ref C\n  D: [1, \"1\", true]\n").unwrap();
        let a = node.get("A").unwrap();
        assert_eq!(a.at.line, 1);
        assert_eq!(a.get("B").unwrap().get("Ref").unwrap().as_str(), Some("C"));
        assert_eq!(a.get("D").unwrap().at.to_string(), "t.yaml:3");
        assert_eq!(a.get("D").unwrap().to_json(), serde_json::json!([1, "1", true]));
    }

    #[test]
    fn a_key_given_twice_and_broken_yaml_are_refused_by_line() {
        assert_eq!(read("a: 1\nb: 2\na: 3").unwrap_err().to_string(), "t.yaml:3: the key a is given twice");
        assert!(read("a: [1,\nb: }").unwrap_err().to_string().starts_with("t.yaml:"));
        assert!(read("a: !Nope 1").unwrap_err().to_string().contains("!Nope"));
        assert!(read("").is_err());
    }
}
