//! The text of a description: session lines, then media sections (RFC 8866 §5).

use super::refused::Refused;

/// The lines of a description, by section. Lines that are no `<letter>=<value>` are left out.
pub(super) struct Lines<'a> {
    /// What stands before the first media section.
    pub(super) session: Attributes<'a>,
    pub(super) sections: Vec<MediaLines<'a>>,
}

/// A media section.
pub(super) struct MediaLines<'a> {
    /// `audio`, `video`, `application` …
    pub(super) media: &'a str,
    pub(super) port: u32,
    pub(super) proto: &'a str,
    pub(super) formats: Vec<&'a str>,
    pub(super) attributes: Attributes<'a>,
}

/// The values of the `a=` lines of a section, in their order. All others mean nothing to an SFU.
#[derive(Default)]
pub(super) struct Attributes<'a>(Vec<&'a str>);

impl<'a> Lines<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Refused> {
        let mut lines = text.lines().map(str::trim_end);
        if lines.next() != Some("v=0") {
            return Err(Refused::Unreadable);
        }
        let mut read = Self { session: Attributes::default(), sections: vec![] };
        for line in lines {
            match line.split_once('=') {
                Some(("m", value)) => read.sections.push(MediaLines::read(value)?),
                Some(("a", value)) => match read.sections.last_mut() {
                    Some(section) => section.attributes.0.push(value),
                    None => read.session.0.push(value),
                },
                Some(_) | None => {}
            }
        }
        Ok(read)
    }
}

impl<'a> MediaLines<'a> {
    /// Reads `<media> <port>[/<number>] <proto> <formats>`.
    fn read(value: &'a str) -> Result<Self, Refused> {
        let mut words = value.split_whitespace();
        let (Some(media), Some(port), Some(proto)) = (words.next(), words.next(), words.next()) else {
            return Err(Refused::Unreadable);
        };
        let port = port.split('/').next().unwrap_or_default().parse().map_err(|_| Refused::Unreadable)?;
        Ok(Self { media, port, proto, formats: words.collect(), attributes: Attributes::default() })
    }
}

impl<'a> Attributes<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().copied()
    }

    /// Whether the attribute is there, with a value or without.
    pub(super) fn has(&self, name: &str) -> bool {
        self.iter().any(|line| line.split(':').next() == Some(name))
    }

    /// The values of an attribute, in their order.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.iter().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }

    /// The first value of an attribute that is not empty.
    pub(super) fn first(&self, name: &'static str) -> Option<&'a str> {
        self.all(name).find(|value| !value.is_empty())
    }
}
