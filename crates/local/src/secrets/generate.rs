//! First values, as `GenerateSecretString` asks for them.

use rand::RngExt as _;

use crate::template::stack::SecretSource;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PUNCTUATION: &[u8] = b"!#$%&()*+,-./:;<=>?@[]^_{|}~";

/// A random value, or the text that the template gives.
pub(super) fn value(source: &SecretSource) -> String {
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
