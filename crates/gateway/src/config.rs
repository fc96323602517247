//! A function's settings: environment variables that `template.yaml` sets. Each is read once, in Init, so that a
//! wrong one fails the deployment and not a call.

use std::str::FromStr;
use std::time::Duration;

use model::session::Rate;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::machine;

/// A variable that must be set and not empty.
///
/// # Errors
/// Names the variable.
pub fn text(name: &'static str) -> Result<String, Failure> {
    machine::variable(name).ok_or_else(|| Failure::new(name, "the environment variable is not set"))
}

/// A variable that holds a number.
///
/// # Errors
/// Names the variable.
pub fn number<T: FromStr>(name: &'static str) -> Result<T, Failure> {
    text(name)?.parse().map_err(|_| Failure::new(name, "the environment variable is no number in range"))
}

/// A variable that is `yes` or `no`.
///
/// # Errors
/// Names the variable.
pub fn flag(name: &'static str) -> Result<bool, Failure> {
    match text(name)?.as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(Failure::new(name, "the environment variable must be yes or no")),
    }
}

/// A variable that holds a list: comma-separated, blanks around an entry ignored.
///
/// # Errors
/// Names the variable.
pub fn list(name: &'static str) -> Result<Vec<String>, Failure> {
    Ok(text(name)?.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
}

/// `SFU_GRACE_SECONDS`: how long a lost SFU may take to come back before its path is free.
///
/// # Errors
/// Names the variable.
pub fn sfu_grace() -> Result<Duration, Failure> {
    number("SFU_GRACE_SECONDS").map(Duration::from_secs)
}

/// `SIGNALS_PER_SECOND` and `SIGNAL_BURST`: how fast a connection may signal.
///
/// # Errors
/// Names the variable.
pub fn signal_rate() -> Result<Rate, Failure> {
    Ok(Rate::new(number("SIGNALS_PER_SECOND")?, number("SIGNAL_BURST")?))
}

/// The `iceServers` of `RTC_CONFIG`, a JSON `RTCConfiguration`; they are passed on as they stand.
pub(crate) fn ice_servers() -> Result<Vec<Box<RawValue>>, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct RtcConfiguration {
        ice_servers: Vec<Box<RawValue>>,
    }
    let wrong = |_| Failure::new("RTC_CONFIG", "must be a JSON object with an iceServers array");
    let configuration: RtcConfiguration = serde_json::from_str(&text("RTC_CONFIG")?).map_err(wrong)?;
    Ok(configuration.ice_servers)
}
