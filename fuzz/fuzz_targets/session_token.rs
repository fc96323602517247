//! A client's token of the T1 form.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use model::id::RoomId;
use model::session::token::t1::T1;
use model::session::token::{LONGEST, MAX_CLASSES_CHARS, MAX_DATA_CHARS};
use model::session::{ApiKey, Grant};
use model::time::EpochMillis;
use sha1::Sha1;

const KEY: &str = "47000001";
const SECRET: &str = "s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr";
const SESSION: &str = "1_MX40NzAwMDAwMX5-MTc5NTIwMDAwMDAwMH5BQkNERUZHSElKS0xNTk9QUVJTVFVWV1h-UH4";
const NOW: EpochMillis = EpochMillis(1_795_200_005_000);

fn admit(token: &str) -> Option<Grant> {
    let api_key = ApiKey::try_from(KEY.to_owned()).unwrap();
    let session = RoomId::try_from(SESSION.to_owned()).unwrap();
    T1::parse(token)?.claims(SECRET)?.grant(&api_key, &session, NOW).ok()
}

/// The values of a field, decoded.
fn values(data: &[u8], name: &str) -> Vec<String> {
    let fields = form_urlencoded::parse(data).filter(|(field, _)| field == name);
    fields.map(|(_, value)| value.into_owned()).collect()
}

fuzz_target!(|data: &[u8]| {
    // Whoever does not know the secret gets nowhere.
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(admit(text), None);
        assert_eq!(admit(&format!("T1=={text}")), None);
    }
    assert_eq!(admit(&format!("T1=={}", STANDARD.encode(data))), None);

    // Whoever knows it is granted what the rules allow, and what was signed.
    let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(data);
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let token = [format!("partner_id={KEY}&sig={signature}:").as_bytes(), data].concat();
    let Some(grant) = admit(&format!("T1=={}", STANDARD.encode(token))) else { return };

    assert_eq!(values(data, "session_id"), [SESSION]);
    assert_eq!(values(data, "connection_data").first().unwrap_or(&String::new()), &grant.data);
    assert!(grant.data.chars().count() <= MAX_DATA_CHARS);
    assert!(grant.layout_classes.join(" ").chars().count() <= MAX_CLASSES_CHARS);
    assert!(grant.layout_classes.iter().all(|class| !class.is_empty() && !class.contains(' ')));
    if let Some(end) = values(data, "expire_time").first() {
        let end: u64 = end.parse().unwrap();
        let now = NOW.seconds().0;
        assert!(now < end + 60 && end <= now + 60 + LONGEST.as_secs() + 60);
    }
});
