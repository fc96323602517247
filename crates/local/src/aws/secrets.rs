//! Secrets Manager: reading secrets, and making and rotating those that no template has.

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::call::Called;
use super::reply::Reply;
use crate::ids;
use crate::secrets::file::Version;
use crate::secrets::{CURRENT, Refusal, Secrets, Value};

/// The longest name of a secret.
const NAME: usize = 512;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    secret_id: String,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    name: String,
    secret_string: String,
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    secret_id: String,
    secret_string: String,
    client_request_token: Option<String>,
    version_stages: Option<Vec<String>>,
}

/// Answers a call.
pub(crate) fn answer(secrets: &Secrets, called: &Called<'_>) -> Reply {
    let refused = |kind, message: &str| Reply::failure(StatusCode::BAD_REQUEST, kind, message);
    match execute(secrets, called.operation, called.body) {
        Ok(answer) => Reply::ok(answer.to_string()),
        Err(Error::Refused(Refusal::Unknown)) => {
            refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        }
        Err(Error::Refused(Refusal::NoStage(stage))) => refused(
            "ResourceNotFoundException",
            &format!("Secrets Manager can't find the specified secret value for staging label: {stage}"),
        ),
        Err(Error::Refused(Refusal::Exists(name))) => refused(
            "ResourceExistsException",
            &format!("The operation failed because the secret {name} already exists."),
        ),
        Err(Error::Refused(Refusal::VersionExists(id))) => refused(
            "ResourceExistsException",
            &format!("You can't modify the value of the existing version {id}."),
        ),
        Err(Error::Refused(Refusal::NotKept(why))) => {
            Reply::failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", &why)
        }
        Err(Error::Request(kind, why)) => refused(kind, &why),
    }
}

/// Why there is no answer.
enum Error {
    Refused(Refusal),
    Request(&'static str, String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn execute(secrets: &Secrets, operation: &str, body: &[u8]) -> Result<Json, Error> {
    match operation {
        "GetSecretValue" => {
            let request: Get = read(body)?;
            let value =
                secrets.get(&request.secret_id, request.version_stage.as_deref().unwrap_or(CURRENT))?;
            let mut answer = described(&value);
            if let Some(members) = answer.as_object_mut() {
                members.insert("SecretString".to_owned(), value.version.text.into());
            }
            Ok(answer)
        }
        "CreateSecret" => {
            let request: Create = read(body)?;
            if !is_name(&request.name) {
                let why = format!("a name is 1 to {NAME} letters, digits and -/_+=.@!");
                return Err(Error::Request("ValidationException", why));
            }
            let version = version(request.client_request_token, request.secret_string);
            Ok(described(&secrets.create(&request.name, version)?))
        }
        "PutSecretValue" => {
            let request: Put = read(body)?;
            if request.version_stages.is_some_and(|stages| stages != [CURRENT]) {
                let why = format!("here a new value is {CURRENT}");
                return Err(Error::Request("InvalidParameterException", why));
            }
            let version = version(request.client_request_token, request.secret_string);
            Ok(described(&secrets.put(&request.secret_id, version)?))
        }
        _ => Err(Error::Request(
            "UnknownOperationException",
            "only CreateSecret, GetSecretValue and PutSecretValue are here".to_owned(),
        )),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Request("InvalidRequestException", error.to_string()))
}

fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-/_+=.@!".contains(&byte))
}

/// A version's id is the token of the call that made it, by which a repeated call is known.
fn version(token: Option<String>, text: String) -> Version {
    Version { id: token.unwrap_or_else(ids::uuid), text }
}

fn described(value: &Value) -> Json {
    json!({
        "ARN": value.arn,
        "Name": value.name,
        "VersionId": value.version.id,
        "VersionStages": [value.stage],
    })
}
