//! JSON whose meaning is known, because its text is made from it.

/// A text and one of its spellings in JSON, quotes included.
#[derive(Clone, Debug)]
pub(crate) struct Spelled {
    pub(crate) text: String,
    pub(crate) spelling: String,
}

impl Spelled {
    /// Writes `text` with an escape for every character whose turn in `escaped` (repeated) says so.
    pub(crate) fn new(text: String, escaped: &[bool]) -> Self {
        use std::fmt::Write as _;
        let mut spelling = String::from('"');
        for (char, escape) in text.chars().zip(escaped.iter().cycle()) {
            if *escape || char < ' ' || char == '"' || char == '\\' {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(spelling, "\\u{unit:04x}").unwrap();
                }
            } else {
                spelling.push(char);
            }
        }
        spelling.push('"');
        Self { text, spelling }
    }
}

/// A JSON value that knows how it is written. Objects may hold a key more than once.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Literal(&'static str),
    Text(Spelled),
    List(Vec<Tree>),
    Object(Vec<(Spelled, Tree)>),
}

impl Tree {
    /// The JSON text, with `gaps` in turn wherever white space may stand.
    pub(crate) fn render(&self, gaps: &[&str]) -> String {
        let mut text = String::new();
        self.write(&mut text, &mut gaps.iter().copied().cycle());
        text
    }

    fn write<'g>(&self, out: &mut String, gaps: &mut impl Iterator<Item = &'g str>) {
        match self {
            Self::Literal(literal) => out.push_str(literal),
            Self::Text(text) => out.push_str(&text.spelling),
            Self::List(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    out.push_str(gaps.next().unwrap());
                    value.write(out, gaps);
                }
                out.push(']');
            }
            Self::Object(entries) => {
                out.push('{');
                for (i, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    out.push_str(gaps.next().unwrap());
                    out.push_str(&key.spelling);
                    out.push_str(gaps.next().unwrap());
                    out.push(':');
                    value.write(out, gaps);
                }
                out.push('}');
            }
        }
    }

    /// The value of `key`, if the object holds it exactly once and not as null.
    pub(crate) fn only(&self, key: &str) -> Option<&Tree> {
        let Self::Object(entries) = self else { return None };
        let mut values = entries.iter().filter(|(name, _)| name.text == key).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(Self::Literal("null")) | None, _) | (_, Some(_)) => None,
            (value, None) => value,
        }
    }

    /// The same, as a text.
    pub(crate) fn only_text(&self, key: &str) -> Option<&str> {
        match self.only(key)? {
            Self::Text(text) => Some(&text.text),
            Self::Literal(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The texts of a list.
    pub(crate) fn texts(&self) -> Vec<String> {
        let Self::List(values) = self else { return vec![] };
        let text =
            |value: &Tree| if let Self::Text(text) = value { text.text.clone() } else { String::new() };
        values.iter().map(text).collect()
    }
}
