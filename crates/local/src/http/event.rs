//! The event of an HTTP API, payload format 2.0.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use super::query;
use super::routes::Taken;
use crate::clock::{self, now_ms};
use crate::ids;
use crate::template::names;
use crate::template::stack::HttpApi;

/// The event for a request that a route has taken; answers with its request id too.
pub(crate) fn payload(
    api: &HttpApi,
    taken: &Taken<'_>,
    parts: &Parts,
    body: &[u8],
    source: IpAddr,
) -> (Bytes, String) {
    let (now, request_id, route_key) = (now_ms(), ids::request(), taken.key());
    let mut event = Map::new();
    let mut set = |name: &str, value: Json| {
        event.insert(name.to_owned(), value);
    };
    set("version", "2.0".into());
    set("routeKey", route_key.clone().into());
    set("rawPath", taken.path.clone().into());
    set("rawQueryString", parts.uri.query().unwrap_or_default().into());
    let cookies: Vec<_> = parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';').map(str::trim))
        .filter(|cookie| !cookie.is_empty())
        .collect();
    if !cookies.is_empty() {
        set("cookies", json!(cookies));
    }
    set("headers", headers(&parts.headers, source));
    let parameters = query::parameters(parts.uri.query().unwrap_or_default());
    if !parameters.is_empty() {
        let joined: Map<_, _> =
            parameters.into_iter().map(|(name, values)| (name, values.join(",").into())).collect();
        set("queryStringParameters", joined.into());
    }
    if !taken.variables.is_empty() {
        set("pathParameters", json!(taken.variables));
    }
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text(header::HOST);
    set(
        "requestContext",
        json!({
            "accountId": names::ACCOUNT,
            "apiId": api.api_id,
            "domainName": host,
            "domainPrefix": host.split(['.', ':']).next(),
            "http": {
                "method": parts.method.as_str(),
                "path": taken.path,
                "protocol": "HTTP/1.1",
                "sourceIp": source.to_string(),
                "userAgent": text(header::USER_AGENT),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": api.stage,
            "time": clock::request_time(now),
            "timeEpoch": now,
        }),
    );
    let encoded = !is_text(text(header::CONTENT_TYPE)) || std::str::from_utf8(body).is_err();
    if body.is_empty() {
        set("isBase64Encoded", false.into());
    } else {
        let body = if encoded { STANDARD.encode(body) } else { String::from_utf8_lossy(body).into_owned() };
        set("body", body.into());
        set("isBase64Encoded", encoded.into());
    }
    (Json::Object(event).to_string().into(), request_id)
}

/// Lower-case names, repeated values with commas between, without cookies.
fn headers(headers: &HeaderMap, source: IpAddr) -> Json {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        if name == header::COOKIE || name == header::CONNECTION {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        let entry = all.entry(name.as_str()).or_default();
        if !entry.is_empty() {
            entry.push(',');
        }
        entry.push_str(&value);
    }
    all.insert("x-forwarded-for", source.to_string());
    all.insert("x-forwarded-port", "443".into());
    all.insert("x-forwarded-proto", "https".into());
    json!(all)
}

/// Whether a body of this type reaches a function as it is; everything else is base64-encoded.
fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty()
        || essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(essence.as_str(), "application/json" | "application/javascript" | "application/xml")
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::http::routes;
    use crate::template::stack::{HttpRoute, Throttling};

    fn event(request: Request<()>, body: &[u8]) -> Json {
        let api = HttpApi {
            logical: "Api".into(),
            api_id: "abcdefghij".into(),
            stage: "$default".into(),
            routes: ["/x/{id}", "/"]
                .map(|path| HttpRoute { method: "GET".into(), path: path.into(), function: "F".into() })
                .into(),
            cors: None,
            throttling: Throttling::default(),
        };
        let (parts, ()) = request.into_parts();
        let taken = routes::find(&api, "GET", parts.uri.path()).unwrap();
        let (event, _) = payload(&api, &taken, &parts, body, "127.0.0.1".parse().unwrap());
        serde_json::from_slice(&event).unwrap()
    }

    #[test]
    fn an_event_has_the_shape_of_the_golden_file() {
        let request = Request::builder()
            .uri("/x/7%3D?a=1&b=x%20y&a=2")
            .header("host", "127.0.0.1:3000")
            .header("user-agent", "test")
            .header("cookie", "c=1; d=2")
            .header("x-many", "1")
            .header("x-many", "2")
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        let mut event = event(request, b"{}");
        for key in ["requestId", "time", "timeEpoch"] {
            event["requestContext"][key] = "*".into();
        }
        let golden: Json = serde_json::from_str(include_str!("../../tests/golden/http.json")).unwrap();
        assert_eq!(event, golden);
    }

    #[test]
    fn bodies_that_are_no_text_are_encoded() {
        let request = |kind: &str| Request::builder().header("content-type", kind).body(()).unwrap();
        let form = event(request("application/x-www-form-urlencoded"), b"a=1");
        assert_eq!((&form["body"], &form["isBase64Encoded"]), (&json!("YT0x"), &json!(true)));
        let json_event = event(request("application/problem+json; charset=utf-8"), b"{}");
        assert_eq!((&json_event["body"], &json_event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let empty = event(request("image/png"), b"");
        assert!(empty.get("body").is_none() && empty["isBase64Encoded"] == false);
    }
}
