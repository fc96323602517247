mod vectors;
mod wire;

use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header, encode};
use model::session::Role;
use serde_json::{Value, json};

use self::vectors::{
    HS256, HS256_CREDENTIAL, HS256_FROM_PYTHON, MADE, NUMBER, PUBLIC_KEY, RS256, RS256_CREDENTIAL, SECRET,
    SESSION, T1, T1_FROM_PYTHON, UUID, UUID_SESSION,
};
use self::wire::Wire;
use super::*;

const OTHER_SECRET: &str = "another secret of another 32 bytes or more";
/// The names of the two projects' secrets.
const NUMBERS: &str = "stack/project/47000001";
const UUIDS: &str = "stack/project/12345678-90ab-4cde-8f01-234567890abc";

fn key(text: &str) -> ApiKey {
    ApiKey::try_from(text.to_owned()).unwrap()
}

fn later(seconds: u64) -> EpochMillis {
    MADE.plus(Duration::from_secs(seconds))
}

fn project(api_key: &str, secret: &str) -> Value {
    json!({"apiKey": api_key, "secret": secret})
}

/// A stack with both projects.
async fn stack() -> (Wire, Projects) {
    let wire = Wire::default();
    wire.put(NUMBERS, &project(NUMBER, SECRET));
    wire.put(UUIDS, &json!({"apiKey": UUID, "secret": OTHER_SECRET, "publicKey": PUBLIC_KEY}));
    let projects = Projects::new(&wire.listen().await, "stack/project/".to_owned());
    (wire, projects)
}

async fn admit_to(
    projects: &Projects,
    api_key: &str,
    session: &str,
    token: &str,
    now: EpochMillis,
) -> Option<Grant> {
    let session = RoomId::try_from(session.to_owned()).unwrap();
    match projects.admit(&key(api_key), &session, token, now).await {
        Ok((grant, _)) => Some(grant),
        Err(Denied::Unauthorized) => None,
        Err(denied) => panic!("{denied}"),
    }
}

async fn admit(projects: &Projects, token: &str, now: EpochMillis) -> Option<Grant> {
    admit_to(projects, NUMBER, SESSION, token, now).await
}

async fn authenticate(projects: &Projects, credential: &str, now: EpochMillis) -> Option<ApiKey> {
    match projects.authenticate(credential, now).await {
        Ok(api_key) => Some(api_key),
        Err(Denied::Unauthorized) => None,
        Err(denied) => panic!("{denied}"),
    }
}

fn hs256(claims: &Value, secret: &str) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// A client's token that a project with `secret` makes.
fn token(secret: &str) -> String {
    let exp = MADE.seconds().0 + 3600;
    hs256(
        &json!({"iss": NUMBER, "ist": "project", "exp": exp, "scope": "session.connect", "session_id": SESSION}),
        secret,
    )
}

fn granted(role: Role, data: &str, classes: &[&str]) -> Grant {
    let layout_classes = classes.iter().map(|&class| class.to_owned()).collect();
    Grant { role, data: data.to_owned(), peer: None, layout_classes }
}

#[tokio::test]
async fn tokens_of_the_vendors_sdks_admit_in_all_forms() {
    let (_wire, projects) = stack().await;
    let moderator = || Some(granted(Role::Moderator, "name=Ann&x", &["focus", "small"]));
    assert_eq!(admit(&projects, T1, later(1)).await, moderator());
    assert_eq!(admit(&projects, HS256, later(1)).await, moderator());
    assert_eq!(admit_to(&projects, UUID, UUID_SESSION, RS256, later(1)).await, moderator());
    let python = admit(&projects, T1_FROM_PYTHON, later(1000)).await;
    assert_eq!(python, Some(granted(Role::Publisher, "a b ü", &["x", "y"])));
    let python = admit(&projects, HS256_FROM_PYTHON, later(1000)).await;
    assert_eq!(python, Some(granted(Role::Subscriber, "a b", &[])));
}

#[tokio::test]
async fn the_clock_that_is_handed_in_decides() {
    let (_wire, projects) = stack().await;
    for token in [T1, HS256] {
        assert!(admit(&projects, token, later(86_400 + 59)).await.is_some());
        assert_eq!(admit(&projects, token, later(86_400 + 61)).await, None);
        assert_eq!(admit(&projects, token, EpochMillis(MADE.0 - 61_000)).await, None);
    }
    assert!(authenticate(&projects, HS256_CREDENTIAL, later(359)).await.is_some());
    assert_eq!(authenticate(&projects, HS256_CREDENTIAL, later(361)).await, None);
}

#[tokio::test]
async fn a_token_is_good_for_its_own_project_and_session_only() {
    let (_wire, projects) = stack().await;
    for token in [T1, HS256, RS256] {
        assert_eq!(admit_to(&projects, NUMBER, UUID_SESSION, token, later(1)).await, None);
        assert_eq!(admit_to(&projects, UUID, SESSION, token, later(1)).await, None);
    }
    for token in [T1, HS256] {
        assert_eq!(admit_to(&projects, UUID, UUID_SESSION, token, later(1)).await, None);
    }
    assert_eq!(admit_to(&projects, NUMBER, SESSION, RS256, later(1)).await, None);
}

#[tokio::test]
async fn credentials_of_the_vendors_sdk_name_their_project() {
    let (_wire, projects) = stack().await;
    assert_eq!(authenticate(&projects, HS256_CREDENTIAL, later(1)).await, Some(key(NUMBER)));
    assert_eq!(authenticate(&projects, RS256_CREDENTIAL, later(1)).await, Some(key(UUID)));
}

#[tokio::test]
async fn a_clients_token_is_no_credential_and_a_credential_no_token() {
    let (_wire, projects) = stack().await;
    let now = MADE.seconds().0;
    let client = json!({"iss": NUMBER, "ist": "project", "iat": now, "exp": now + 60,
        "scope": "session.connect", "session_id": SESSION});
    for token in [T1, HS256, RS256, &hs256(&client, SECRET)] {
        assert_eq!(authenticate(&projects, token, later(1)).await, None);
    }
    assert_eq!(admit(&projects, HS256_CREDENTIAL, later(1)).await, None);
    assert_eq!(admit_to(&projects, UUID, UUID_SESSION, RS256_CREDENTIAL, later(1)).await, None);
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let (_wire, projects) = stack().await;
    let now = MADE.seconds().0;
    let claims = json!({"iss": UUID, "ist": "project", "application_id": UUID, "iat": now, "exp": now + 60});
    assert_eq!(authenticate(&projects, &hs256(&claims, PUBLIC_KEY), later(1)).await, None);
    assert_eq!(authenticate(&projects, &hs256(&claims, OTHER_SECRET), later(1)).await, Some(key(UUID)));
}

#[tokio::test]
async fn other_algorithms_are_refused_unread() {
    let (wire, projects) = stack().await;
    let (_, rest) = HS256_CREDENTIAL.split_once('.').unwrap();
    let hs512 = encode(
        &Header::new(jsonwebtoken::Algorithm::HS512),
        &json!({"iss": NUMBER, "ist": "project"}),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    );
    // {"alg":"none"}
    for jwt in [hs512.unwrap(), format!("eyJhbGciOiJub25lIn0.{rest}"), String::new(), "a.b.c".to_owned()] {
        assert_eq!(authenticate(&projects, &jwt, later(1)).await, None);
        assert_eq!(admit(&projects, &jwt, later(1)).await, None);
    }
    assert!(wire.asked().is_empty());
}

#[tokio::test]
async fn a_project_is_read_once_in_five_minutes() {
    let (wire, projects) = stack().await;
    for seconds in [0, 1, 299] {
        assert!(admit(&projects, T1, later(seconds)).await.is_some());
    }
    assert_eq!(wire.asked(), [(NUMBERS.to_owned(), "AWSCURRENT".to_owned())]);
    assert!(admit(&projects, T1, later(300)).await.is_some());
    assert_eq!(wire.stages(), ["AWSCURRENT"]);
    // A clock that was put back.
    assert!(admit(&projects, T1, later(299)).await.is_some());
    assert_eq!(wire.stages(), ["AWSCURRENT"]);
}

#[tokio::test]
async fn a_rotated_project_takes_tokens_of_both_secrets_and_of_no_older_one() {
    let (wire, projects) = stack().await;
    assert!(admit(&projects, &token(SECRET), later(0)).await.is_some());
    wire.put(NUMBERS, &project(NUMBER, OTHER_SECRET));
    assert!(admit(&projects, &token(OTHER_SECRET), later(2)).await.is_some());
    assert!(admit(&projects, &token(SECRET), later(4)).await.is_some());
    assert!(admit(&projects, &token(OTHER_SECRET), later(6)).await.is_some());
    assert!(admit(&projects, &token(SECRET), later(7)).await.is_some());
    assert_eq!(wire.stages(), ["AWSCURRENT", "AWSCURRENT", "AWSCURRENT", "AWSPREVIOUS"]);

    wire.put(NUMBERS, &project(NUMBER, OTHER_SECRET));
    assert_eq!(admit(&projects, &token(SECRET), later(600)).await, None);
    assert!(admit(&projects, &token(OTHER_SECRET), later(600)).await.is_some());
}

#[tokio::test]
async fn a_key_that_was_made_a_moment_ago_is_taken() {
    let (wire, projects) = stack().await;
    assert!(admit(&projects, &token(SECRET), later(0)).await.is_some());
    assert_eq!(admit(&projects, &token("nobody's secret of 32 bytes or more"), later(0)).await, None);
    wire.put(NUMBERS, &project(NUMBER, OTHER_SECRET));
    assert!(admit(&projects, &token(OTHER_SECRET), later(0)).await.is_some());
}

#[tokio::test]
async fn a_wrong_token_costs_one_reading_however_often_it_comes() {
    let (wire, projects) = stack().await;
    let wrong = token("nobody's secret of 32 bytes or more");
    for _ in 0..100 {
        assert_eq!(admit(&projects, &wrong, later(0)).await, None);
    }
    assert_eq!(wire.stages(), ["AWSCURRENT", "AWSPREVIOUS"]);
    // The project has that secret from now on, and whoever has heard so uses a token of it.
    wire.put(NUMBERS, &project(NUMBER, "nobody's secret of 32 bytes or more"));
    assert!(
        admit(&projects, &token("nobody's secret of 32 bytes or more, no more"), later(1)).await.is_none()
    );
    assert!(admit(&projects, &wrong, later(301)).await.is_some());
}

#[tokio::test]
async fn wrong_tokens_cause_so_many_readings_and_then_one_a_second() {
    let (wire, projects) = stack().await;
    assert!(admit(&projects, &token(SECRET), later(0)).await.is_some());
    wire.asked();
    let session = RoomId::try_from(SESSION.to_owned()).unwrap();
    let wrong = |number: usize| token(&format!("nobody's secret of 32 bytes or more: {number}"));
    let answered = async |token: &str, seconds: u64| {
        let denied = projects.admit(&key(NUMBER), &session, token, later(seconds)).await;
        match denied {
            Err(Denied::Unauthorized) => "unauthorized",
            Err(Denied::Busy) => "busy",
            Err(Denied::Failed(_)) => "failed",
            Ok(_) => "admitted",
        }
    };
    for number in 0..20 {
        assert_eq!(answered(&wrong(number), 0).await, "unauthorized");
    }
    assert_eq!(wire.stages().len(), 40);
    // Those that are new may be good; those that are known are not, and good ones are as before.
    assert_eq!(answered(&wrong(20), 0).await, "busy");
    assert_eq!(answered(&wrong(7), 0).await, "unauthorized");
    assert_eq!(answered(&token(SECRET), 0).await, "admitted");
    assert_eq!(wire.stages(), [""; 0]);
    wire.put(NUMBERS, &project(NUMBER, OTHER_SECRET));
    assert_eq!(answered(&token(OTHER_SECRET), 0).await, "busy");
    assert_eq!(answered(&token(OTHER_SECRET), 1).await, "admitted");
    // Failed readings count as well.
    wire.put(NUMBERS, "broken");
    assert_eq!(answered(&wrong(21), 2).await, "failed");
    assert_eq!(answered(&wrong(21), 2).await, "busy");
    assert_eq!(answered(&wrong(21), 3).await, "failed");
}

#[tokio::test]
async fn a_token_whose_header_wants_to_be_understood_is_refused() {
    let (_wire, projects) = stack().await;
    let now = MADE.seconds().0;
    let claims = json!({"iss": NUMBER, "ist": "project", "iat": now, "exp": now + 60, "scope": "session.connect",
        "session_id": SESSION});
    let credential = json!({"iss": NUMBER, "ist": "project", "iat": now, "exp": now + 60});
    for (crit, good) in [(None, true), (Some(vec!["b64".to_owned()]), false), (Some(vec![]), false)] {
        let header = Header { crit, ..Header::default() };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signed = |claims| encode(&header, claims, &key).unwrap();
        assert_eq!(admit(&projects, &signed(&claims), later(1)).await.is_some(), good);
        assert_eq!(authenticate(&projects, &signed(&credential), later(1)).await.is_some(), good);
    }
}

#[tokio::test]
async fn an_unknown_project_is_unauthorized_and_not_kept() {
    let (wire, projects) = stack().await;
    let unknown = "47999999";
    for _ in 0..2 {
        assert_eq!(admit_to(&projects, unknown, SESSION, T1, later(1)).await, None);
        assert_eq!(wire.stages(), ["AWSCURRENT"]);
    }
    wire.put("stack/project/47999999", "deleted");
    assert_eq!(admit_to(&projects, unknown, SESSION, T1, later(1)).await, None);
}

#[tokio::test]
async fn a_deleted_project_is_forgotten() {
    let (wire, projects) = stack().await;
    assert!(admit(&projects, T1, later(0)).await.is_some());
    wire.delete(NUMBERS);
    assert_eq!(admit(&projects, T1, later(301)).await, None);
    assert_eq!(admit(&projects, T1, later(1)).await, None);
}

#[tokio::test]
async fn a_project_that_cannot_be_read_is_a_failure_that_tells_nothing() {
    let secrets = [
        "secret-text".to_owned(),
        project("47000002", SECRET).to_string(),
        project(NUMBER, "secret-but-short").to_string(),
        json!({"apiKey": NUMBER, "secret": SECRET, "publicKey": "secret-text"}).to_string(),
        "broken".to_owned(),
    ];
    for secret in secrets {
        let wire = Wire::default();
        wire.put(NUMBERS, &secret);
        let projects = Projects::new(&wire.listen().await, "stack/project/".to_owned());
        match projects.authenticate(HS256_CREDENTIAL, later(1)).await {
            Err(Denied::Failed(failure)) => {
                let text = format!("{failure} {failure:?}");
                assert!(!text.contains("secret-") && !text.contains(SECRET), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
