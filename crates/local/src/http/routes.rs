//! Which route of an HTTP API takes a request.

use std::collections::BTreeMap;

use super::query::percent_decoded;
use crate::template::stack::{HttpApi, HttpRoute};

/// A request's route.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) route: &'a HttpRoute,
    /// The whole path, decoded.
    pub(crate) path: String,
    /// The variables of the route's path.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Taken<'_> {
    /// `GET /rooms/{id}`, or `$default`.
    pub(crate) fn key(&self) -> String {
        let HttpRoute { method, path, .. } = self.route;
        if path == "$default" { path.clone() } else { format!("{method} {path}") }
    }
}

/// The route for a request with this method and path, the path as it was sent.
///
/// An HTTP API decodes a path before it does anything with it: `rawPath` and `pathParameters` have `=` where `%3D` was
/// sent, and a `%2F` parts two segments. docs/adr/0006 says where that is known from.
pub(crate) fn find<'a>(api: &'a HttpApi, method: &str, path: &str) -> Option<Taken<'a>> {
    let path = percent_decoded(path);
    let (route, variables) = best(api, method, within_stage(api, &path)?)?;
    Some(Taken { route, path, variables })
}

/// The path after the stage: a stage with a name is the first part of every path.
fn within_stage<'a>(api: &HttpApi, path: &'a str) -> Option<&'a str> {
    let path = match api.stage.as_str() {
        "$default" => path,
        stage => path.strip_prefix('/')?.strip_prefix(stage)?,
    };
    Some(if path.is_empty() { "/" } else { path })
}

/// A full match before a greedy one, `$default` last, as "Routing API requests" in API Gateway's guide has it. Among
/// several of a kind it is the more specific path, read from the left, and then a method before `ANY`.
fn best<'a>(api: &'a HttpApi, method: &str, path: &str) -> Option<(&'a HttpRoute, BTreeMap<String, String>)> {
    let taken = |route: &&HttpRoute| route.method == method || route.method == "ANY";
    let matching =
        api.routes.iter().filter(taken).filter_map(|route| Some((route, variables(&route.path, path)?)));
    let best = matching.min_by_key(|(route, _)| {
        let kinds: Vec<u8> = route.path.split('/').map(|segment| Segment::of(segment).rank()).collect();
        let greedy = kinds.last().is_some_and(|rank| *rank == Segment::Greedy("").rank());
        (greedy, kinds, route.method == "ANY")
    });
    best.or_else(|| {
        api.routes.iter().find(|route| route.path == "$default").map(|route| (route, BTreeMap::new()))
    })
}

/// A part of a route's path.
enum Segment<'a> {
    Text(&'a str),
    /// `{name}`: one segment that is not empty.
    Variable(&'a str),
    /// `{name+}`: the rest of the path, with its slashes.
    Greedy(&'a str),
}

impl<'a> Segment<'a> {
    fn of(text: &'a str) -> Self {
        match text.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None => Self::Text(text),
            Some(name) => name.strip_suffix('+').map_or(Self::Variable(name), Self::Greedy),
        }
    }

    /// Less is more specific.
    fn rank(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Variable(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

/// What is wrong with the path of a route; `None` when it is one that can be taken.
pub(crate) fn fault(path: &str) -> Option<&'static str> {
    let mut segments = path.split('/').map(Segment::of).peekable();
    while let Some(segment) = segments.next() {
        let name = match segment {
            Segment::Text(text) if text.contains(['{', '}']) => {
                return Some("a path variable is a whole segment");
            }
            Segment::Text(_) => continue,
            Segment::Greedy(_) if segments.peek().is_some() => {
                return Some("a greedy path variable is the last segment");
            }
            Segment::Variable(name) | Segment::Greedy(name) => name,
        };
        if name.is_empty() || name.contains(['{', '}', '+']) {
            return Some("a path variable has a name");
        }
    }
    None
}

/// The variables of `pattern` in `path`; `None` when they do not match.
fn variables(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = Some(path);
    for expected in pattern.split('/').map(Segment::of) {
        let (given, after) = match rest?.split_once('/') {
            Some((given, after)) => (given, Some(after)),
            None => (rest?, None),
        };
        match expected {
            Segment::Text(text) if text == given => {}
            Segment::Variable(name) if !given.is_empty() => {
                found.insert(name.to_owned(), given.to_owned());
            }
            Segment::Greedy(name) => {
                let all = rest.filter(|all| !all.is_empty())?;
                found.insert(name.to_owned(), all.to_owned());
                return Some(found);
            }
            Segment::Text(_) | Segment::Variable(_) => return None,
        }
        rest = after;
    }
    rest.is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::stack::Throttling;

    fn api(routes: &[&str]) -> HttpApi {
        let route = |key: &&str| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            HttpRoute { method: method.into(), path: path.into(), function: (*key).into() }
        };
        HttpApi {
            logical: "Api".into(),
            api_id: "a".into(),
            stage: "$default".into(),
            routes: routes.iter().map(route).collect(),
            cors: None,
            throttling: Throttling::default(),
        }
    }

    fn key(api: &HttpApi, method: &str, path: &str) -> Option<String> {
        find(api, method, path).map(|taken| taken.key())
    }

    #[test]
    fn the_most_specific_route_takes_a_request() {
        let mut api = api(&["ANY /a", "GET /{x}", "GET /a", "GET /a/{id}"]);
        assert_eq!(key(&api, "GET", "/a").as_deref(), Some("GET /a"));
        assert_eq!(key(&api, "PUT", "/a").as_deref(), Some("ANY /a"));
        assert_eq!(key(&api, "GET", "/b").as_deref(), Some("GET /{x}"));
        assert_eq!(key(&api, "PUT", "/b"), None);
        assert_eq!(key(&api, "GET", "/a/"), None);
        api.stage = "prod".into();
        assert_eq!(key(&api, "GET", "/prod/a").as_deref(), Some("GET /a"));
        assert_eq!(key(&api, "GET", "/a"), None);
        api.routes.push(HttpRoute { method: "ANY".into(), path: "$default".into(), function: "F".into() });
        assert_eq!(key(&api, "PUT", "/prod/b").as_deref(), Some("$default"));
    }

    #[test]
    fn a_greedy_variable_takes_what_no_full_match_takes() {
        let api = api(&[
            "$default",
            "ANY /{all+}",
            "ANY /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
            "ANY /{x}/dog/{y}",
        ]);
        for (method, path, expect) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("PUT", "/pets/dog/2", "ANY /{x}/dog/{y}"),
            ("GET", "/pets/cat/2", "ANY /pets/{proxy+}"),
            ("PUT", "/birds/2", "ANY /{all+}"),
            ("GET", "/pets/", "ANY /{all+}"),
            ("GET", "/", "$default"),
        ] {
            assert_eq!(key(&api, method, path).as_deref(), Some(expect), "{method} {path}");
        }
        let rest = |path| find(&api, "GET", path).unwrap().variables.remove("proxy");
        assert_eq!(rest("/pets/cat").as_deref(), Some("cat"));
        assert_eq!(rest("/pets/cat/2/").as_deref(), Some("cat/2/"));
    }

    #[test]
    fn a_path_is_decoded_before_its_route_is_looked_for() {
        let api = api(&["GET /a/{id}", "ANY /v2/{proxy+}"]);
        let taken = find(&api, "DELETE", "/v2/connection/L0SM9cOFvHcCIhw%3D").unwrap();
        assert_eq!(taken.path, "/v2/connection/L0SM9cOFvHcCIhw=");
        assert_eq!(taken.variables["proxy"], "connection/L0SM9cOFvHcCIhw=");
        assert_eq!(find(&api, "GET", "/%61/x%20y").unwrap().variables["id"], "x y");
        assert!(find(&api, "GET", "/a/x%2Fy").is_none());
    }

    #[test]
    fn a_path_with_a_variable_in_a_wrong_place_is_refused() {
        for good in ["/", "/a/{b}/{c+}", "/{proxy+}", "$default"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["/{proxy+}/a", "/a{b}", "/{}", "/{+}", "/{a++}"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
