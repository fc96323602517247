//! What clients are given for ICE.

use aws_config::SdkConfig;
use model::ice::{IceServers, Turn};

use crate::failure::Failure;
use crate::secrets::{READ, Secret};
use crate::{config, machine};

/// Reads `RTC_CONFIG` and, if `TURN_URLS` is set, the secret `TURN_SECRET_ARN`. The secret is read once, in Init: a
/// TURN server knows only one, so that a new one takes new functions too.
///
/// # Errors
/// Names the variable that is wrong, or says why the secret could not be read.
pub async fn servers(config: &SdkConfig) -> Result<IceServers, Failure> {
    let configured = config::ice_servers()?;
    if machine::variable("TURN_URLS").is_none() {
        return Ok(IceServers::new(configured, None));
    }
    let secret = Secret::of_env(config, "TURN_SECRET_ARN")?.read().await?;
    if secret.is_empty() {
        return Err(Failure::new(READ, "the TURN secret is empty"));
    }
    Ok(IceServers::new(configured, Some(Turn { urls: config::list("TURN_URLS")?, secret })))
}
