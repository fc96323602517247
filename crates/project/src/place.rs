//! Where projects are kept: Secrets Manager of AWS, or of the local gateway.

use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Credentials, ProvideCredentials as _};
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use model::session::ApiKey;
use serde::Deserialize;

use crate::failure::Failure;

/// What the local gateway calls its stack.
const LOCAL_STACK: &str = "local";

/// Where the projects of a stack are.
pub(crate) struct Place {
    pub(crate) client: Client,
    stack: String,
    /// The folder of the local gateway, when it is that.
    folder: Option<PathBuf>,
}

/// The part of `urls.json` that is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Urls {
    secrets_url: String,
}

impl Place {
    /// The gateway whose `urls.json` is in this folder.
    ///
    /// # Errors
    ///
    /// None runs there.
    pub(crate) async fn local(folder: PathBuf) -> Result<Self, Failure> {
        let file = folder.join("urls.json");
        let urls = std::fs::read(&file).map_err(|_| Failure::NoGateway { file: file.clone() })?;
        let Urls { secrets_url } =
            serde_json::from_slice(&urls).map_err(|error| Failure::Here(error.into()))?;
        // It checks no signature.
        let credentials = Credentials::new("local", "local", None, None, "local");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(secrets_url)
            .load()
            .await;
        Ok(Self { client: Client::new(&config), stack: LOCAL_STACK.to_owned(), folder: Some(folder) })
    }

    /// A stack in the account and region of this shell.
    ///
    /// # Errors
    ///
    /// The shell has no region, or no credentials that can be used.
    pub(crate) async fn aws(stack: String) -> Result<Self, Failure> {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        if config.region().is_none() {
            return Err(Failure::NoRegion);
        }
        let provider = config.credentials_provider().ok_or(Failure::NoCredentials)?;
        provider.provide_credentials().await.map_err(|_| Failure::NoCredentials)?;
        Ok(Self { client: Client::new(&config), stack, folder: None })
    }

    /// The name of a project's secret, as the variable `PROJECTS` of the stack's functions has it.
    pub(crate) fn name(&self, api_key: &ApiKey) -> String {
        format!("{}/project/{api_key}", self.stack)
    }

    /// The stack's name.
    pub(crate) fn stack(&self) -> &str {
        &self.stack
    }

    /// The folder of the local gateway; `None` on AWS.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// A call that failed, on the secret of `api_key`.
    pub(crate) fn failure<E>(&self, api_key: &ApiKey, operation: &'static str, error: &SdkError<E>) -> Failure
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let secret = self.name(api_key);
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        match (code, self.folder()) {
            ("ResourceNotFoundException", folder) => Failure::NoProject {
                stack: self.stack().to_owned(),
                api_key: api_key.clone(),
                on_aws: folder.is_none(),
            },
            (
                "AccessDeniedException"
                | "UnrecognizedClientException"
                | "ExpiredTokenException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException",
                _,
            ) => Failure::Denied { operation, secret, code: code.to_owned() },
            ("", Some(folder)) => Failure::GatewayAway { folder: folder.to_owned() },
            _ => Failure::Service { operation, secret, why: DisplayErrorContext(error).to_string() },
        }
    }
}
