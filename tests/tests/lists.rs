//! Lists that must agree: who adds a function, a route or a notice is told here what else has to name it.

#![expect(clippy::unwrap_used, reason = "this is a test")]

use arbiter_tests::stack::repository;
use arbiter_tests::template::{file, functions, message_routes};

/// Fails, with everything that is missing.
fn complete(missing: &[String]) {
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What follows `key` on the lines of a file that begin with it.
fn after<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.trim_start().strip_prefix(key))
}

/// `camelCase` of `PascalCase`.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// The variants of an enum of the model, by their declaration.
fn variants(path: &str, name: &str) -> Vec<String> {
    let text = file(path);
    let body = text.split_once(&format!("pub enum {name} {{")).unwrap().1.split_once("\n}").unwrap().0;
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()).collect()
}

#[test]
fn every_function_has_its_alarms_its_policy_and_a_sample_event() {
    let names = functions();
    assert!(names.len() >= 15, "{names:?}");
    let (alarms, calls) = (file("infra/alarms.yaml"), file("scripts/calls.yaml"));
    let mut missing = vec![];
    for name in &names {
        for metric in ["Errors", "Throttles"] {
            let dimension = format!(
                "MetricName: {metric}, Dimensions: [{{Name: FunctionName, Value: !Sub \"${{Name}}-{name}\"}}]"
            );
            if !alarms.contains(&dimension) {
                missing.push(format!("infra/alarms.yaml: no alarm counts {metric} of {name}"));
            }
        }
        let logical: String = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        if !calls.contains(&format!("{logical}Function:\n")) {
            missing.push(format!("scripts/calls.yaml: no {logical}Function"));
        }
        if !repository().join(format!("events/{name}.json")).exists() {
            missing.push(format!("events: no {name}.json"));
        }
        if !repository().join(format!("crates/functions/{name}/src/lib.rs")).exists() {
            missing.push(format!("crates/functions: no {name}"));
        }
    }
    complete(&missing);
}

#[test]
fn every_alarm_stands_in_the_operations_and_every_queue_of_dead_letters_has_one_and_an_output() {
    let (template, alarms) = (file("template.yaml"), file("infra/alarms.yaml"));
    let operations = file("docs/OPERATIONS.md");
    let mut missing = vec![];
    let names: Vec<_> = after(&alarms, "AlarmName: !Sub ${Name}-").collect();
    assert!(names.len() >= 11, "{names:?}");
    for name in names {
        if !operations.contains(&format!("`{name}`")) {
            missing.push(format!("docs/OPERATIONS.md: no row says what to do about {name}"));
        }
    }
    for target in after(&template, "deadLetterTargetArn: !GetAtt ") {
        let queue = target.trim_end_matches(".Arn");
        if !alarms.contains(&format!("{{Name: QueueName, Value: !Ref {queue}}}")) {
            missing.push(format!("infra/alarms.yaml: no alarm looks at {queue}"));
        }
        if !template.contains(&format!("  {queue}Url:\n")) {
            missing.push(format!("template.yaml: no output {queue}Url"));
        }
    }
    // The metric filter makes one, and is none.
    let metrics = alarms.matches("MetricName: ").count() - 1;
    if !operations.contains(&format!("({metrics} metrics;")) {
        missing.push(format!("docs/OPERATIONS.md: alarms are billed for {metrics} metrics"));
    }
    complete(&missing);
}

#[test]
fn every_message_route_is_an_action_of_the_codec_and_stands_in_the_protocol() {
    let routes = message_routes();
    assert!(routes.len() >= 6, "{routes:?}");
    let (codec, protocol) = (file("crates/model/src/codec/json/mod.rs"), file("docs/PROTOCOL.md"));
    let actions = variants("crates/model/src/request.rs", "Action");
    let mut missing = vec![];
    for route in &routes {
        if !codec.contains(&format!("Some(\"{route}\") =>")) {
            missing.push(format!("crates/model/src/codec/json: {route} is no action"));
        }
        if !actions.iter().any(|action| camel(action) == *route) {
            missing.push(format!("crates/model/src/request.rs: no Action for {route}"));
        }
        if !protocol.contains(&format!("`{route}`")) {
            missing.push(format!("docs/PROTOCOL.md: nothing about `{route}`"));
        }
    }
    complete(&missing);
}

#[test]
fn every_notice_stands_in_the_protocol_and_in_the_clients_table() {
    let notices = variants("crates/model/src/notice.rs", "Notice");
    assert!(notices.len() >= 13, "{notices:?}");
    let (protocol, client) = (file("docs/PROTOCOL.md"), file(WIRE));
    let mut missing = vec![];
    for notice in notices.iter().map(|notice| camel(notice)) {
        if !protocol.contains(&format!("`{notice}`")) && !protocol.contains(&format!("\"type\":\"{notice}\""))
        {
            missing.push(format!("docs/PROTOCOL.md: nothing about `{notice}`"));
        }
        if !client.contains(&format!("{notice}:")) && !client.contains(&format!("\"{notice}\"")) {
            missing.push(format!("{WIRE}: does not know {notice}"));
        }
    }
    complete(&missing);
}

/// Where the client has its table of notices.
const WIRE: &str = "web/sdk/src/signaling/wire.ts";
