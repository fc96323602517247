//! An SFU comes, loses its socket, comes back, leaves.

use arbiter_tests::{Room, Socket, Stack, unstamped, unstamped_all, until};
use serde_json::{Value, json};

/// ARCHITECTURE, failure 3: an SFU proves itself.
#[tokio::test]
async fn an_sfu_without_its_rooms_token_is_turned_away() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "one").await;
    let other = Room::pending(&stack).await;
    let wrong = stack.urls.signal_url.clone() + "?token=" + &"0".repeat(64);
    for url in [&stack.urls.signal_url, &wrong, &other.signal_server_url] {
        let mut impostor = Socket::open(url).await.unwrap();
        let answer = room.identify_sfu(&mut impostor, &[]).await;
        assert_eq!((answer["status"].clone(), answer["code"].clone()), (json!(401), json!("unauthorized")));
        impostor.closed().await;
    }
    let mut stranger = Socket::open(&room.signal_server_url).await.unwrap();
    let unknown = json!({ "type": "sfu", "id": "no-such-room" });
    assert_eq!(stranger.request("identify", unknown).await["code"], "unauthorized");
}

#[tokio::test]
async fn an_sfu_that_identifies_puts_its_room_into_the_pool() {
    let stack = Stack::start().await;
    let room = Room::pending(&stack).await;
    assert_eq!(stack.claim("page").await.0, 404, "a pending room is not to be had");
    assert_eq!(stack.rooms("ROOM").await[0]["status"], "pending");
    let _sfu = room.sfu(&[]).await;
    assert_eq!(stack.claim("page").await, (200, json!({ "roomId": room.id })));
}

/// ARCHITECTURE, failure 6: clients are told, media goes on, the path is free after the grace.
#[tokio::test]
async fn clients_are_told_when_their_sfu_is_lost_and_when_it_is_back() {
    let stack = Stack::with().parameter("SfuGraceSeconds", "30").start().await;
    let (room, sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    sfu.cut();
    assert_eq!(
        client.next().await,
        json!({ "type": "sfuDisconnect", "roomId": room.id, "claimAfterMs": 30_000 })
    );
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["code"], "sfu_unavailable");
    assert_eq!(stack.claim("page").await, (200, json!({ "roomId": room.id })), "within the grace");
    assert_eq!(stack.get_room_id("page").await.0, 200);

    let mut sfu = room.sfu(&["candidates"]).await;
    assert_eq!(client.next().await, json!({ "type": "sfuConnect", "roomId": room.id }));
    assert_eq!(client.request("handshake", room.candidate("p", "again")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "again"));
}

/// An SFU is lost again while its own identify has not yet read whom to tell.
#[tokio::test]
async fn nobody_is_told_that_an_sfu_is_back_that_is_lost_again() {
    let stack = Stack::with().parameter("SfuGraceSeconds", "30").start().await;
    let (room, sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    sfu.cut();
    assert_eq!(client.next().await["type"], "sfuDisconnect");
    let hold = stack.hold("identify", "Query").await;
    let mut back = Socket::open(&room.signal_server_url).await.unwrap();
    let identity = json!({ "type": "sfu", "id": room.id, "features": [] });
    back.send(&json!({ "action": "identify", "data": identity }).to_string()).await;
    stack.held(&hold).await;
    back.cut();
    assert_eq!(client.next().await["type"], "sfuDisconnect");
    stack.no_fault(&hold).await;
    stack.invoked("identify", 3).await;
    assert_eq!(client.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_lost_rooms_path_is_claimed_over_after_the_grace_and_the_old_room_is_closed() {
    let stack = Stack::with().parameter("SfuGraceSeconds", "1").start().await;
    let (old, sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&old.id, "p").await;
    sfu.cut();
    assert_eq!(client.next().await["claimAfterMs"], 1000);
    until("the path is free", async || (stack.get_room_id("page").await.0 == 404).then_some(())).await;
    assert_eq!(stack.claim("page").await.0, 404, "the pool is empty");

    let (new, _new_sfu) = Room::unclaimed(&stack).await;
    assert_eq!(stack.claim("page").await, (200, json!({ "roomId": new.id })));
    assert_eq!(stack.get_room_id("page").await, (200, json!({ "roomId": new.id, "id": new.id })));

    let mut returned = Socket::open(&old.signal_server_url).await.unwrap();
    assert_eq!(old.identify_sfu(&mut returned, &[]).await["code"], "room_closed");
    let mut late = stack.connect().await;
    let identify = json!({ "type": "client", "id": "q", "roomId": old.id });
    assert_eq!(late.request("identify", identify).await["code"], "room_closed");
    assert_eq!(client.request("handshake", old.candidate("p", "c")).await["code"], "room_closed");
}

#[tokio::test]
async fn an_unclaimed_room_without_its_sfu_is_not_to_be_had() {
    let stack = Stack::start().await;
    let (room, sfu) = Room::unclaimed(&stack).await;
    sfu.close(1000).await;
    stack.invoked("disconnect", 1).await;
    assert_eq!(stack.claim("page").await.0, 404);
    let _sfu = room.sfu(&[]).await;
    assert_eq!(stack.claim("page").await, (200, json!({ "roomId": room.id })));
}

/// Make-before-break, the SFU's side: no client notices.
#[tokio::test]
async fn an_sfu_that_reconnects_early_is_not_missed() {
    let stack = Stack::start().await;
    let (room, mut first) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let mut second = room.sfu(&["candidates"]).await;
    assert_eq!(first.next_of("goAway").await["reason"], "replaced");
    first.closed().await;
    stack.invoked("disconnect", 1).await;
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped(second.next().await), room.candidate("p", "c"));
    assert_eq!(client.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_older_socket_of_an_sfu_is_superseded() {
    let stack = Stack::start().await;
    let room = Room::pending(&stack).await;
    let mut older = Socket::open(&room.signal_server_url).await.unwrap();
    let _newer = room.sfu(&[]).await;
    assert_eq!(room.identify_sfu(&mut older, &[]).await["code"], "superseded");
}

#[tokio::test]
async fn an_sfu_that_leaves_closes_its_room_and_frees_all_that_it_held() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    assert_eq!(sfu.request("leave", json!({})).await["type"], "ack");
    assert_eq!(client.next().await, json!({ "type": "sfuDisconnect", "roomId": room.id, "claimAfterMs": 0 }));
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["code"], "room_closed");
    assert_eq!(stack.get_room_id("page").await, (404, json!({ "message": "Room not found" })));
    for key in ["SLOT#", "PATH", "SFU"] {
        assert_eq!(stack.rooms(key).await, Vec::<Value>::new(), "{key}");
    }
    let rooms = stack.rooms("ROOM").await;
    assert_eq!((rooms.len(), &rooms[0]["status"]), (1, &json!("closed")), "and no pool entry");
    let mut back = Socket::open(&room.signal_server_url).await.unwrap();
    assert_eq!(room.identify_sfu(&mut back, &[]).await["code"], "room_closed");
}

/// A dropped `$disconnect` of an SFU is found by the first client that speaks to it.
#[tokio::test]
async fn a_lost_sfu_is_found_by_the_next_handshake() {
    let stack = Stack::start().await;
    let (room, sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    sfu.cut();
    let answer = client.request("handshake", room.candidate("p", "c")).await;
    let (code, told) = (answer["code"].clone(), client.next_of("sfuDisconnect").await);
    assert_eq!(code, "sfu_unavailable");
    assert_eq!(told["claimAfterMs"], 5000);
}

/// An SFU that says twice who it is must not replace, and close, itself.
#[tokio::test]
async fn an_sfu_may_say_again_who_it_is() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    assert_eq!(room.identify_sfu(&mut sfu, &["candidates"]).await["type"], "identified");
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped_all(sfu.heard().await), [room.candidate("p", "c")]);
    let disguised = json!({ "type": "client", "id": room.id, "roomId": room.id });
    assert_eq!(sfu.request("identify", disguised).await["code"], "already_identified");
}
