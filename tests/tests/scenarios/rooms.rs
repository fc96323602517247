//! The HTTP API.

use std::collections::HashSet;

use arbiter_tests::{Room, Stack};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_page_finds_the_room_that_it_has_claimed() {
    let stack = Stack::start().await;
    assert_eq!(stack.get_room_id("a page").await, (404, json!({ "message": "Room not found" })));
    let (room, _sfu) = Room::claimed(&stack, "a page").await;
    assert_eq!(stack.get_room_id("a page").await, (200, json!({ "roomId": room.id, "id": room.id })));
    assert_eq!(stack.claim("a page").await, (200, json!({ "roomId": room.id })), "again, the same");
    assert_eq!(stack.claim("A page").await, (404, json!({ "message": "Room not found" })), "another path");
}

#[tokio::test]
async fn every_bad_request_says_what_is_wrong() {
    let stack = Stack::start().await;
    let long = format!(r#"{{"urlPath":"{}"}}"#, "x".repeat(1025));
    for (body, message) in [
        (None, "missing urlPath"),
        (Some(""), "missing urlPath"),
        (Some("{}"), "missing urlPath"),
        (Some(r#"{"urlPath":null}"#), "missing urlPath"),
        (Some(r#"{"urlPath":""}"#), "missing urlPath"),
        (Some("urlPath"), "body is not JSON"),
        (Some("[]"), "body is not a JSON object"),
        (Some(r#"{"urlPath":7}"#), "urlPath must be a string"),
        (Some(r#"{"urlPath":"a","urlPath":"b"}"#), "urlPath is given twice"),
        (Some(long.as_str()), "urlPath is longer than 1024 bytes"),
    ] {
        let (status, answer) = stack.http(Method::PATCH, "/claimRoom", body).await;
        assert_eq!((status.as_u16(), answer), (400, json!({ "message": message })), "{body:?}");
    }
    for (query, message) in [
        ("", "missing urlPath"),
        ("?urlPath=", "missing urlPath"),
        ("?urlpath=a", "missing urlPath"),
        ("?urlPath=a&urlPath=b", "urlPath is given twice"),
        (&format!("?urlPath={}", "x".repeat(1025)), "urlPath is longer than 1024 bytes"),
    ] {
        let (status, answer) = stack.http(Method::GET, &format!("/getRoomId{query}"), None).await;
        assert_eq!((status.as_u16(), answer), (400, json!({ "message": message })), "{query}");
    }
}

#[tokio::test]
async fn a_path_is_compared_byte_for_byte() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "ä/b?c=d,e&f g").await;
    assert_eq!(stack.get_room_id("ä/b?c=d,e&f g").await, (200, json!({ "roomId": room.id, "id": room.id })));
    let (status, answer) = stack.http(Method::GET, "/getRoomId?urlPath=%C3%A4/b%3Fc%3Dd,e%26f+g", None).await;
    assert_eq!((status.as_u16(), &answer["roomId"]), (200, &json!(room.id)));
    assert_eq!(stack.get_room_id("/ä/b?c=d,e&f g").await.0, 404);
}

#[tokio::test]
async fn a_base64_body_is_decoded() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::unclaimed(&stack).await;
    let response = reqwest::Client::new()
        .patch(format!("{}/claimRoom", stack.urls.http_url))
        .header("content-type", "application/octet-stream")
        .body(r#"{"urlPath":"page"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), json!({ "roomId": room.id }));
}

#[tokio::test]
async fn create_room_starts_a_task_that_is_told_only_its_url_and_its_id() {
    let stack = Stack::start().await;
    let (status, answer) = stack.http(Method::POST, "/createRoom", None).await;
    assert_eq!((status.as_u16(), answer), (200, json!({ "message": "Task started successfully!" })));
    let invocation = stack.invoked("create-room", 1).await.remove(0);
    let calls = invocation["calls"].as_array().unwrap();
    let operations: Vec<_> = calls.iter().map(|call| call["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["Query", "TransactWriteItems", "RunTask"]);
    let task = stack.tasks().await.remove(0);
    let room = stack.rooms("ROOM").await.remove(0);
    assert_eq!(room["pk"], format!("ROOM#{}", task["environment"]["SFU_ID"].as_str().unwrap()));
    let url = task["environment"]["SIGNAL_SERVER_URL"].as_str().unwrap();
    let token = url.strip_prefix(&format!("{}?token=", stack.urls.signal_url)).unwrap();
    assert_eq!(token.len(), 64, "256 bits");
    assert!(!room.to_string().contains(token), "only its hash is stored");
    assert!(!stack.log().contains(token), "and it is not logged");
}

#[tokio::test]
async fn a_task_that_does_not_start_leaves_nothing_behind() {
    let stack = Stack::with().container(None).start().await;
    let failed = (500, json!({ "message": "Failed to start task." }));
    assert_eq!(stack.create_room().await, failed, "failures");
    assert_eq!(stack.items("RoomsTable").await, Vec::<serde_json::Value>::new());
    stack.fault(json!({ "fault": "ecs", "error": "internal" })).await;
    assert_eq!(stack.create_room().await, failed, "an error");
    assert_eq!(stack.items("RoomsTable").await, Vec::<serde_json::Value>::new());
}

/// ARCHITECTURE, failure 7: rooms cost money.
#[tokio::test]
async fn the_cap_on_rooms_is_a_hard_one() {
    let stack = Stack::with().parameter("MaxRooms", "4").parameter("MaxIdleRooms", "100").start().await;
    let answers = futures::future::join_all((0..12).map(|_| stack.create_room())).await;
    let started = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(started, 4, "{answers:?}");
    assert_eq!(stack.tasks().await.len(), 4);
    assert_eq!(stack.create_room().await, (429, json!({ "message": "Too many rooms" })));
}

#[tokio::test]
async fn idle_rooms_are_limited_and_claimed_ones_do_not_count() {
    let stack = Stack::with().parameter("MaxIdleRooms", "2").start().await;
    let _pending = Room::pending(&stack).await;
    let (_room, _sfu) = Room::unclaimed(&stack).await;
    assert_eq!(stack.create_room().await, (429, json!({ "message": "Too many idle rooms" })));
    assert_eq!(stack.claim("page").await.0, 200);
    assert_eq!(stack.create_room().await.0, 200);
}

/// ARCHITECTURE, failure 2: one room, one page.
#[tokio::test]
async fn two_callers_never_get_one_room() {
    let stack = Stack::with().parameter("MaxRooms", "10").parameter("MaxIdleRooms", "10").start().await;
    let mut sfus = vec![];
    for _ in 0..6 {
        sfus.push(Room::unclaimed(&stack).await);
    }
    let paths: Vec<String> = (0..10).map(|n| format!("page-{n}")).collect();
    let claims = futures::future::join_all(paths.iter().map(|path| stack.claim(path))).await;
    let rooms: Vec<_> = claims.iter().filter(|(status, _)| *status == 200).map(|(_, body)| body).collect();
    assert_eq!(rooms.len(), 6, "{claims:?}");
    assert_eq!(rooms.iter().map(ToString::to_string).collect::<HashSet<_>>().len(), 6);
    assert!(claims.iter().all(|(status, _)| [200, 404].contains(status)), "{claims:?}");
}

#[tokio::test]
async fn two_callers_for_one_page_get_the_same_room() {
    let stack = Stack::start().await;
    let (_one, _sfu) = Room::unclaimed(&stack).await;
    let (_two, _other_sfu) = Room::unclaimed(&stack).await;
    let claims = futures::future::join_all((0..8).map(|_| stack.claim("page"))).await;
    assert_eq!(
        claims.iter().map(|claim| format!("{claim:?}")).collect::<HashSet<_>>().len(),
        1,
        "{claims:?}"
    );
    assert_eq!(stack.rooms("PATH").await.len(), 1);
}

#[tokio::test]
async fn calls_cost_the_round_trips_of_the_design() {
    let stack = Stack::start().await;
    let (_room, _sfu) = Room::claimed(&stack, "page").await;
    stack.get_room_id("page").await;
    stack.claim("page").await;
    let operations = |invocation: &serde_json::Value| -> Vec<String> {
        let calls = invocation["calls"].as_array().unwrap();
        calls.iter().map(|call| call["operation"].as_str().unwrap().to_owned()).collect()
    };
    let claims = stack.invoked("claim-room", 2).await;
    assert_eq!(operations(&claims[0]), ["Query", "TransactWriteItems"]);
    assert_eq!(operations(&claims[1]), ["Query", "GetItem", "GetItem"], "held, the pool is empty");
    let found = stack.invoked("get-room-id", 1).await;
    assert_eq!(operations(&found[0]), ["GetItem", "GetItem"]);
    let connects = stack.invoked("connect", 1).await;
    assert_eq!(operations(&connects[0]), ["PutItem"]);
    let identifies = stack.invoked("identify", 1).await;
    assert_eq!(operations(&identifies[0]), ["BatchGetItem", "TransactWriteItems", "PostToConnection"]);
}

/// `make smoke`, against a stack that is well and against nothing.
#[tokio::test]
async fn the_smoke_check_knows_a_healthy_stack() {
    let stack = Stack::start().await;
    let smoke = async |http_url: &str, signal_url: &str| {
        let mut command = tokio::process::Command::new(arbiter_tests::stack::binary("smoke"));
        command.args([http_url, signal_url]).output().await.unwrap()
    };
    let output = smoke(&stack.urls.http_url, &stack.urls.signal_url).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let output = smoke("http://127.0.0.1:1", "ws://127.0.0.1:1").await;
    assert!(!output.status.success());
}
