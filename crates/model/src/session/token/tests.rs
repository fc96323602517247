use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha1::Sha1;

use super::lifetime::Lifetime;
use super::t1::{T1, is_t1};
use super::*;
use crate::id::RoomId;
use crate::session::project::ApiKey;
use crate::session::role::Role;
use crate::time::{EpochMillis, EpochSeconds};

const KEY: &str = "47000001";
const SECRET: &str = "s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr";
const SESSION: &str = "1_MX40NzAwMDAwMX5-MTc5NTIwMDAwMDAwMH5BQkNERUZHSElKS0xNTk9QUVJTVFVWV1h-UH4";
const CREATED: u64 = 1_795_200_000;
const EXPIRES: u64 = CREATED + 86_400;
const NOW: EpochMillis = EpochMillis((CREATED + 5) * 1000);
const REST: &str = "create_time=1795200000&nonce=12345&role=moderator&expire_time=1795286400\
                    &connection_data=name%3DAnn%26x&initial_layout_class_list=focus%20small&scope=session.connect";
/// What npm `opentok-token` signs [`REST`] with, after the session's id.
const SIGNATURE: &str = "40aebabf5edb1620cd6d26f189b0c28027b9148f";

fn key() -> ApiKey {
    ApiKey::try_from(KEY.to_owned()).unwrap()
}

fn session() -> RoomId {
    RoomId::try_from(SESSION.to_owned()).unwrap()
}

fn encoded(key: &str, signature: &str, data: &str) -> String {
    format!("T1=={}", STANDARD.encode(format!("partner_id={key}&sig={signature}:{data}")))
}

fn sign(data: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn vector() -> String {
    encoded(KEY, SIGNATURE, &format!("session_id={SESSION}&{REST}"))
}

/// What our secret grants for `token` in the session of the vector.
fn admit(token: &str) -> Option<Grant> {
    T1::parse(token)?.claims(SECRET)?.grant(&key(), &session(), NOW).ok()
}

/// The same for signed `data`.
fn claims(data: &str) -> Option<Claims> {
    T1::parse(&encoded(KEY, &sign(data), data)).unwrap().claims(SECRET)
}

fn good() -> Claims {
    Claims {
        api_key: Some(KEY.to_owned()),
        scope: Some(SCOPE.to_owned()),
        session_id: Some(SESSION.to_owned()),
        lifetime: Lifetime {
            issued_at: Some(EpochSeconds(CREATED)),
            not_before: None,
            expires_at: Some(EpochSeconds(EXPIRES)),
        },
        ..Claims::default()
    }
}

fn refused(change: impl FnOnce(&mut Claims)) -> Option<Refused> {
    let mut claims = good();
    change(&mut claims);
    claims.grant(&key(), &session(), NOW).err()
}

#[test]
fn a_token_of_the_vendors_own_sdk_is_granted_what_it_says() {
    let expected = Grant {
        role: Role::Moderator,
        data: "name=Ann&x".to_owned(),
        peer: None,
        layout_classes: vec!["focus".to_owned(), "small".to_owned()],
    };
    assert!(is_t1(&vector()));
    assert_eq!(admit(&vector()), Some(expected));
}

/// Not signed, and without a meaning: whatever older SDKs say of themselves.
#[test]
fn more_fields_beside_the_signature_change_nothing() {
    let data = format!("session_id={SESSION}&{REST}");
    let head = |head: &str| {
        let head = head.replace("KEY", KEY);
        admit(&format!("T1=={}", STANDARD.encode(format!("{head}:{data}"))))
    };
    let granted = admit(&vector());
    assert!(granted.is_some());
    let sig = format!("sig={SIGNATURE}");
    for more in [
        format!("partner_id=KEY&sdk_version=tbphp-v0.91.2011-07-05&{sig}"),
        format!("sdk_version=any-1.0&partner_id=KEY&{sig}"),
        format!("{sig}&partner_id=KEY"),
        format!("{sig}&sdk_version=a&x=&sdk_version=b=c&partner_id=KEY"),
    ] {
        assert_eq!(head(&more), granted, "{more}");
    }
    let wrong = format!("partner_id=KEY&sdk_version=any-1.0&sig={}", SIGNATURE.replace('4', "5"));
    assert_eq!(head(&wrong), None);
    assert_eq!(head(&format!("partner_id=47000002&sdk_version=any-1.0&{sig}")), None);
}

#[test]
fn another_secret_verifies_nothing() {
    let token = T1::parse(&vector()).unwrap();
    assert!(token.claims("another").is_none());
    assert!(token.claims("").is_none());
}

#[test]
fn a_token_is_its_projects() {
    let other = vector().replace("T1==", "");
    let text = String::from_utf8(STANDARD.decode(other).unwrap()).unwrap();
    let other = format!("T1=={}", STANDARD.encode(text.replacen(KEY, "47000002", 1)));
    assert!(T1::parse(&other).unwrap().claims(SECRET).is_some());
    assert_eq!(admit(&other), None);
}

#[test]
fn a_field_given_twice_is_refused() {
    let data = format!("session_id={SESSION}&{REST}");
    assert!(claims(&data).is_some());
    for twice in ["&role=subscriber", "&r%6Fle=moderator", "&nonce=1"] {
        assert!(claims(&format!("{data}{twice}")).is_none(), "{twice}");
    }
}

#[test]
fn blanks_are_written_in_either_way() {
    for data in ["connection_data=a%20b", "connection_data=a+b"] {
        assert_eq!(claims(data).unwrap().connection_data, "a b");
    }
}

#[test]
fn a_t1_token_without_an_end_is_good_for_a_day() {
    let lifetime = claims("create_time=100").unwrap().lifetime;
    assert_eq!(lifetime.expires_at, Some(EpochSeconds(100 + 86_400)));
    assert_eq!(claims("nonce=1").unwrap().lifetime, Lifetime::default());
    for wrong in ["create_time=soon", "create_time=", "create_time=1&expire_time=-1", "expire_time=1e9"] {
        assert!(claims(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_t1_token_needs_no_scope_and_may_have_no_other() {
    assert_eq!(claims("nonce=1").unwrap().scope.as_deref(), Some(SCOPE));
    assert_eq!(claims("scope=rest").unwrap().scope.as_deref(), Some("rest"));
}

#[test]
fn a_token_that_is_none_is_not_parsed() {
    let data = "nonce=1";
    let signature = sign(data);
    let texts = [
        format!("partner_id={KEY}&sig={signature}"),
        format!("partner_id={KEY}&sdk_version=any-1.0:{data}"),
        format!("sdk_version=any-1.0&sig={signature}:{data}"),
        format!("partner_id={KEY}&&sig={signature}:{data}"),
        format!("partner_id={KEY}&sdk_version&sig={signature}:{data}"),
        format!("partner_id={KEY}&=any-1.0&sig={signature}:{data}"),
        format!("partner_id={KEY}&sig={signature}&sig={signature}:{data}"),
        format!("partner_id=4700000&sig={signature}:{data}"),
        format!("partner_id={KEY}&sig={}:{data}", signature.to_uppercase()),
        format!("partner_id={KEY}&sig={}:{data}", &signature[1..]),
        format!("partner_id={KEY}&sig={}:{data}", &signature[2..]),
        format!("partner_id={KEY}&sig={signature}0:{data}"),
        format!("partner_id={KEY}&sig=:{data}"),
        format!("partner_id={KEY}&partner_id={KEY}&sig={signature}:{data}"),
        String::new(),
    ];
    for text in texts {
        assert!(T1::parse(&format!("T1=={}", STANDARD.encode(&text))).is_none(), "{text}");
    }
    for token in ["", "T1==", "T1==*", "T2==", "x"] {
        assert!(T1::parse(token).is_none(), "{token}");
    }
    assert!(!is_t1("eyJhbGciOiJIUzI1NiJ9.e30.x"));
}

#[test]
fn a_token_grants_only_what_it_is_for() {
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|claims| claims.api_key = None), Some(Refused::Project));
    assert_eq!(refused(|claims| claims.api_key = Some("47000002".to_owned())), Some(Refused::Project));
    assert_eq!(refused(|claims| claims.scope = None), Some(Refused::Scope));
    assert_eq!(refused(|claims| claims.scope = Some("session".to_owned())), Some(Refused::Scope));
    assert_eq!(refused(|claims| claims.session_id = None), Some(Refused::Session));
    assert_eq!(refused(|claims| claims.session_id = Some(SESSION[1..].to_owned())), Some(Refused::Session));
}

#[test]
fn a_project_cannot_open_anothers_session() {
    let other = ApiKey::try_from("47000002".to_owned()).unwrap();
    let claims = Claims { api_key: Some(other.to_string()), ..good() };
    assert_eq!(claims.grant(&other, &session(), NOW), Err(Refused::Session));
}

#[test]
fn a_token_is_good_for_thirty_days_at_most() {
    let expires = |at| {
        move |claims: &mut Claims| {
            claims.lifetime = Lifetime { expires_at: Some(EpochSeconds(at)), ..Lifetime::default() };
        }
    };
    let now = NOW.seconds().0;
    assert_eq!(refused(expires(now + 30 * 86_400)), None);
    assert_eq!(refused(expires(now + 30 * 86_400 + 61)), Some(Refused::Lasting));
    assert_eq!(refused(expires(now - 60)), Some(Refused::Expired));
    assert_eq!(refused(|claims| claims.lifetime.expires_at = None), Some(Refused::Endless));
}

#[test]
fn a_role_is_one_of_the_four_or_absent() {
    let role = |name: Option<&str>| {
        let claims = Claims { role: name.map(str::to_owned), ..good() };
        claims.grant(&key(), &session(), NOW).map(|grant| grant.role)
    };
    assert_eq!(role(None), Ok(Role::Publisher));
    assert_eq!(role(Some("subscriber")), Ok(Role::Subscriber));
    assert_eq!(role(Some("publisher")), Ok(Role::Publisher));
    assert_eq!(role(Some("publisheronly")), Ok(Role::PublisherOnly));
    assert_eq!(role(Some("moderator")), Ok(Role::Moderator));
    for unknown in ["", "Moderator", "admin", "moderator "] {
        assert_eq!(role(Some(unknown)), Err(Refused::Role), "{unknown}");
    }
}

#[test]
fn a_token_may_name_the_peer_that_its_bearer_is() {
    let peer = |name: &str| {
        let claims = Claims { peer_id: Some(name.to_owned()), ..good() };
        claims.grant(&key(), &session(), NOW).map(|grant| grant.peer.map(|peer| peer.to_string()))
    };
    assert_eq!(peer("ann:1"), Ok(Some("ann:1".to_owned())));
    for no_id in ["", "an n", &"x".repeat(129)] {
        assert_eq!(peer(no_id), Err(Refused::Peer), "{no_id}");
    }
    assert_eq!(claims("peerId=ann").unwrap().peer_id.as_deref(), Some("ann"));
    assert_eq!(good().grant(&key(), &session(), NOW).unwrap().peer, None);
}

#[test]
fn texts_are_counted_in_characters() {
    assert_eq!(refused(|claims| claims.connection_data = "😀".repeat(1024)), None);
    assert_eq!(refused(|claims| claims.connection_data = "x".repeat(1025)), Some(Refused::Data));
    assert_eq!(refused(|claims| claims.layout_classes = "é".repeat(1024)), None);
    assert_eq!(refused(|claims| claims.layout_classes = "x".repeat(1025)), Some(Refused::Classes));
}

#[test]
fn blanks_between_classes_are_no_classes() {
    let claims = Claims { layout_classes: "  a  b ".to_owned(), ..good() };
    let grant = claims.grant(&key(), &session(), NOW).unwrap();
    assert_eq!(grant.layout_classes, ["a", "b"]);
    assert_eq!(good().grant(&key(), &session(), NOW).unwrap().layout_classes, [""; 0]);
}

#[test]
fn debug_output_holds_no_claim_and_no_token() {
    let token = T1::parse(&vector()).unwrap();
    let output = format!("{token:?} {:?}", token.claims(SECRET).unwrap());
    assert!(!output.contains("47") && !output.contains("Ann"), "{output}");
}

/// One character of a text is put in another's place, taken out, or put in.
fn mutated(text: &str) -> impl Strategy<Value = String> + use<> {
    let text: Vec<char> = text.chars().collect();
    (0..text.len(), 0..3, "[A-Za-z0-9+/=&:% ]").prop_map(move |(at, how, new)| {
        let (before, after) = text.split_at(at);
        let after = if how == 2 { after } else { &after[1..] };
        let new = if how == 0 { "" } else { new.as_str() };
        before.iter().copied().chain(new.chars()).chain(after.iter().copied()).collect()
    })
}

fn inside() -> String {
    let encoded = vector().replace("T1==", "");
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn no_change_of_a_signed_token_is_accepted(token in mutated(&vector())) {
        prop_assume!(token != vector());
        prop_assert_eq!(admit(&token), None);
    }

    #[test]
    fn no_change_below_the_encoding_is_accepted(text in mutated(&inside())) {
        prop_assume!(text != inside());
        prop_assert_eq!(admit(&format!("T1=={}", STANDARD.encode(text))), None);
    }

    #[test]
    fn arbitrary_text_is_no_token(text in "\\PC*", bytes: Vec<u8>) {
        prop_assert_eq!(admit(&text), None);
        prop_assert_eq!(admit(&format!("T1=={text}")), None);
        prop_assert_eq!(admit(&format!("T1=={}", STANDARD.encode(bytes))), None);
    }

    #[test]
    fn signed_nonsense_is_judged(data in "([a-z_]{0,26}(=[ -~]{0,12})?&?){0,8}") {
        // Whatever a project signs is read or refused; nothing of it ends the function.
        if let Some(claims) = claims(&data) {
            let _ = claims.grant(&key(), &session(), NOW);
        }
    }
}
