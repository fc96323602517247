//! What goes wrong, and what to do then.

use std::io;
use std::path::PathBuf;

use model::session::ApiKey;

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
