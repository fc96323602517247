//! Lists that must agree: who adds a function, a route or a notice is told here what else has to name it.

#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::fs;

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

/// The texts of all files in a folder, and in the folders there.
fn texts(folder: &str) -> String {
    let entries = fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap());
    let text = |entry: fs::DirEntry| {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() { texts(&path) } else { file(&path) }
    };
    entries.map(text).collect()
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
    for alarm in alarms.split("AlarmName: ").skip(1) {
        assert!(alarm.matches("ReturnData: false").count() <= 10, "CloudWatch takes ten metrics: {alarm}");
    }
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
fn every_message_route_is_an_action_and_stands_in_documents_tests_bench_and_client() {
    let routes = message_routes();
    assert!(routes.len() >= 6, "{routes:?}");
    let actions = variants("crates/model/src/request.rs", "Action");
    let architecture = file("docs/ARCHITECTURE.md");
    let (protocol, costs) =
        (file("docs/PROTOCOL.md"), architecture.split_once("## What each call costs").unwrap().1);
    let (scenarios, bench) = (texts("tests/tests/scenarios"), texts("tests/src/bin/bench"));
    let (client, sfu) = (texts("web/sdk/src"), texts("crates/sfu/src/room"));
    let mut missing = vec![];
    for (route, executable) in &routes {
        let quoted = format!("\"{route}\"");
        let function = format!("\"{executable}\", ");
        let lists = [
            ("crates/model/src/request.rs: no Action", actions.iter().any(|action| camel(action) == *route)),
            ("docs/PROTOCOL.md: nothing", protocol.contains(&format!("`{route}`"))),
            ("docs/ARCHITECTURE.md: no row of costs", costs.contains(&format!("\n| {route}"))),
            ("tests/tests/scenarios: no request", scenarios.contains(&quoted)),
            ("tests/src/bin/bench: no step that counts the calls", bench.contains(&function)),
            ("web/sdk/src, or crates/sfu: no request", client.contains(&quoted) || sfu.contains(&quoted)),
        ];
        missing
            .extend(lists.iter().filter(|(_, named)| !named).map(|(what, _)| format!("{what} for {route}")));
    }
    complete(&missing);
}

#[test]
fn every_throttle_stands_in_the_operations() {
    let (template, operations) = (file("template.yaml"), file("docs/OPERATIONS.md"));
    let settings = template.lines().filter_map(|line| {
        let (route, limits) = line.trim().split_once(": {ThrottlingRateLimit: ")?;
        Some((route, limits.trim_end_matches('}').split_once(", ThrottlingBurstLimit: ")?))
    });
    let plain = operations.replace(',', "");
    let mut missing = vec![];
    for (route, (rate, burst)) in settings {
        let name = if route == "DefaultRouteSettings" { "every other" } else { &format!("`{route}`") };
        let row =
            plain.lines().find(|line| line.contains(name) && line.contains(&format!("| {rate} | {burst} |")));
        if row.is_none() {
            missing.push(format!("docs/OPERATIONS.md: no row {name} | {rate} | {burst}"));
        }
    }
    complete(&missing);
}

#[test]
fn every_metric_of_the_sfu_stands_in_the_operations() {
    let (metrics, operations) = (file("crates/sfu/src/shell/metrics.rs"), file("docs/OPERATIONS.md"));
    let measured = metrics.split_once("\nmod tests").unwrap().0;
    let counted = after(measured, "(\"").chain(measured.split(" put(\"").skip(1));
    let names = counted.map(|text| text.split('"').next().unwrap());
    let names: Vec<_> =
        names.filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase())).collect();
    assert!(names.len() >= 20, "{names:?}");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !operations.contains(&format!("`{name}`")))
        .map(|name| format!("docs/OPERATIONS.md: no row says what {name} is"))
        .collect();
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
        if TO_SFUS.contains(&notice.as_str()) {
            continue;
        }
        if !client.contains(&format!("{notice}:")) && !client.contains(&format!("\"{notice}\"")) {
            missing.push(format!("{WIRE}: does not know {notice}"));
        }
    }
    complete(&missing);
}

/// Notices that no client hears.
const TO_SFUS: [&str; 3] = ["roster", "streams", "subscription"];
/// Where the client has its table of notices.
const WIRE: &str = "web/sdk/src/signaling/wire.ts";

#[test]
fn every_test_that_stands_for_a_row_of_the_security_tables_is_there() {
    let rust = texts("tests/tests") + &texts("crates");
    let text = file("docs/SECURITY.md");
    let is_test = |name: &&str| {
        name.matches('_').count() >= 3
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let named: Vec<_> = text.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() >= 30, "{named:?}");
    let missing = named.iter().filter(|name| !rust.contains(&format!("fn {name}()")));
    let missing: Vec<_> = missing.map(|name| format!("docs/SECURITY.md: there is no test {name}")).collect();
    complete(&missing);
}
