//! When a token is good.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::refused::Refused;
use crate::time::{EpochMillis, EpochSeconds};

/// How far the clocks of a team's servers and ours may be apart.
pub const SKEW: Duration = Duration::from_mins(1);

/// When a token was made and when it is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// When it was made.
    pub issued_at: Option<EpochSeconds>,
    /// When it begins to be good, if that is later.
    pub not_before: Option<EpochSeconds>,
    /// When it ends.
    pub expires_at: Option<EpochSeconds>,
}

impl Lifetime {
    /// Checks that the token has begun and not ended, give or take [`SKEW`], and is good for no longer than `longest`
    /// from when it was made, or from now if it does not say when that was.
    ///
    /// # Errors
    /// [`Refused::Endless`], [`Refused::Early`], [`Refused::Expired`], [`Refused::Lasting`].
    pub fn check(&self, longest: Duration, now: EpochMillis) -> Result<(), Refused> {
        let expires_at = self.expires_at.ok_or(Refused::Endless)?;
        let latest_start = now.plus(SKEW).seconds();
        if self.issued_at.max(self.not_before).is_some_and(|start| start > latest_start) {
            return Err(Refused::Early);
        }
        if after(expires_at, SKEW).expired(now) {
            return Err(Refused::Expired);
        }
        if expires_at > after(self.issued_at.unwrap_or_else(|| now.seconds()), longest + SKEW) {
            return Err(Refused::Lasting);
        }
        Ok(())
    }
}

/// The point `span` later, in whole seconds.
pub(super) fn after(at: EpochSeconds, span: Duration) -> EpochSeconds {
    EpochSeconds(at.0.saturating_add(span.as_secs()))
}

/// Reads a `NumericDate` of RFC 7519 §2: seconds, which may have a fraction; that is cut off. `null` is none.
pub(super) fn numeric_date<'de, D: Deserializer<'de>>(value: D) -> Result<Option<EpochSeconds>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Whole(u64),
        Parts(f64),
    }
    match Option::<Seconds>::deserialize(value)? {
        None => Ok(None),
        Some(Seconds::Whole(seconds)) => Ok(Some(EpochSeconds(seconds))),
        // A Duration refuses what is negative, endless or no number.
        Some(Seconds::Parts(seconds)) => Duration::try_from_secs_f64(seconds)
            .map(|since| Some(EpochSeconds(since.as_secs())))
            .map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const HOUR: Duration = Duration::from_hours(1);

    fn check(issued_at: Option<u64>, expires_at: Option<u64>) -> Result<(), Refused> {
        let lifetime = Lifetime {
            issued_at: issued_at.map(EpochSeconds),
            not_before: None,
            expires_at: expires_at.map(EpochSeconds),
        };
        lifetime.check(HOUR, EpochMillis(NOW * 1000))
    }

    #[test]
    fn a_token_ends_a_minute_after_its_time() {
        assert_eq!(check(None, Some(NOW - 59)), Ok(()));
        assert_eq!(check(None, Some(NOW - 60)), Err(Refused::Expired));
        assert_eq!(check(None, None), Err(Refused::Endless));
    }

    #[test]
    fn a_token_begins_a_minute_before_its_time() {
        assert_eq!(check(Some(NOW + 60), Some(NOW + 100)), Ok(()));
        assert_eq!(check(Some(NOW + 61), Some(NOW + 100)), Err(Refused::Early));
        let later = Lifetime {
            issued_at: Some(EpochSeconds(NOW)),
            not_before: Some(EpochSeconds(NOW + 61)),
            expires_at: Some(EpochSeconds(NOW + 100)),
        };
        assert_eq!(later.check(HOUR, EpochMillis(NOW * 1000)), Err(Refused::Early));
    }

    #[test]
    fn a_token_lasts_no_longer_than_tokens_may() {
        assert_eq!(check(None, Some(NOW + 3660)), Ok(()));
        assert_eq!(check(None, Some(NOW + 3661)), Err(Refused::Lasting));
        assert_eq!(check(Some(NOW - 100), Some(NOW + 3560)), Ok(()));
        assert_eq!(check(Some(NOW - 100), Some(NOW + 3561)), Err(Refused::Lasting));
        assert_eq!(check(Some(0), Some(u64::MAX)), Err(Refused::Lasting));
    }

    #[test]
    fn a_date_is_a_number_of_seconds() {
        let read = |text: &str| numeric_date(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!(read("12"), Some(Some(EpochSeconds(12))));
        assert_eq!(read("12.9"), Some(Some(EpochSeconds(12))));
        assert_eq!(read("null"), Some(None));
        for bad in ["-1", "-0.5", "1e300", "\"12\"", "true", "[12]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
