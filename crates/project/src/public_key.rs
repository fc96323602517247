//! The public key of a project: RSA, in a PEM file.

use std::path::Path;

use aws_lc_rs::rsa::PublicEncryptingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::{PemObject as _, SectionKind};

use crate::failure::Failure;

/// The largest file that is read, in bytes. A key of 8,192 bits takes 1,500.
const FILE: u64 = 64 * 1024;
/// Characters on a line of PEM (RFC 7468 §2).
const LINE: usize = 64;

/// Reads the one public key of a file, as PEM with nothing beside it.
///
/// # Errors
///
/// A file that cannot be read, holds a private key, or is no PEM of an RSA public key of 2,048 to 8,192 bits.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let refused = |why| Failure::PublicKey { file: file.to_owned(), why };
    let unread = |error: std::io::Error| refused(error.to_string());
    if std::fs::metadata(file).map_err(unread)?.len() > FILE {
        return Err(refused("the file is too large for a key".to_owned()));
    }
    canonical(&std::fs::read(file).map_err(unread)?).map_err(|why| refused(why.to_owned()))
}

fn canonical(pem: &[u8]) -> Result<String, &'static str> {
    // Encrypted ones and those of other programs too, which have labels of their own.
    if String::from_utf8_lossy(pem).contains("PRIVATE KEY-----") {
        return Err(
            "this is a private key, which stays with you: give its public key (openssl pkey -in <file> -pubout)",
        );
    }
    let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem);
    let (Some(Ok((SectionKind::PublicKey, der))), None) = (sections.next(), sections.next()) else {
        return Err("a PEM file with one public key is wanted, which begins with -----BEGIN PUBLIC KEY-----");
    };
    if PublicEncryptingKey::from_der(&der).is_err() {
        return Err("an RSA public key of 2,048 to 8,192 bits is wanted");
    }
    let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
    let mut rest = STANDARD.encode(der);
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(LINE));
        text.push_str(&rest);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = include_str!("../tests/keys/rsa.pem");

    #[test]
    fn an_rsa_public_key_is_kept_as_it_is_and_without_what_is_around_it() {
        assert_eq!(canonical(RSA.as_bytes()).as_deref(), Ok(RSA));
        let around = format!("Public-Key: (2048 bit)\n{}\n\n", RSA.replace('\n', "\r\n"));
        assert_eq!(canonical(around.as_bytes()).as_deref(), Ok(RSA));
    }

    #[test]
    fn what_is_no_public_key_is_refused_with_a_reason() {
        let broken = RSA.replacen("MIIB", "MIIC", 1);
        for (pem, why) in [
            ("", "-----BEGIN PUBLIC KEY-----"),
            ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", "-----BEGIN PUBLIC KEY-----"),
            (&RSA.repeat(2), "one public key"),
            (&broken, "RSA"),
            (include_str!("../tests/keys/ec.pem"), "RSA"),
            (include_str!("../tests/keys/rsa-1024.pem"), "2,048"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "private key",
            ),
        ] {
            let refused = canonical(pem.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
