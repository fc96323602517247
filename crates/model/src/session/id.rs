//! The ids of sessions, as OpenTok's server SDKs take them.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::project::ApiKey;
use crate::id::RoomId;
use crate::time::EpochMillis;

/// What an id begins with: SDKs cut these two characters off and look at neither.
const PREFIX: &str = "1_";
/// The last point in time that is written down with 13 digits (November 2286), so that an id has an end.
const LAST: u64 = 9_999_999_999_999;

/// The id of a new session of the project `api_key`.
///
/// `1_` and, in base64url without padding, `1~<apiKey>~<location>~<ms>~<random>~P~`. The SDKs make a token only when
/// they find their own API key in it: as the second of the fields between tildes (npm `opentok`), or as any of them
/// (Python's `opentok`), in what decodes to UTF-8 text. At most 120 characters, so that it is a [`RoomId`].
///
/// `location` is where the session should be near to, `random` is what nobody can guess.
#[must_use]
pub fn new(api_key: &ApiKey, location: Option<Ipv4Addr>, now: EpochMillis, random: [u8; 12]) -> RoomId {
    let location = location.map(|address| address.to_string()).unwrap_or_default();
    let (ms, random) = (now.0.min(LAST), URL_SAFE_NO_PAD.encode(random));
    let text = format!("1~{api_key}~{location}~{ms}~{random}~P~");
    RoomId::of_session(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(text)))
}

/// The project whose session has the id `session`, if it is one that [`new`] or `OpenTok` made.
#[must_use]
pub fn api_key_of(session: &RoomId) -> Option<ApiKey> {
    let (_, encoded) = session.as_str().split_once('_')?;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
    text.split('~').nth(1).and_then(|key| ApiKey::try_from(key.to_owned()).ok())
}

#[cfg(test)]
mod tests {
    use base64::engine::GeneralPurpose;
    use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "12345678-90ab-4cde-8f01-234567890abc";

    fn key(text: &str) -> ApiKey {
        ApiKey::try_from(text.to_owned()).unwrap()
    }

    /// The fields, read as Python's `opentok` does: padded to a multiple of four, then decoded strictly, as text.
    fn fields(id: &RoomId) -> Vec<String> {
        let strict = GeneralPurpose::new(&base64::alphabet::URL_SAFE, GeneralPurposeConfig::new());
        let encoded = &id.as_str()[2..];
        let padding = "=".repeat(encoded.len().wrapping_neg() % 4);
        let text = String::from_utf8(strict.decode(format!("{encoded}{padding}")).unwrap()).unwrap();
        text.split('~').map(str::to_owned).collect()
    }

    /// The second field, read as npm `opentok` does: without two characters, in the other alphabet, padding or not.
    fn npm(id: &RoomId) -> String {
        let mut encoded = id.as_str()[2..].replace('-', "+").replace('_', "/");
        encoded.push_str(&"=".repeat(encoded.len().wrapping_neg() % 4));
        let text = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        assert!(text.is_ascii());
        text.split('~').nth(1).unwrap().to_owned()
    }

    #[test]
    fn an_id_is_of_the_models_form() {
        let at = EpochMillis(1_795_200_000_000);
        let id = new(&key("47000001"), Some(Ipv4Addr::new(192, 0, 2, 7)), at, [0; 12]);
        let expected = ["1", "47000001", "192.0.2.7", "1795200000000", "AAAAAAAAAAAAAAAA", "P", ""];
        assert_eq!(fields(&id), expected);
        assert!(id.as_str().starts_with("1_"));
        assert_eq!(fields(&new(&key("47000001"), None, at, [0; 12]))[2], "");
    }

    #[test]
    fn the_vendors_own_ids_name_their_projects() {
        let known = "1_MX40NzAwMDAwMX5-MTc5NTIwMDAwMDAwMH5BQkNERUZHSElKS0xNTk9QUVJTVFVWV1h-UH4";
        let known = RoomId::try_from(known.to_owned()).unwrap();
        assert_eq!(api_key_of(&known), Some(key("47000001")));
        assert_eq!(
            fields(&known),
            ["1", "47000001", "", "1795200000000", "ABCDEFGHIJKLMNOPQRSTUVWX", "P", ""]
        );
    }

    #[test]
    fn what_is_no_sessions_id_names_no_project() {
        for other in ["room", "1_", "1_room", "1_MX4", "1_fn5-"] {
            assert_eq!(api_key_of(&RoomId::try_from(other.to_owned()).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn the_longest_id_is_an_id() {
        let at = EpochMillis(u64::MAX);
        let id = new(&key(UUID), Some(Ipv4Addr::BROADCAST), at, [255; 12]);
        assert_eq!(id.as_str().len(), 120);
        assert!(RoomId::try_from(id.to_string()).is_ok());
    }

    proptest! {
        #[test]
        fn every_id_passes_the_sdks_checks(digits in "[0-9]{8}", ip: Option<u32>, at: u64, random: [u8; 12]) {
            for key in [key(&digits), key(UUID)] {
                let id = new(&key, ip.map(Ipv4Addr::from), EpochMillis(at), random);
                prop_assert!(RoomId::try_from(id.to_string()).is_ok());
                prop_assert_eq!(&fields(&id)[1], key.as_str());
                prop_assert_eq!(npm(&id), key.as_str());
                prop_assert_eq!(api_key_of(&id), Some(key));
            }
        }
    }
}
