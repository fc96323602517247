//! What DynamoDB leaves unprocessed. The embedded one never does: here is one that does.

use model::sfu::Sfu;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;

/// Answers one request after the other; each is answered with its body.
async fn answer(listener: TcpListener, answers: Vec<Value>) -> Vec<Value> {
    let mut requests = vec![];
    for answer in answers {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        requests.push(serde_json::from_slice(&body).unwrap());
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all((head + &text).as_bytes()).await.unwrap();
    }
    requests
}

#[tokio::test]
async fn what_is_left_unprocessed_is_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .load()
        .await;
    let store = Store::new(&config, "connections".into(), "rooms".into());
    let left = json!({ "rooms": { "ConsistentRead": true, "Keys": [{ "pk": { "S": "ROOM#r" }, "sk": { "S": "SFU" } }] } });
    let row = json!({ "connectionId": { "S": "c" }, "connectedAt": { "N": "1" }, "expiresAt": { "N": "9" } });
    let sfu = json!({
        "peerId": { "S": "r" }, "connectionId": { "S": "s" }, "connectedAt": { "N": "1" }, "slot": { "N": "0" },
    });
    let answers = vec![
        json!({ "Responses": { "connections": [row] }, "UnprocessedKeys": left }),
        json!({ "Responses": { "rooms": [sfu] }, "UnprocessedKeys": {} }),
    ];
    let (connection, serving) = (ConnectionId::new("c".into()), room("r"));
    let asked = tokio::time::timeout(arbiter_tests::DEADLINE, answer(listener, answers));
    let (asked, route) = futures::join!(asked, store.route_to_sfu(&connection, &serving));
    let route = route.unwrap();
    assert_eq!(route.sender.unwrap().stamp.connection_id, connection);
    let Some(gateway::store::Receiver::Sfu(Sfu { peer_id, .. })) = route.receiver else { panic!("the SFU") };
    assert_eq!(peer_id, peer("r"));
    assert_eq!(asked.unwrap()[1]["RequestItems"], left, "and nothing but that");
}
