//! CORS as an HTTP API does it from its `CorsConfiguration`: it answers preflights itself, whatever the
//! routes, and puts its headers on every answer in place of the function's.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::reply::Answer;
use crate::template::stack::Cors;

/// The answer to a preflight; `None` when the request is none, or the API has no CORS.
pub(crate) fn preflight(cors: Option<&Cors>, method: &Method, headers: &HeaderMap) -> Option<Answer> {
    let cors = cors?;
    if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = headers.get(header::ORIGIN)?;
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    if cors.admits(origin) {
        let out = answer.headers_mut();
        common(cors, origin, out);
        list(out, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
        list(out, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers);
        if let Some(seconds) = cors.max_age {
            out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }
    Some(answer)
}

/// Puts the headers of a request that is no preflight on its answer.
pub(crate) fn apply(cors: Option<&Cors>, request: &HeaderMap, answer: &mut HeaderMap) {
    let Some(cors) = cors else { return };
    for name in [
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
    ] {
        answer.remove(name);
    }
    let Some(origin) = request.get(header::ORIGIN).filter(|origin| cors.admits(origin)) else { return };
    common(cors, origin, answer);
    list(answer, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose);
}

fn common(cors: &Cors, origin: &HeaderValue, out: &mut HeaderMap) {
    if cors.origins.iter().any(|allowed| allowed == "*") {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        out.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    if cors.credentials {
        out.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn list(out: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if let Ok(value) = HeaderValue::try_from(values.join(","))
        && !values.is_empty()
    {
        out.insert(name, value);
    }
}

impl Cors {
    fn admits(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.origins.iter().any(|allowed| match allowed.as_str() {
            "*" => true,
            "http://*" => origin.starts_with("http://"),
            "https://*" => origin.starts_with("https://"),
            exact => exact.eq_ignore_ascii_case(origin),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            origins: origins.iter().map(|&origin| origin.into()).collect(),
            methods: vec!["GET".into(), "PUT".into()],
            headers: vec!["content-type".into()],
            max_age: Some(600),
            ..Cors::default()
        }
    }

    fn request(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("origin", origin.parse().unwrap());
        headers.insert("access-control-request-method", "PUT".parse().unwrap());
        headers
    }

    #[test]
    fn a_preflight_is_answered_for_listed_origins() {
        let cors = cors(&["https://a.example"]);
        let answer = preflight(Some(&cors), &Method::OPTIONS, &request("https://a.example")).unwrap();
        assert_eq!(answer.status(), 204);
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("access-control-allow-origin"), Some("https://a.example"));
        assert_eq!(header("access-control-allow-methods"), Some("GET,PUT"));
        assert_eq!(header("access-control-allow-headers"), Some("content-type"));
        assert_eq!(header("access-control-max-age"), Some("600"));
        let other = preflight(Some(&cors), &Method::OPTIONS, &request("https://b.example")).unwrap();
        assert!(!other.headers().contains_key("access-control-allow-origin"));
        assert!(preflight(Some(&cors), &Method::GET, &request("https://a.example")).is_none());
        assert!(preflight(None, &Method::OPTIONS, &request("https://a.example")).is_none());
    }

    #[test]
    fn an_answer_has_the_headers_of_the_api_and_not_those_of_the_function() {
        let mut answer = HeaderMap::new();
        answer.insert("access-control-allow-origin", "https://function.example".parse().unwrap());
        apply(Some(&cors(&["https://a.example"])), &request("https://b.example"), &mut answer);
        assert!(answer.is_empty());
        apply(Some(&cors(&["*"])), &request("https://b.example"), &mut answer);
        assert_eq!(answer["access-control-allow-origin"], "*");
    }
}
