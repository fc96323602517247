//! New keys, from a generator that the operating system seeds and that is fit for cryptography (`rand`'s `ThreadRng`).

use std::fmt::Write as _;

use model::session::ApiKey;
use model::session::project::InvalidApiKey;
use rand::RngExt as _;

/// An API key as `OpenTok` gives them: eight digits, the first of which is not 0.
pub(crate) fn number() -> Result<ApiKey, InvalidApiKey> {
    rand::rng().random_range(10_000_000..100_000_000_u32).to_string().try_into()
}

/// An API key as Vonage gives them: a random UUID (version 4, RFC 9562 §5.4).
pub(crate) fn uuid() -> Result<ApiKey, InvalidApiKey> {
    uuid::Uuid::new_v4().to_string().try_into()
}

/// A secret: 160 bits as 40 lower-case hexadecimal digits, as OpenTok's own are. (No point in it: PyPI's `opentok`
/// would take what is behind the point for the extension of a file's name.)
pub(crate) fn secret() -> String {
    let mut hex = String::with_capacity(40);
    for byte in rand::rng().random::<[u8; 20]>() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_shapes_that_the_models_sdks_know() {
        for _ in 0..1_000 {
            let number = number().unwrap().to_string();
            assert!(number.len() == 8 && !number.starts_with('0'), "{number}");
            let secret = secret();
            assert!(
                secret.len() == 40
                    && secret.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            );
        }
        let uuid = uuid().unwrap().to_string();
        assert!(uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        assert_ne!(secret(), secret());
    }
}
