//! The form of session creation.

use std::net::Ipv4Addr;

use super::RestError;
use crate::session::record::MediaMode;

/// What a new session is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// How its media travels.
    pub media_mode: MediaMode,
    /// Whether its media is encrypted from end to end.
    pub e2ee: bool,
    /// An address near its people; it only becomes part of the id.
    pub location: Option<Ipv4Addr>,
}

impl NewSession {
    /// Reads the decoded pairs of a form. Words are read in any case, for Python writes `True` and `False`. Without
    /// `p2p.preference` the media is routed, as at the vendor: SDKs that send nothing have always got such sessions.
    /// `media_mode`, which Python's `vonage-video` sends beside it, says the same again. `archiveName` and
    /// `archiveResolution` say how an archive would be made, and are ignored like every field that is not known.
    ///
    /// # Errors
    /// 400 for a value that is not allowed, a field that is given twice, and end-to-end encryption without routed
    /// media; 501 for an archive.
    pub fn of_form(fields: &[(String, String)]) -> Result<Self, RestError> {
        let media_mode = match word(fields, "p2p.preference")?.as_deref() {
            None | Some("disabled" | "routed") => MediaMode::Routed,
            Some("enabled" | "relayed") => MediaMode::Relayed,
            Some(_) => {
                return Err(invalid("p2p.preference", "must be enabled or relayed, disabled or routed"));
            }
        };
        let e2ee = match word(fields, "e2ee")?.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(invalid("e2ee", "must be true or false")),
        };
        let location = match word(fields, "location")?.as_deref() {
            // One SDK writes the word when it has no address.
            None | Some("" | "null") => None,
            Some(text) => Some(text.parse().map_err(|_| invalid("location", "must be an IPv4 address"))?),
        };
        let archived = match word(fields, "archiveMode")?.as_deref() {
            None | Some("manual") => false,
            Some("always") => true,
            Some(_) => return Err(invalid("archiveMode", "must be manual or always")),
        };
        if e2ee && media_mode != MediaMode::Routed {
            return Err(invalid("e2ee", "needs p2p.preference to be disabled"));
        }
        if archived {
            return Err(RestError::NotImplemented("Archiving"));
        }
        Ok(Self { media_mode, e2ee, location })
    }
}

fn invalid(field: &'static str, allowed: &'static str) -> RestError {
    RestError::Invalid { field, allowed }
}

/// The value, in small letters, of a field that may be given once.
fn word(fields: &[(String, String)], name: &'static str) -> Result<Option<String>, RestError> {
    let mut values = fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.to_ascii_lowercase())),
        (_, Some(_)) => Err(invalid(name, "is given twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<NewSession, RestError> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        NewSession::of_form(&fields)
    }

    fn refusal(fields: &[(&str, &str)]) -> (u16, String) {
        let error = read(fields).unwrap_err();
        (error.status(), error.to_string())
    }

    #[test]
    fn what_is_not_given_is_as_at_the_vendor() {
        let default = NewSession { media_mode: MediaMode::Routed, e2ee: false, location: None };
        assert_eq!(read(&[]).unwrap(), default);
        let vonage = [("archiveMode", "manual"), ("p2p.preference", "disabled"), ("location", "null")];
        assert_eq!(read(&vonage).unwrap(), default);
        let unknown =
            [("mediaMode", "relayed"), ("archiveName", "a"), ("archiveResolution", "1x1"), ("x", "")];
        assert_eq!(read(&unknown).unwrap(), default);
        assert_eq!(read(&[("location", "")]).unwrap(), default);
    }

    #[test]
    fn what_is_given_counts() {
        let new =
            read(&[("p2p.preference", "enabled"), ("location", "192.0.2.7"), ("e2ee", "false")]).unwrap();
        let location = Some(Ipv4Addr::new(192, 0, 2, 7));
        assert_eq!(new, NewSession { media_mode: MediaMode::Relayed, e2ee: false, location });
        assert!(read(&[("p2p.preference", "disabled"), ("e2ee", "true")]).unwrap().e2ee);
    }

    #[test]
    fn words_are_read_in_any_case_and_modes_under_both_names() {
        for (value, e2ee) in [("True", true), ("TRUE", true), ("False", false), ("FALSE", false)] {
            assert_eq!(read(&[("e2ee", value)]).unwrap().e2ee, e2ee, "{value}");
        }
        for (preference, media_mode) in [
            ("routed", MediaMode::Routed),
            ("Disabled", MediaMode::Routed),
            ("relayed", MediaMode::Relayed),
            ("ENABLED", MediaMode::Relayed),
        ] {
            assert_eq!(read(&[("p2p.preference", preference)]).unwrap().media_mode, media_mode);
        }
        // What PyPI's vonage-video sends with options.
        let vonage = [("media_mode", "routed"), ("e2ee", "True"), ("p2p.preference", "disabled")];
        assert!(read(&vonage).unwrap().e2ee);
        assert_eq!(refusal(&[("archiveMode", "ALWAYS")]).0, 501);
        assert_eq!(refusal(&[("p2p.preference", "relayed"), ("e2ee", "True")]).0, 400);
    }

    #[test]
    fn a_value_that_is_not_allowed_is_named() {
        assert_eq!(refusal(&[("e2ee", "yes")]), (400, "e2ee: must be true or false".into()));
        assert_eq!(refusal(&[("location", "::1")]), (400, "location: must be an IPv4 address".into()));
        assert_eq!(refusal(&[("archiveMode", "")]), (400, "archiveMode: must be manual or always".into()));
        let preference = (400, "p2p.preference: must be enabled or relayed, disabled or routed".into());
        for unknown in ["", "true", "Routed Mode", "peer"] {
            assert_eq!(refusal(&[("p2p.preference", unknown)]), preference, "{unknown}");
        }
        for name in ["e2ee", "location", "archiveMode", "p2p.preference"] {
            let twice = refusal(&[(name, "x"), (name, "x")]);
            assert_eq!(twice, (400, format!("{name}: is given twice")));
        }
    }

    #[test]
    fn encryption_needs_routed_media() {
        let relayed = refusal(&[("p2p.preference", "enabled"), ("e2ee", "true")]);
        assert_eq!(relayed, (400, "e2ee: needs p2p.preference to be disabled".into()));
    }

    #[test]
    fn nothing_is_archived() {
        assert_eq!(refusal(&[("archiveMode", "always")]), (501, "Archiving is not implemented".into()));
        assert_eq!(refusal(&[("archiveMode", "always"), ("e2ee", "x")]).0, 400);
    }
}
