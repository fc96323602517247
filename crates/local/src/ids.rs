//! Ids in the shapes that AWS gives them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

/// `L0SM9cOFvHcCIhw=`: eleven random bytes.
pub(crate) fn connection() -> String {
    URL_SAFE.encode(rand::random::<[u8; 11]>())
}

/// `JKJaXmPLvHcESHA=`, the request id that API Gateway shows.
pub(crate) fn request() -> String {
    connection()
}

/// A random UUID (version 4).
pub(crate) fn uuid() -> String {
    // Of the thread's generator: `new_v4` asks the system each time.
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

/// 32 hexadecimal characters, an ECS task id.
pub(crate) fn task() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shapes_of_aws() {
        let id = connection();
        assert!(id.len() == 16 && id.ends_with('='));
        let uuid = uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
