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

/// The executable of a message route: `force-disconnect` of `forceDisconnect`.
#[must_use]
pub fn executable(route: &str) -> String {
    let dash = |letter: char| letter.is_ascii_uppercase().then_some('-').into_iter();
    route.chars().flat_map(|letter| dash(letter).chain([letter.to_ascii_lowercase()])).collect()
}

/// The message routes of the WebSocket API, without those that begin with `$`.
#[must_use]
pub fn message_routes() -> Vec<String> {
    let template = file("template.yaml");
    let lines = template.lines().skip_while(|line| line.trim() != "Routes:").skip(1);
    let routes = lines.map_while(|line| line.trim().split_once(": {FunctionArn: "));
    routes.map(|(route, _)| route.to_owned()).filter(|route| !route.starts_with('$')).collect()
}
