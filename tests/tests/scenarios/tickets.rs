//! `ConnectTickets=yes`: who may open a socket.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use arbiter_tests::stack::binary;
use arbiter_tests::{Project, Room, Socket, Stack};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

/// Makes a ticket as `make ticket` does.
fn ticket(stack: &Stack, arguments: &[&str]) -> String {
    let mut command = Command::new(binary("arbiter-local"));
    let output =
        command.arg("ticket").arg("--local-dir").arg(stack.local_dir()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A socket with this query, or the status that refuses it.
async fn open(stack: &Stack, query: &str) -> Result<Socket, u16> {
    match Socket::open(&format!("{}{query}", stack.urls.signal_url)).await {
        Ok(socket) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_ticket_opens_a_socket_for_one_page() {
    let stack = Stack::with().parameter("ConnectTickets", "yes").start().await;
    // An SFU gets in with what it was started with.
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let (other, _other_sfu) = Room::claimed(&stack, "other").await;
    let good = ticket(&stack, &["--path", "page"]);
    let identify = |peer: &str, room: &Room| json!({ "type": "client", "id": peer, "roomId": room.id });

    let mut socket = open(&stack, &format!("?ticket={good}")).await.unwrap();
    let refused = socket.request("identify", identify("ann", &other)).await;
    assert_eq!((&refused["status"], &refused["code"]), (&json!(403), &json!("forbidden")), "{refused}");
    assert_eq!(socket.request("identify", identify("ann", &room)).await["type"], "identified");
    // A client that has stolen an SFU's is none for all that.
    let sfus = room.signal_server_url.split_once("token=").unwrap().1;
    assert_eq!(open(&stack, &format!("?ticket={sfus}")).await.unwrap_err(), 401);
    let mut as_client = open(&stack, &format!("?token={sfus}")).await.unwrap();
    assert_eq!(as_client.request("identify", identify("eve", &room)).await["code"], "forbidden");
    // A room's secret proves that room only.
    let mut as_sfu = open(&stack, &format!("?token={sfus}")).await.unwrap();
    assert_eq!(other.identify_sfu(&mut as_sfu, &[]).await["code"], "unauthorized");

    let opened = stack.invoked("connect", 1).await.len();
    for query in ["", "?ticket=", "?ticket=a.b.c", "?token=0123456789abcdef", &format!("?token={good}")] {
        assert_eq!(open(&stack, query).await.unwrap_err(), 401, "{query}");
    }
    let connects = stack.invoked("connect", opened + 5).await;
    assert!(
        connects[opened..].iter().all(|connect| connect["calls"].as_array().unwrap().is_empty()),
        "no table is asked"
    );
    assert!(
        !stack.log().contains(&good) && !stack.log().contains(sfus),
        "what opens a socket is not written down"
    );
}

#[tokio::test]
async fn a_ticket_opens_a_socket_for_one_session() {
    let stack = Stack::with().parameter("ConnectTickets", "yes").start().await;
    let project = Project::create(&stack).await;
    let (session, other) = (project.routed().await, project.routed().await);
    let mut socket =
        open(&stack, &format!("?ticket={}", ticket(&stack, &["--session", &session]))).await.unwrap();
    let identity = |session: &str| project.identity(session, &project.token(session, &json!({})), &json!({}));
    assert_eq!(
        socket.request("identify", identity(&other)).await["message"],
        "The ticket admits to another room"
    );
    assert_eq!(socket.request("identify", identity(&session)).await["type"], "identified");
    let mut page = open(&stack, &format!("?ticket={}", ticket(&stack, &["--path", "page"]))).await.unwrap();
    assert_eq!(page.request("identify", identity(&session)).await["code"], "forbidden");
}

/// What a stranger might try. A minute of leeway is given to clocks.
#[tokio::test]
async fn only_a_short_ticket_of_a_known_key_is_one() {
    let stack = Stack::with().parameter("ConnectTickets", "yes").start().await;
    let secret = stack.secret("TicketSecret").await;
    let key = EncodingKey::from_secret(secret["k1"].as_str().unwrap().as_bytes());
    let stranger = EncodingKey::from_secret(&[7; 64]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let sign = |algorithm, claims: Value, key: &EncodingKey| {
        let header = Header { kid: Some("k1".into()), ..Header::new(algorithm) };
        encode(&header, &claims, key).unwrap()
    };
    let page = |exp: u64| json!({ "exp": exp, "path": "page" });
    for (what, ticket, status) in [
        ("good", sign(Algorithm::HS256, page(now + 300), &key), None),
        ("over, within the leeway", sign(Algorithm::HS256, page(now - 20), &key), None),
        ("over", sign(Algorithm::HS256, page(now - 90), &key), Some(401)),
        ("for hours", sign(Algorithm::HS256, page(now + 7200), &key), Some(401)),
        ("another key", sign(Algorithm::HS256, page(now + 300), &stranger), Some(401)),
        ("another algorithm", sign(Algorithm::HS384, page(now + 300), &key), Some(401)),
        ("no end", sign(Algorithm::HS256, json!({ "path": "page" }), &key), Some(401)),
        ("no room", sign(Algorithm::HS256, json!({ "exp": now + 300 }), &key), Some(401)),
    ] {
        assert_eq!(open(&stack, &format!("?ticket={ticket}")).await.err(), status, "{what}");
    }
}
