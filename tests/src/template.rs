//! The lists that `template.yaml` holds: whoever needs one reads it there.

use std::fs;

use crate::stack::repository;

/// The text of a file of the repository.
#[must_use]
pub fn file(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The executables of the functions, in the order of the template.
#[must_use]
pub fn functions() -> Vec<String> {
    let template = file("template.yaml");
    let names = template.lines().filter_map(|line| line.split_once("{Binary: "));
    names.map(|(_, rest)| rest.split('}').next().unwrap_or_default().to_owned()).collect()
}

/// The executable of a function by its name in the template: `claim-room` of `ClaimRoom`.
fn executable(function: &str) -> String {
    let dash = |(at, letter): (usize, char)| (at > 0 && letter.is_ascii_uppercase()).then_some('-');
    let letters = function.chars().enumerate();
    letters.flat_map(|each| dash(each).into_iter().chain([each.1.to_ascii_lowercase()])).collect()
}

/// The message routes of the WebSocket API, without those that begin with `$`, and the executable of each.
#[must_use]
pub fn message_routes() -> Vec<(String, String)> {
    let template = file("template.yaml");
    let lines = template.lines().skip_while(|line| line.trim() != "Routes:").skip(1);
    let routes = lines.map_while(|line| line.trim().split_once(": {FunctionArn: "));
    let routes = routes.filter(|(route, _)| !route.starts_with('$'));
    let function =
        |arn: &str| arn.trim_start_matches("!GetAtt ").trim_end_matches("Function.Arn}").to_owned();
    routes.map(|(route, arn)| (route.to_owned(), executable(&function(arn)))).collect()
}
