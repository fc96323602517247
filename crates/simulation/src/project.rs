//! The project's server: it makes sessions and tokens, signals and moderates.

use std::sync::Arc;

use jsonwebtoken::{EncodingKey, Header, encode};
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::api;
use crate::invocation::Function;
use crate::names::PROJECT;
use crate::world::World;

fn signed(world: &World, mut claims: Value) -> String {
    let now = world.now() / 1_000;
    (claims["iss"], claims["ist"]) = (PROJECT.0.into(), "project".into());
    (claims["iat"], claims["exp"]) = (now.into(), (now + 240).into());
    encode(&Header::default(), &claims, &EncodingKey::from_secret(PROJECT.1.as_bytes())).unwrap()
}

/// A token that admits to a session.
pub(crate) fn token(world: &World, session: &str, role: &str) -> String {
    // Each token is somebody else, as those of real servers are.
    let jti = world.draw(|fate| fate.random_range(0..u64::MAX));
    signed(world, json!({ "session_id": session, "role": role, "scope": "session.connect", "jti": jti }))
}

/// Makes a session, however often it has to ask.
pub(crate) async fn session(world: &Arc<World>) -> String {
    loop {
        let headers = json!({
            "accept": "application/json", "content-type": "application/x-www-form-urlencoded",
            "x-opentok-auth": signed(world, json!({})),
        });
        let place = ("POST", "/session/create", "");
        let form = Some("p2p.preference=disabled".to_owned());
        let (_, answer) =
            api::http(world, Function::SessionApi, "POST /session/create", place, headers, form).await;
        if let Some(session) = answer[0]["session_id"].as_str() {
            return session.to_owned();
        }
        world.wait(100, 1_000).await;
    }
}

/// Calls something of a session.
pub(crate) async fn rest(
    world: &Arc<World>,
    method: &str,
    session: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let headers = json!({
        "accept": "application/json", "content-type": "application/json",
        "x-opentok-auth": signed(world, json!({})),
    });
    let path = format!("/v2/project/{}/session/{session}{path}", PROJECT.0);
    let body = body.map(|body| body.to_string());
    let place = (method, path.as_str(), "");
    api::http(world, Function::SessionApi, "ANY /v2/project/{proxy+}", place, headers, body).await
}
