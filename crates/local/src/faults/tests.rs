use serde_json::json;

use super::*;

fn faults(list: &[Json]) -> Faults {
    let function = |binary: &str| {
        Arc::new(Function {
            logical: binary.to_uppercase(),
            name: format!("local-{binary}"),
            binary: binary.into(),
            memory_mb: 128,
            timeout: Duration::from_secs(3),
            environment: std::collections::BTreeMap::new(),
            reserved: None,
            at: crate::template::yaml::At { file: "t".into(), line: 1 },
        })
    };
    let faults = Faults::new(vec![function("f"), function("g")]);
    for fault in list {
        faults.add(fault).unwrap();
    }
    faults
}

#[test]
fn every_kind_of_the_admin_api_is_read_and_shown_as_it_was_given() {
    for fault in [
        json!({"fault": "disconnect", "mode": "repeat", "delayMs": 5}),
        json!({"fault": "dynamodb", "error": "conflict-cancelled", "when": "after", "operation": "PutItem",
               "delayMs": 0, "times": 3, "function": "identify", "probability": 0.5}),
        json!({"fault": "dynamodb", "when": "before", "delayMs": 20}),
        json!({"fault": "management", "error": 410, "delayMs": 0, "connectionId": "a="}),
        json!({"fault": "management", "error": 429, "untyped": true, "delayMs": 0}),
        json!({"fault": "ecs", "error": "failure"}),
        json!({"fault": "sqs", "error": "throttle", "operation": "SendMessage", "delayMs": 5}),
        json!({"fault": "sqs", "repeat": true, "delayMs": 0}),
        json!({"fault": "sqs", "lateMs": 700, "delayMs": 0}),
        json!({"fault": "stream", "table": "Table", "repeat": true, "delayMs": 0}),
        json!({"fault": "kill", "function": "identify", "afterCalls": 1}),
        json!({"fault": "delay", "route": "*", "delayMs": 0, "jitterMs": 50}),
        json!({"fault": "cut", "everyMs": 1000}),
    ] {
        let read = Fault::from_json(&fault).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), fault);
    }
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_with_a_reason() {
    let faults = faults(&[]);
    for (fault, why) in [
        (json!({"fault": "nope"}), "is one of"),
        (json!({"fault": "ecs", "error": "failure", "mode": 1}), "ecs has no member mode"),
        (json!({"fault": "management", "error": 418}), "410, 429 or 500"),
        (json!({"fault": "kill", "afterCalls": 1}), "name the function"),
        (
            json!({"fault": "kill", "afterCalls": 1, "function": "h"}),
            "there is no function h; there are f, g",
        ),
        (json!({"fault": "cut", "everyMs": 0}), "above 0"),
        (json!({"fault": "ecs", "error": "failure", "probability": 2}), "from 0 to 1"),
        (json!([]), "JSON object"),
    ] {
        let error = faults.add(&fault).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_fault_strikes_where_it_matches_and_as_often_as_it_may() {
    let faults = faults(&[
        json!({"fault": "dynamodb", "error": "throttle", "operation": "GetItem", "function": "F", "times": 2}),
        json!({"fault": "kill", "function": "f", "afterCalls": 2}),
        json!({"fault": "delay", "route": "*", "delayMs": 1}),
    ]);
    let get = || faults.take::<Dynamodb>(Some("f"), "GetItem").is_some();
    assert!(faults.take::<Dynamodb>(Some("g"), "GetItem").is_none());
    assert!(faults.take::<Dynamodb>(Some("f"), "PutItem").is_none());
    assert!(get() && get() && !get());
    assert!(faults.take::<Kill>(Some("f"), &1).is_none());
    assert!(faults.take::<Kill>(Some("f"), &2).is_some());
    assert!(faults.take::<Delay>(None, "identify").is_some());
    assert_eq!((&faults.list()[0]["fired"], &faults.list()[0]["function"]), (&json!(2), &json!("f")));
    assert_eq!(faults.delete(Some(1)), 1);
    assert_eq!(faults.delete(None), 2);
    assert!(faults.take::<Delay>(None, "identify").is_none());
}

#[tokio::test]
async fn a_held_call_goes_on_when_a_fault_is_deleted() {
    let faults = faults(&[json!({"fault": "ecs", "error": "failure"})]);
    let mut struck = faults.take::<Ecs>(None, &()).unwrap();
    faults.delete(None);
    tokio::time::timeout(Duration::from_secs(10), struck.hold(Duration::MAX)).await.unwrap();
}

/// What is missing from the table of faults in README.md, or has no place there.
fn differences(readme: &str, kinds: &[Entry]) -> Vec<String> {
    let table = readme.split("| `fault` |").nth(1).unwrap_or_default();
    let rows: Vec<_> =
        table.lines().skip(2).map_while(|line| line.strip_prefix("| `")?.split_once('`')).collect();
    let mut differences = Vec::new();
    for entry in kinds {
        let row = rows.iter().find(|(name, _)| *name == entry.name);
        let Some((_, row)) = row else {
            differences.push(format!("README.md has no row for the fault {}", entry.name));
            continue;
        };
        let missing = entry.members.iter().filter(|member| !row.contains(&format!("`{member}`")));
        differences
            .extend(missing.map(|member| format!("README.md does not name {member} of {}", entry.name)));
    }
    for (name, _) in rows.iter().filter(|(name, _)| kinds.iter().all(|entry| entry.name != *name)) {
        differences.push(format!("README.md has a row for {name}, which is no fault"));
    }
    differences
}

#[test]
fn the_readme_and_the_page_have_every_fault() {
    let mut missing = differences(include_str!("../../../../README.md"), KINDS);
    let page = include_str!("../page.html");
    let no_form = KINDS.iter().filter(|entry| !page.contains(&format!("\n  [\"{}\", ", entry.name)));
    missing.extend(no_form.map(|entry| format!("page.html has no form for the fault {}", entry.name)));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn what_the_readme_lacks_is_named() {
    let readme =
        "| `fault` | with | what happens |\n|---|---|---|\n| `ecs` | nothing | x |\n| `old` | | y |\n\nEach";
    let kinds = [Entry::of::<Ecs>(), Entry::of::<Cut>()];
    assert_eq!(
        differences(readme, &kinds),
        [
            "README.md does not name error of ecs",
            "README.md has no row for the fault cut",
            "README.md has a row for old, which is no fault"
        ]
    );
}
