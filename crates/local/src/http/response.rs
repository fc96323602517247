//! What a function answers to an HTTP API (payload format 2.0) or to `$connect`.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::reply::Answer;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    status_code: Json,
    #[serde(default)]
    headers: Option<Map<String, Json>>,
    #[serde(default)]
    multi_value_headers: Option<Map<String, Json>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// A response that names its status.
#[derive(Debug)]
pub(crate) struct ProxyResponse {
    pub(crate) status: StatusCode,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl ProxyResponse {
    /// Reads a response with a `statusCode`; `None` when it has none, or is no such response.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let raw: Raw = serde_json::from_slice(payload).ok()?;
        let status = match &raw.status_code {
            Json::Number(number) => number.as_u64()?,
            Json::String(text) => text.parse().ok()?,
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
        };
        let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
        let text = |value: Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut headers: Vec<_> =
            raw.headers.unwrap_or_default().into_iter().map(|(name, value)| (name, text(value))).collect();
        for (name, values) in raw.multi_value_headers.unwrap_or_default() {
            if let Json::Array(values) = values {
                headers.extend(values.into_iter().map(|value| (name.clone(), text(value))));
            }
        }
        for cookie in raw.cookies.unwrap_or_default() {
            headers.push(("set-cookie".into(), cookie));
        }
        let body = raw.body.unwrap_or_default();
        let body =
            if raw.is_base64_encoded == Some(true) { STANDARD.decode(body).ok()? } else { body.into_bytes() };
        Some(Self { status, headers, body })
    }

    /// The last value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .rev()
            .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    fn into_answer(self) -> Answer {
        let mut answer = Answer::new(self.body.into());
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        // What has no content has no type either, unless its function gives one.
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
        }
        for (name, value) in self.headers {
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                continue;
            };
            if name == header::SET_COOKIE {
                headers.append(name, value);
            } else if name != header::CONTENT_LENGTH && name != header::TRANSFER_ENCODING {
                headers.insert(name, value);
            }
        }
        answer
    }
}

/// The answer of an HTTP API for what its function returned; `None` when that makes no response.
pub(crate) fn answer(payload: &[u8]) -> Option<Answer> {
    let value: Json = serde_json::from_slice(payload).ok()?;
    if value.get("statusCode").is_some() {
        return ProxyResponse::read(payload).map(ProxyResponse::into_answer);
    }
    // The inferred form: whatever JSON it is, is the body.
    let body = if let Json::String(text) = value { text.into_bytes() } else { payload.to_vec() };
    Some(super::reply::json(StatusCode::OK, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(payload: &str) -> Option<(u16, String, String)> {
        let answer = answer(payload.as_bytes())?;
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        let kind = parts.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
        Some((parts.status.as_u16(), kind, String::from_utf8(body.to_vec()).unwrap()))
    }

    #[tokio::test]
    async fn responses_are_read_whole_inferred_or_refused() {
        let whole = r#"{"statusCode":404,"headers":{"Content-Type":"application/json"},"body":"{}"}"#;
        assert_eq!(read(whole).await.unwrap(), (404, "application/json".into(), "{}".into()));
        let text = "text/plain;charset=utf-8".to_owned();
        let encoded = r#"{"statusCode":"200","body":"aGk=","isBase64Encoded":true}"#;
        assert_eq!(read(encoded).await.unwrap(), (200, text.clone(), "hi".into()));
        let nothing = r#"{"statusCode":204,"body":null}"#;
        assert_eq!(read(nothing).await.unwrap(), (204, String::new(), String::new()));
        assert_eq!(read(r#"{"statusCode":403,"body":null}"#).await.unwrap(), (403, text, String::new()));
        let json = "application/json".to_owned();
        assert_eq!(read(r#"{"a":1}"#).await.unwrap(), (200, json.clone(), r#"{"a":1}"#.into()));
        assert_eq!(read(r#""hello""#).await.unwrap(), (200, json, "hello".into()));
        assert!(read(r#"{"statusCode":{}}"#).await.is_none());
        assert!(read("no json").await.is_none());
    }
}
