//! `FilterCriteria` of an event source: which records a function is given.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax>

use serde_json::{Map, Value as Json};

/// A `Pattern`: a record matches when every member of it does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern(Vec<(String, Condition)>);

/// What a member of a pattern asks of the record's member with that name.
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Within(Pattern),
    /// One of these is enough.
    Any(Vec<Rule>),
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Equals(Json),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Json>),
    Exists(bool),
}

impl Pattern {
    /// Reads the text of a `Pattern`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or not supported.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(Json::Object(members)) => Self::of(&members, ""),
            Ok(_) => Err("a Pattern is a JSON object".into()),
            Err(error) => Err(format!("a Pattern is JSON: {error}")),
        }
    }

    fn of(members: &Map<String, Json>, path: &str) -> Result<Self, String> {
        let condition = |(name, value): (&String, &Json)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name == "$or" {
                return Err(format!("{path}: $or is not supported: give several Filters"));
            }
            let condition = match value {
                Json::Object(members) => Condition::Within(Self::of(members, &path)?),
                Json::Array(rules) if !rules.is_empty() => {
                    let rules: Result<_, _> = rules.iter().map(Rule::of).collect();
                    Condition::Any(rules.map_err(|why: String| format!("{path}: {why}"))?)
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                    return Err(format!("{path}: its rules are a list with at least one"));
                }
            };
            Ok((name.clone(), condition))
        };
        if members.is_empty() {
            return Err(if path.is_empty() { "it is empty".into() } else { format!("{path}: it is empty") });
        }
        Ok(Self(members.iter().map(condition).collect::<Result<_, _>>()?))
    }

    pub(crate) fn matches(&self, record: &Json) -> bool {
        self.0.iter().all(|(name, condition)| condition.matches(record.get(name)))
    }
}

impl Condition {
    fn matches(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            // One element is enough, as in the list of a set.
            (Self::Within(_) | Self::Any(_), Some(Json::Array(elements))) if !elements.is_empty() => {
                elements.iter().any(|element| self.matches(Some(element)))
            }
            (Self::Within(pattern), value) => pattern.matches(value.unwrap_or(&Json::Null)),
            // Only what is no object is a value: to the rules an object is as good as nothing.
            (Self::Any(rules), value) => {
                let value = value.filter(|value| !value.is_object() && !value.is_array());
                rules.iter().any(|rule| rule.matches(value))
            }
        }
    }
}

impl Rule {
    fn of(rule: &Json) -> Result<Self, String> {
        let Json::Object(members) = rule else {
            return if rule.is_array() {
                Err("a rule is no list".into())
            } else {
                Ok(Self::Equals(rule.clone()))
            };
        };
        let mut members = members.iter();
        let (Some((operator, operand)), None) = (members.next(), members.next()) else {
            return Err("a rule has one operator".into());
        };
        let text = || operand.as_str().map(str::to_owned).ok_or_else(|| format!("{operator} takes a text"));
        match (operator.as_str(), operand) {
            ("prefix", _) => Ok(Self::Prefix(text()?)),
            ("suffix", _) => Ok(Self::Suffix(text()?)),
            ("equals-ignore-case", _) => Ok(Self::EqualsIgnoreCase(text()?.to_lowercase())),
            ("exists", Json::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("exists", _) => Err("exists takes true or false".into()),
            ("anything-but", Json::Array(values)) if values.iter().all(is_scalar) => {
                Ok(Self::AnythingBut(values.clone()))
            }
            ("anything-but", value) if is_scalar(value) => Ok(Self::AnythingBut(vec![value.clone()])),
            ("anything-but", _) => Err("anything-but takes texts and numbers here".into()),
            ("numeric", _) => {
                Err("numeric is not supported: the numbers of a table's items are texts in a record".into())
            }
            _ => Err(format!(
                "the operator {operator} is not supported; supported are prefix, suffix, equals-ignore-case, exists \
                 and anything-but"
            )),
        }
    }

    fn matches(&self, value: Option<&Json>) -> bool {
        let Some(value) = value else { return *self == Self::Exists(false) };
        let text = value.as_str();
        match self {
            Self::Equals(expected) => value == expected,
            Self::EqualsIgnoreCase(expected) => text.is_some_and(|text| text.to_lowercase() == *expected),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(values) => !values.contains(value),
            Self::Exists(exists) => *exists,
        }
    }
}

fn is_scalar(value: &Json) -> bool {
    value.is_string() || value.is_number()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: &Json, record: &Json) -> bool {
        Pattern::read(&pattern.to_string()).unwrap().matches(record)
    }

    #[test]
    fn a_record_matches_when_every_member_of_the_pattern_does() {
        let record = json!({ "eventName": "INSERT", "dynamodb": { "Keys": { "sk": { "S": "OWED#7" } },
                             "NewImage": { "n": { "N": "5" }, "l": { "SS": ["a", "b"] }, "z": { "NULL": true } } } });
        let key = |rule: Json| json!({ "dynamodb": { "Keys": { "sk": { "S": [rule] } } } });
        let image = |name: &str, rules: Json| json!({ "dynamodb": { "NewImage": { name: rules } } });
        for (pattern, expected) in [
            (json!({ "eventName": ["INSERT"] }), true),
            (json!({ "eventName": ["REMOVE", "INSERT"] }), true),
            (json!({ "eventName": ["REMOVE"] }), false),
            (
                json!({ "eventName": ["INSERT"], "dynamodb": { "Keys": { "sk": { "S": [{ "prefix": "X" }] } } } }),
                false,
            ),
            (key(json!({ "prefix": "OWED#" })), true),
            (key(json!({ "prefix": "DEBT#" })), false),
            (key(json!({ "suffix": "#7" })), true),
            (key(json!({ "equals-ignore-case": "owed#7" })), true),
            (key(json!({ "anything-but": ["OWED#7"] })), false),
            (key(json!({ "anything-but": "OWED#8" })), true),
            (key(json!({ "exists": true })), true),
            (key(json!({ "exists": false })), false),
            (image("n", json!({ "N": ["5"] })), true),
            (image("n", json!({ "N": [5] })), false),
            (image("l", json!({ "SS": ["b"] })), true),
            (image("l", json!({ "SS": ["c"] })), false),
            (image("z", json!({ "NULL": [true] })), true),
            (image("gone", json!({ "S": [{ "exists": false }] })), true),
            (image("gone", json!({ "S": [{ "exists": true }] })), false),
            (image("gone", json!({ "S": [{ "anything-but": "x" }] })), false),
            // Only leaves exist.
            (image("n", json!([{ "exists": true }])), false),
        ] {
            assert_eq!(matches(&pattern, &record), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_not_supported_is_refused_in_words() {
        for (pattern, why) in [
            ("[]", "a Pattern is a JSON object"),
            ("{", "a Pattern is JSON"),
            ("{}", "it is empty"),
            (r#"{"a":{}}"#, "a: it is empty"),
            (r#"{"a":"x"}"#, "a: its rules are a list"),
            (r#"{"a":[]}"#, "a: its rules are a list"),
            (r#"{"a":{"b":[{"numeric":[">",1]}]}}"#, "a.b: numeric is not supported"),
            (r#"{"a":[{"wildcard":"*"}]}"#, "the operator wildcard is not supported"),
            (r#"{"a":[{"prefix":1}]}"#, "prefix takes a text"),
            (r#"{"a":[{"prefix":"a","suffix":"b"}]}"#, "a rule has one operator"),
            (r#"{"$or":[{"a":["x"]}]}"#, "give several Filters"),
        ] {
            let error = Pattern::read(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }
}
