//! Secrets Manager.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;

use crate::config;
use crate::failure::Failure;

/// The operation, as failures name it.
pub(crate) const READ: &str = "secretsmanager:GetSecretValue";

/// A secret that this function may read.
pub(crate) struct Secret {
    client: Client,
    arn: String,
}

impl Secret {
    /// The secret whose ARN is in the variable `name`.
    pub(crate) fn of_env(config: &SdkConfig, name: &'static str) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(config), arn: config::text(name)? })
    }

    /// Its value by now.
    pub(crate) async fn read(&self) -> Result<String, Failure> {
        let value = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let value = value.map_err(|error| Failure::of_sdk(READ, &error))?;
        Ok(value.secret_string.unwrap_or_default())
    }
}
