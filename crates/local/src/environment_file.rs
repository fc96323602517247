//! `env`: the functions' environment for a running gateway, so that `cargo lambda watch --env-file` runs
//! them against it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::lambda::environment::{ENDPOINTS, credentials};
use crate::options::AnyError;
use crate::start::read_template;
use crate::urls::Urls;

/// Dotenv lines with the variables of all functions, or of one.
///
/// # Errors
///
/// A sentence: no gateway runs in `folder`, or the template has no such function.
pub(crate) fn of_running(
    template: &Path,
    parameters: &str,
    folder: &Path,
    function: Option<&str>,
) -> Result<String, AnyError> {
    let urls = Urls::of_running(folder)?;
    let mut stack = read_template(template, parameters)?;
    urls.localize(&mut stack);
    let mut variables = BTreeMap::new();
    for each in stack.functions.iter().filter(|each| function.is_none_or(|name| each.is(name))) {
        variables.extend(each.environment.clone());
    }
    if let Some(name) = function
        && stack.function(name).is_none()
    {
        return Err(format!("there is no function {name}").into());
    }
    credentials(&mut |name, value| {
        variables.insert(name.to_owned(), value);
    });
    for (service, path) in ENDPOINTS {
        variables.insert(format!("AWS_ENDPOINT_URL_{service}"), format!("http://{}/{path}", urls.aws));
    }
    let mut out = String::new();
    for (name, value) in variables {
        // A String takes every write.
        let _ = writeln!(out, "{name}={}", quoted(&value));
    }
    Ok(out)
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,*".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{value}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_when_they_must_be() {
        assert_eq!(quoted("http://127.0.0.1:1/a"), "http://127.0.0.1:1/a");
        assert_eq!(quoted("{\"a\":1}"), "'{\"a\":1}'");
        assert_eq!(quoted("it's \"x\""), "\"it's \\\"x\\\"\"");
    }
}
