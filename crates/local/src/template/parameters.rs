//! Template parameters: defaults, given values, and the limits that CloudFormation would check.

use std::collections::BTreeMap;

use super::yaml::{At, Node, TemplateError, Value};

const TYPES: &str = "String, Number, CommaDelimitedList and AWS-specific names and lists of names";

/// Values for `--parameters`: `Name=value` pairs between spaces. A value may be quoted with `'` or `"`
/// and then holds spaces and the other quote; `\` escapes inside `"`.
///
/// An unquoted JSON object or array may hold spaces and quotes too: it ends where its brackets close.
///
/// # Errors
///
/// A sentence when a pair has no `=` or a quote is never closed.
pub(crate) fn parse_given(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut given = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) =
            rest.split_once('=').ok_or_else(|| format!("--parameters: `{rest}` is not Name=value"))?;
        if name.is_empty() || !name.chars().all(char::is_alphanumeric) {
            return Err(format!(
                "--parameters: `{name}` is not a parameter name; write Name=value Name=value"
            ));
        }
        let (value, after) = value_of(after)?;
        given.insert(name.to_owned(), value);
        rest = after.trim_start();
    }
    Ok(given)
}

/// One value and what follows it.
fn value_of(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut open: Option<char> = None;
    let mut depth = 0_usize;
    let mut chars = text.char_indices();
    let json = text.starts_with(['{', '[']);
    while let Some((index, c)) = chars.next() {
        match (open, c) {
            (None, c) if c.is_whitespace() && depth == 0 => {
                return Ok((value, text.get(index..).unwrap_or("")));
            }
            (None, '\'' | '"') if !json => open = Some(c),
            (None, '"') => {
                open = Some(c);
                value.push(c);
            }
            (Some(quote), c) if c == quote => {
                open = None;
                if json {
                    value.push(c);
                }
            }
            (Some('"'), '\\') => {
                if json {
                    value.push(c);
                }
                value.extend(chars.next().map(|(_, escaped)| escaped));
            }
            (None, '{' | '[') if json => {
                depth += 1;
                value.push(c);
            }
            (None, '}' | ']') if json => {
                depth = depth.saturating_sub(1);
                value.push(c);
            }
            (_, c) => value.push(c),
        }
    }
    match open {
        Some(quote) => Err(format!("--parameters: a {quote} is never closed")),
        None => Ok((value, "")),
    }
}

/// The value of every parameter that `declared` (the `Parameters` section) has.
///
/// # Errors
///
/// A value that is missing, breaks a limit, or names no parameter.
pub(crate) fn resolve(
    root: &Node,
    declared: Option<&Node>,
    given: &BTreeMap<String, Node>,
) -> Result<BTreeMap<String, Node>, TemplateError> {
    let declared = declared.and_then(Node::as_map).unwrap_or_default();
    if let Some((name, value)) =
        given.iter().find(|(name, _)| declared.iter().all(|(known, _)| known != *name))
    {
        let known: Vec<_> = declared.iter().map(|(name, _)| name.as_str()).collect();
        let place = if value.at.line == 0 { root } else { value };
        return Err(place.error(format!("there is no parameter {name}; there are: {}", known.join(", "))));
    }
    declared
        .iter()
        .map(|(name, declaration)| Ok((name.clone(), one(name, declaration, given.get(name))?)))
        .collect()
}

fn one(name: &str, declaration: &Node, given: Option<&Node>) -> Result<Node, TemplateError> {
    for (key, value) in declaration.as_map().unwrap_or_default() {
        match key.as_str() {
            "Type"
            | "Default"
            | "Description"
            | "AllowedValues"
            | "AllowedPattern"
            | "ConstraintDescription"
            | "MinValue"
            | "MaxValue"
            | "MinLength"
            | "MaxLength"
            | "NoEcho" => {}
            other => return Err(value.error(format!("parameter {name}: {other} is not supported"))),
        }
    }
    let Some(value) = given.or_else(|| declaration.get("Default")) else {
        return Err(declaration
            .error(format!("parameter {name} has no default: give it with --parameters \"{name}=…\"")));
    };
    let kind = declaration.get("Type").and_then(Node::as_str).unwrap_or("String");
    let at = if value.at.line == 0 { &declaration.at } else { &value.at };
    let text = match &value.value {
        Value::List(_) => value.strings(name)?.join(","),
        Value::Null => String::new(),
        Value::Scalar { .. } | Value::Map(_) => value.string(&format!("the value of parameter {name}"))?,
    };
    check(name, declaration, kind, &text)?;
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(Node {
            at: at.clone(),
            value: Value::List(items.map(|item| Node::text(at, item)).collect()),
        });
    }
    if kind == "String" || kind == "Number" || kind.starts_with("AWS::") {
        return Ok(Node::text(at, text));
    }
    Err(declaration.error(format!("parameter {name}: type {kind} is not supported; supported are {TYPES}")))
}

fn check(name: &str, declaration: &Node, kind: &str, text: &str) -> Result<(), TemplateError> {
    let refuse = |limit: &str| {
        let why = declaration.get("ConstraintDescription").and_then(Node::as_str).unwrap_or(limit);
        Err(declaration.error(format!("parameter {name}: `{text}` is refused: {why}")))
    };
    if let Some(allowed) = declaration.get("AllowedValues") {
        let allowed = allowed.strings("AllowedValues")?;
        if !allowed.iter().any(|value| value == text) {
            return refuse(&format!("it must be one of {}", allowed.join(", ")));
        }
    }
    if let Some(pattern) = declaration.get("AllowedPattern") {
        let source = pattern.string("AllowedPattern")?;
        let regex = regex_lite::Regex::new(&format!("^(?:{source})$"))
            .map_err(|error| pattern.error(format!("AllowedPattern of {name} is not understood: {error}")))?;
        if !regex.is_match(text) {
            return refuse(&format!("it must match {source}"));
        }
    }
    let length = text.chars().count();
    if let Some(limit) = declaration.get("MinLength")
        && length < limit.integer("MinLength")? as usize
    {
        return refuse(&format!("it must have at least {} characters", limit.string("MinLength")?));
    }
    if let Some(limit) = declaration.get("MaxLength")
        && length > limit.integer("MaxLength")? as usize
    {
        return refuse(&format!("it must have at most {} characters", limit.string("MaxLength")?));
    }
    if kind != "Number" {
        return Ok(());
    }
    let Ok(number) = text.parse::<f64>() else { return refuse("it must be a number") };
    for (key, outside) in [("MinValue", true), ("MaxValue", false)] {
        let Some(limit) = declaration.get(key) else { continue };
        let bound: f64 = limit
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| limit.error(format!("{key} of {name} must be a number")))?;
        if (outside && number < bound) || (!outside && number > bound) {
            return refuse(&format!("it must be {} {bound}", if outside { "at least" } else { "at most" }));
        }
    }
    Ok(())
}

/// Given values as nodes; line 0 means the command line.
pub(crate) fn from_command_line(given: &BTreeMap<String, String>) -> BTreeMap<String, Node> {
    let at = At { file: "--parameters".into(), line: 0 };
    given.iter().map(|(name, value)| (name.clone(), Node::text(&at, value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::yaml;
    use super::*;

    #[test]
    fn given_values_may_be_quoted_and_hold_json() {
        let given =
            parse_given(r#" A=1 B="x y" C='{"a": [1, 2]}' D={"urls": "stun:a b"} E= F="q\"q""#).unwrap();
        let expect = [
            ("A", "1"),
            ("B", "x y"),
            ("C", r#"{"a": [1, 2]}"#),
            ("D", r#"{"urls": "stun:a b"}"#),
            ("E", ""),
            ("F", "q\"q"),
        ];
        assert_eq!(given, expect.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert!(parse_given("A").is_err());
        assert!(parse_given("A='x").is_err());
    }

    fn resolved(declared: &str, given: &str) -> Result<BTreeMap<String, Node>, TemplateError> {
        let root = yaml::parse(Path::new("t.yaml"), declared).unwrap();
        let given = from_command_line(&parse_given(given).unwrap());
        resolve(&root, Some(&root), &given)
    }

    #[test]
    fn limits_are_enforced_on_defaults_and_given_values() {
        let declared = "N: {Type: Number, Default: 3, MinValue: 1, MaxValue: 5}\n\
                        M: {Type: String, Default: open, AllowedValues: [open, token]}\n\
                        P: {Type: String, Default: ab, AllowedPattern: '[a-z]*'}\n\
                        L: {Type: CommaDelimitedList, Default: 'a, b'}\n";
        let values = resolved(declared, "N=5 M=token").unwrap();
        assert_eq!(values["N"].as_str(), Some("5"));
        assert_eq!(values["M"].as_str(), Some("token"));
        assert_eq!(values["L"].strings("L").unwrap(), ["a", "b"]);
        for (given, why) in [
            ("N=0", "t.yaml:1: parameter N: `0` is refused: it must be at least 1"),
            ("N=6", "t.yaml:1: parameter N: `6` is refused: it must be at most 5"),
            ("N=x", "t.yaml:1: parameter N: `x` is refused: it must be a number"),
            ("M=no", "t.yaml:2: parameter M: `no` is refused: it must be one of open, token"),
            ("P=A", "t.yaml:3: parameter P: `A` is refused: it must match [a-z]*"),
            ("Q=1", "t.yaml:1: there is no parameter Q; there are: N, M, P, L"),
        ] {
            assert_eq!(resolved(declared, given).unwrap_err().to_string(), why);
        }
    }
}
