//! Secrets Manager: the secrets of the template. Generated ones are kept in the data folder, so that
//! tokens survive a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use rand::RngExt as _;
use serde::Deserialize;
use serde_json::json;

use super::{Called, Reply};
use crate::template::stack::{Secret, SecretSource};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PUNCTUATION: &[u8] = b"!#$%&()*+,-./:;<=>?@[]^_{|}~";

/// Secrets by logical id.
pub(crate) struct Secrets {
    known: Vec<(Secret, String)>,
}

impl Secrets {
    /// The secrets of a template with their values, from `folder` or made now and written there.
    ///
    /// # Errors
    ///
    /// A sentence when the file cannot be read or written.
    pub(crate) fn open(secrets: &[Secret], folder: &Path) -> Result<Self, String> {
        let mut stored = stored(folder)?;
        let before = stored.len();
        let known = secrets
            .iter()
            .map(|secret| {
                let value = match &secret.source {
                    SecretSource::Text(text) => text.clone(),
                    SecretSource::Generated { .. } => stored
                        .entry(secret.logical.clone())
                        .or_insert_with(|| generate(&secret.source))
                        .clone(),
                };
                (secret.clone(), value)
            })
            .collect();
        if stored.len() != before {
            store(folder, &stored)?;
        }
        Ok(Self { known })
    }

    /// The value of a secret by ARN, name or logical id.
    fn get(&self, id: &str) -> Option<&(Secret, String)> {
        self.known.iter().find(|(secret, _)| secret.arn == id || secret.name == id || secret.logical == id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    secret_id: String,
}

/// Answers `GetSecretValue`.
pub(crate) fn answer(called: &Called<'_>) -> Reply {
    if called.operation != "GetSecretValue" {
        return Reply::failure(
            StatusCode::BAD_REQUEST,
            "UnknownOperationException",
            "only GetSecretValue is here",
        );
    }
    let Ok(request) = serde_json::from_slice::<Get>(called.body) else {
        return Reply::failure(StatusCode::BAD_REQUEST, "InvalidRequestException", "SecretId is missing");
    };
    let Some((secret, value)) = called.gateway.secrets.get(&request.secret_id) else {
        return Reply::failure(
            StatusCode::BAD_REQUEST,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        );
    };
    Reply::ok(
        json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "SecretString": value,
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
        })
        .to_string(),
    )
}

fn generate(source: &SecretSource) -> String {
    let (length, punctuation, within) = match source {
        SecretSource::Text(text) => return text.clone(),
        SecretSource::Generated { length, punctuation, within } => (*length, *punctuation, within),
    };
    let mut alphabet = LETTERS.to_vec();
    if punctuation {
        alphabet.extend_from_slice(PUNCTUATION);
    }
    let mut rng = rand::rng();
    let pick = |_| alphabet.get(rng.random_range(0..alphabet.len())).map(|byte| char::from(*byte));
    let text: String = (0..length).filter_map(pick).collect();
    match within {
        None => text,
        Some((members, key)) => {
            let mut members = members.clone();
            members.insert(key.clone(), text.into());
            serde_json::Value::Object(members).to_string()
        }
    }
}

/// The file with generated values.
fn file(folder: &Path) -> PathBuf {
    folder.join("secrets.json")
}

/// Generated values by logical id.
///
/// # Errors
///
/// A sentence when there is a file that cannot be read.
pub(crate) fn stored(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let file = file(folder);
    match std::fs::read(&file) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}; delete it", file.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn store(folder: &Path, values: &BTreeMap<String, String>) -> Result<(), String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let file = file(folder);
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut out =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file)?;
        out.write_all(&serde_json::to_vec_pretty(values)?)
    };
    write().map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_a_flat_object_and_stays_the_same() {
        let folder = std::env::temp_dir().join(format!("arbiter-local-{}", crate::ids::task()));
        let source = SecretSource::Generated {
            length: 64,
            punctuation: false,
            within: Some((serde_json::Map::new(), "k1".into())),
        };
        let secret = Secret { logical: "S".into(), name: "n".into(), arn: "arn:s".into(), source };
        let first = Secrets::open(std::slice::from_ref(&secret), &folder).unwrap();
        let again = Secrets::open(&[secret], &folder).unwrap();
        let value = &first.get("arn:s").unwrap().1;
        assert_eq!(Some(value), again.get("n").map(|(_, value)| value));
        let object: serde_json::Value = serde_json::from_str(value).unwrap();
        let key = object["k1"].as_str().unwrap();
        assert!(key.len() == 64 && key.chars().all(char::is_alphanumeric));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
