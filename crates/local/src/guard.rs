//! Who is answered at all. Everything listens on loopback; what reaches it from elsewhere comes through a browser on this
//! machine: a page of another site that asks blindly, or one whose name a manipulated DNS answer leads here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;

use crate::http::reply::{Answer, message};
use crate::template::stack::Stack;

/// Which pages may ask.
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    /// None: at AWS such a request is signed, which no page can do.
    NoPages,
    /// Those of this machine, and of the origins that the template's parameters name. Not those that a `*` admits: a
    /// gateway at AWS is anybody's, and one on a laptop is its owner's.
    Pages(Arc<[HeaderValue]>),
}

impl Guard {
    /// For the pages that `stack` names.
    pub(crate) fn pages(stack: &Stack) -> Self {
        let cors = stack.http.as_ref().and_then(|api| api.cors.as_ref());
        let origins = cors.map(|cors| cors.origins.iter()).into_iter().flatten();
        Self::Pages(
            origins.filter(|origin| *origin != "*").filter_map(|origin| origin.parse().ok()).collect(),
        )
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let origin = headers.get(header::ORIGIN);
        host.is_some_and(is_loopback)
            && match self {
                Self::NoPages => origin.is_none(),
                Self::Pages(named) => origin.is_none_or(|origin| named.contains(origin) || is_ours(origin)),
            }
    }
}

/// Answers what is from elsewhere, before anything else looks at it.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Answer {
    if guard.admits(request.headers()) {
        return next.run(request).await;
    }
    message(
        StatusCode::FORBIDDEN,
        "Forbidden: not from this machine, nor from an origin that the parameters name",
    )
}

fn is_ours(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    origin.is_some_and(|origin| {
        origin.scheme().is_some() && origin.authority().is_some_and(|at| is_loopback(at.as_str()))
    })
}

/// Whether a `host:port` is this machine's, whatever the port: it may have been forwarded.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn this_machine_and_named_origins_are_admitted_and_nobody_else() {
        let pages = Guard::Pages(["https://named.example".parse().unwrap()].into());
        for (host, origin, admitted) in [
            ("127.0.0.1:3000", None, true),
            ("localhost:3000", Some("http://localhost:3003"), true),
            ("[::1]:3000", Some("http://[::1]:1"), true),
            ("localhost", Some("https://127.0.0.1"), true),
            ("127.0.0.1:3000", Some("https://named.example"), true),
            ("127.0.0.1:3000", Some("https://other.example"), false),
            ("127.0.0.1:3000", Some("https://named.example:444"), false),
            ("127.0.0.1:3000", Some("http://localhost.evil.example"), false),
            ("127.0.0.1:3000", Some("http://localhost@evil.example"), false),
            ("127.0.0.1:3000", Some("null"), false),
            ("evil.example:3000", None, false),
            ("127.0.0.1.evil.example", None, false),
            ("localhost:3000@evil.example", None, false),
            ("", None, false),
        ] {
            let headers = headers(host, origin);
            assert_eq!(pages.admits(&headers), admitted, "{host} {origin:?}");
            assert_eq!(Guard::NoPages.admits(&headers), admitted && origin.is_none(), "{host} {origin:?}");
        }
        assert!(!Guard::NoPages.admits(&HeaderMap::new()));
    }
}
