//! Who may be whom.

use arbiter_tests::{Room, Stack, stamp_of, unstamped};
use serde_json::{Value, json};

const TOKEN: &str = "a resume token of its own";

fn client(room: &str, peer: &str, resume_token: Option<&str>) -> Value {
    json!({ "type": "client", "id": peer, "roomId": room, "resumeToken": resume_token })
}

#[tokio::test]
async fn identified_says_all_that_a_client_needs() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut socket = stack.connect().await;
    let answer = socket.request("identify", client(&room.id, "p", None)).await;
    let rows = stack.items("ConnectionsTable").await;
    let row = rows.iter().find(|row| row["peerId"] == "p").unwrap();
    let connected_at = row["connectedAt"].as_u64().unwrap();
    assert_eq!(
        answer,
        json!({
            "type": "identified", "requestId": "request-1", "peerId": "p", "roomId": room.id,
            "connectionId": row["connectionId"], "reconnectBefore": connected_at + 110 * 60 * 1000,
            "iceServers": [{ "urls": "stun:stun.l.google.com:19302" }], "features": ["candidates"],
        })
    );
    assert_eq!(row["expiresAt"], (connected_at + 130 * 60 * 1000) / 1000);
}

#[tokio::test]
async fn a_connection_is_one_peer_and_may_say_so_again() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "one").await;
    let (other, _other_sfu) = Room::claimed(&stack, "two").await;
    let mut socket = stack.join(&room.id, "p").await;
    socket.identify(&room.id, "p").await;
    for (room, peer) in [(&room.id, "q"), (&other.id, "p")] {
        let answer = socket.request("identify", client(room, peer, None)).await;
        assert_eq!(
            (answer["status"].clone(), answer["code"].clone()),
            (json!(409), json!("already_identified"))
        );
    }
    assert_eq!(stack.rooms("PEER#").await.len(), 1);
}

#[tokio::test]
async fn clients_enter_claimed_rooms_only() {
    let stack = Stack::start().await;
    let pending = Room::pending(&stack).await;
    let (closed, mut closing) = Room::claimed(&stack, "page").await;
    closing.request("leave", json!({})).await;
    let (unclaimed, _sfu) = Room::unclaimed(&stack).await;
    let mut socket = stack.connect().await;
    for (room, status, code) in [
        ("no-such-room", 404, "room_not_found"),
        (&pending.id, 404, "room_not_found"),
        (&unclaimed.id, 404, "room_not_found"),
        (&closed.id, 410, "room_closed"),
    ] {
        let answer = socket.request("identify", client(room, "p", None)).await;
        assert_eq!(
            (answer["status"].clone(), answer["code"].clone()),
            (json!(status), json!(code)),
            "{room}"
        );
    }
    assert_eq!(stack.rooms("PEER#").await.len(), 0);
}

#[tokio::test]
async fn a_place_is_taken_over_with_its_token_only() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut first = stack.connect().await;
    assert_eq!(first.request("identify", client(&room.id, "p", Some(TOKEN))).await["type"], "identified");

    let mut stranger = stack.connect().await;
    for token in [None, Some("another token, not the same")] {
        let answer = stranger.request("identify", client(&room.id, "p", token)).await;
        assert_eq!((answer["status"].clone(), answer["code"].clone()), (json!(409), json!("peer_in_use")));
    }
    assert_eq!(first.request("handshake", room.candidate("p", "still here")).await["type"], "ack");

    let mut second = stack.connect().await;
    assert_eq!(second.request("identify", client(&room.id, "p", Some(TOKEN))).await["type"], "identified");
    assert_eq!(first.next_of("goAway").await, json!({ "type": "goAway", "reason": "replaced" }));
    first.closed().await;
    stack.invoked("disconnect", 1).await;

    assert_eq!(second.request("handshake", room.candidate("p", "me now")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "still here"));
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "me now"));
    assert_eq!(sfu.heard().await, Vec::<Value>::new(), "nobody left");
}

/// Make-before-break: for a moment there are two sockets, and the older one must not win.
#[tokio::test]
async fn the_older_connection_cannot_take_the_place_back() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut older = stack.connect().await;
    let mut newer = stack.connect().await;
    assert_eq!(newer.request("identify", client(&room.id, "p", Some(TOKEN))).await["type"], "identified");
    let answer = older.request("identify", client(&room.id, "p", Some(TOKEN))).await;
    assert_eq!((answer["status"].clone(), answer["code"].clone()), (json!(409), json!("superseded")));
    assert_eq!(newer.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "c"));
}

/// A replaced socket that is still open can do nothing in the peer's name.
#[tokio::test]
async fn a_replaced_connection_is_nobody() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut first = stack.connect().await;
    first.request("identify", client(&room.id, "p", Some(TOKEN))).await;
    // Its close does not get through.
    stack.fault(json!({ "fault": "management", "error": 500, "function": "identify" })).await;
    let mut second = stack.connect().await;
    second
        .send(&json!({ "action": "identify", "data": client(&room.id, "p", Some(TOKEN)) }).to_string())
        .await;
    stack.invoked("identify", 3).await;
    stack.no_faults().await;
    let answer = first.request("handshake", room.candidate("p", "ghost")).await;
    assert_eq!(answer["code"], "connection_not_found");
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_client_may_leave_and_be_somebody_else() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut socket = stack.connect().await;
    assert_eq!(socket.request("leave", json!({})).await["code"], "connection_not_found");
    let connection = socket.identify(&room.id, "p").await["connectionId"].clone();
    let opened = stamp_of(&stack, "p").await["connectedAt"].clone();
    assert_eq!(socket.request("leave", json!({})).await["type"], "ack");
    assert_eq!(
        sfu.next().await,
        json!({
            "type": "clientDisconnect", "clientId": "p", "connectedAt": opened, "connectionId": connection,
            "reason": "left",
        })
    );
    socket.identify(&room.id, "q").await;
    assert_eq!(stack.rooms("PEER#").await.len(), 1);
}
