//! What goes wrong, and what to do then.

use std::io;
use std::path::PathBuf;

use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use model::session::ApiKey;

use crate::place::Place;

/// Why there are no keys to print.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no `urls.json`.
    #[error(
        "{} is not there: start the gateway with `make run`, with the same LOCAL_DIR if it has its own; for a stack on AWS \
         give AWS=yes",
        file.display()
    )]
    NoGateway { file: PathBuf },
    /// What `urls.json` names is gone.
    #[error("the gateway of {} does not answer: start it again with `make run`", folder.display())]
    GatewayAway { folder: PathBuf },
    /// The default chain has found none.
    #[error(
        "this shell has no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (after `aws sso \
         login`: eval \"$(aws configure export-credentials --format env)\")"
    )]
    NoCredentials,
    /// The default chain has found none.
    #[error("no AWS region is set: set AWS_REGION to that of the stack")]
    NoRegion,
    /// The credentials may not do it, or are no longer good.
    #[error(
        "AWS refuses secretsmanager:{operation} on {secret} to these credentials ({code}): use others, or allow it"
    )]
    Denied { operation: &'static str, secret: String, code: String },
    /// There is no secret for the key.
    #[error(
        "stack {stack} has no project {api_key}: check the key{}; without API_KEY a new one is made",
        if *on_aws { ", STACK and AWS_REGION" } else { "" }
    )]
    NoProject { stack: String, api_key: ApiKey, on_aws: bool },
    /// Somebody has written something else there.
    #[error("the secret {secret} holds no project: {why}")]
    NotAProject { secret: String, why: String },
    /// Every key that was tried is there.
    #[error("no free API key was found: try again")]
    NoFreeKey,
    /// Not a public key.
    #[error("{}: {why}", file.display())]
    PublicKey { file: PathBuf, why: String },
    /// Anything else that Secrets Manager says.
    #[error("secretsmanager:{operation} on {secret}: {why}")]
    Service { operation: &'static str, secret: String, why: String },
    /// Something of this machine.
    #[error(transparent)]
    Here(#[from] io::Error),
}

impl Failure {
    /// A call that failed, on the secret of `api_key`.
    pub(crate) fn of_sdk<E>(
        place: &Place,
        api_key: &ApiKey,
        operation: &'static str,
        error: &SdkError<E>,
    ) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let secret = place.name(api_key);
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        match (code, place.folder()) {
            ("ResourceNotFoundException", folder) => Self::NoProject {
                stack: place.stack().to_owned(),
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
            ) => Self::Denied { operation, secret, code: code.to_owned() },
            ("", Some(folder)) => Self::GatewayAway { folder: folder.to_owned() },
            _ => Self::Service { operation, secret, why: DisplayErrorContext(error).to_string() },
        }
    }
}
