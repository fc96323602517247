//! Secrets Manager.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

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

/// Which version of a secret. Each that is put becomes the current one, and the one that was is the previous one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// The newest.
    Current,
    /// The one before it.
    Previous,
}

/// The secrets whose names begin alike.
pub(crate) struct Secrets {
    client: Client,
    prefix: String,
}

impl Secrets {
    /// Those whose names begin with `prefix`.
    pub(crate) fn new(config: &SdkConfig, prefix: String) -> Self {
        Self { client: Client::new(config), prefix }
    }

    /// The value of a version of the secret `name`, without the prefix, by now. `None` if there is no such secret, if
    /// it is about to be deleted, or has no such version.
    pub(crate) async fn read(&self, name: &str, stage: Stage) -> Result<Option<String>, Failure> {
        let stage = match stage {
            Stage::Current => "AWSCURRENT",
            Stage::Previous => "AWSPREVIOUS",
        };
        let request = self.client.get_secret_value().secret_id(format!("{}{name}", self.prefix));
        match request.version_stage(stage).send().await {
            Ok(value) => Ok(value.secret_string),
            Err(error) if error.as_service_error().is_some_and(is_absent) => Ok(None),
            Err(error) => Err(Failure::of_sdk(READ, &error)),
        }
    }
}

/// A secret that is scheduled for deletion is answered `InvalidRequestException`, for its state forbids reading it.
fn is_absent(error: &GetSecretValueError) -> bool {
    error.is_resource_not_found_exception() || error.is_invalid_request_exception()
}
