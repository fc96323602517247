//! The form of session creation.

use std::net::Ipv4Addr;

use super::RestError;
use crate::session::MediaMode;

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
    /// Reads the decoded pairs of a form. Without `p2p.preference` the media is routed, as at the vendor: SDKs that
    /// send nothing have always got such sessions. `archiveName` and `archiveResolution` say how an archive would be
    /// made, and are ignored like every field that is not known.
    ///
    /// # Errors
    /// 400 for a value that is not allowed, a field that is given twice, and end-to-end encryption without routed media;
    /// 501 for an archive.
    pub fn of_form(fields: &[(String, String)]) -> Result<Self, RestError> {
        let media_mode = match field(fields, "p2p.preference")? {
            None | Some("disabled") => MediaMode::Routed,
            Some("enabled") => MediaMode::Relayed,
            Some(_) => return Err(invalid("p2p.preference", "must be enabled or disabled")),
        };
        let e2ee = match field(fields, "e2ee")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(invalid("e2ee", "must be true or false")),
        };
        let location = match field(fields, "location")? {
            // One SDK writes the word when it has no address.
            None | Some("" | "null") => None,
            Some(text) => Some(text.parse().map_err(|_| invalid("location", "must be an IPv4 address"))?),
        };
        let archived = match field(fields, "archiveMode")? {
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

/// The value of a field that may be given once.
fn field<'f>(fields: &'f [(String, String)], name: &'static str) -> Result<Option<&'f str>, RestError> {
    let mut values = fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
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
    fn a_value_that_is_not_allowed_is_named() {
        assert_eq!(refusal(&[("e2ee", "yes")]), (400, "e2ee: must be true or false".into()));
        assert_eq!(refusal(&[("location", "::1")]), (400, "location: must be an IPv4 address".into()));
        assert_eq!(refusal(&[("archiveMode", "")]), (400, "archiveMode: must be manual or always".into()));
        let preference = (400, "p2p.preference: must be enabled or disabled".into());
        assert_eq!(refusal(&[("p2p.preference", "routed")]), preference);
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
