//! Generators of messages: good ones in every order and spelling, and odd ones.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::accepted::CANARY;
use crate::edges::is_known;
use crate::tree::{Spelled, Tree};

/// A request around `data`.
pub(crate) fn envelope(data: &str) -> String {
    format!(r#"{{"action":"handshake","requestId":"r","data":{data}}}"#)
}

/// White space, to be used in turn.
pub(crate) fn gaps() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(vec!["", " ", "\n\t", "\r\n  "]), 1..4)
}

fn spelled(text: impl Strategy<Value = String>) -> impl Strategy<Value = Spelled> {
    (text, vec(prop::bool::weighted(0.2), 1..5)).prop_map(|(text, escaped)| Spelled::new(text, &escaped))
}

/// Texts of every kind.
pub(crate) fn text() -> impl Strategy<Value = Spelled> {
    spelled(prop_oneof![
        4 => id(),
        2 => any::<String>().prop_map(|text| format!("{CANARY}{text}")),
        1 => any::<String>(),
        1 => select(vec!["", "\0", "null", "\u{1f600}", "client", "producer"]).prop_map(str::to_owned),
        1 => (1..30_000_usize).prop_map(|n| "é".repeat(n)),
    ])
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z0-9_.:=-]{0,12}".prop_map(|rest| format!("{CANARY}{rest}")),
        1 => "[A-Za-z0-9_.:=-]{1,128}",
    ]
}

fn leaf() -> impl Strategy<Value = Tree> {
    prop_oneof![
        select(vec![
            "null",
            "true",
            "0",
            "-0",
            "1e999",
            "18446744073709551616",
            "\"\\ud800\"",
            "\"\\u0000\""
        ])
        .prop_map(Tree::Literal),
        text().prop_map(Tree::Text),
    ]
}

/// Any value, with objects and lists in it.
pub(crate) fn value() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::List),
            vec((key(), inner), 0..4).prop_map(Tree::Object),
        ]
    })
}

/// Any JSON text.
pub(crate) fn shapes() -> impl Strategy<Value = Tree> {
    let data = value().prop_map(|data| Tree::Object(vec![(literal_key("data"), data)]));
    prop_oneof![value(), data]
}

fn key() -> impl Strategy<Value = Spelled> {
    let known = select(vec!["action", "requestId", "data", "type", "sender", "roomId", "sdp", "urlPath"]);
    prop_oneof![spelled(known.prop_map(str::to_owned)), text()]
}

fn literal_key(name: &str) -> Spelled {
    Spelled::new(name.to_owned(), &[false])
}

type Entry = (Spelled, Tree);

fn entry<V: Strategy<Value = Tree>>(name: &'static str, value: V) -> impl Strategy<Value = Entry> {
    (spelled(Just(name.to_owned())), value)
}

fn one_of(texts: &[&'static str]) -> impl Strategy<Value = Tree> + use<> {
    spelled(select(texts.to_vec()).prop_map(str::to_owned)).prop_map(Tree::Text)
}

fn id_text() -> impl Strategy<Value = Tree> {
    spelled(id()).prop_map(Tree::Text)
}

/// Fields that mean nothing to the gateway.
fn extras() -> impl Strategy<Value = Vec<Entry>> {
    let unknown = text().prop_filter("a known key", |key| !is_known(&key.text));
    let harmless = prop_oneof![Just(Tree::Literal("1e999")), id_text()];
    vec((unknown, harmless), 0..3)
}

fn content() -> impl Strategy<Value = Entry> {
    let sdp = spelled(any::<String>().prop_map(|text| format!("v=0\r\n{CANARY}{text}"))).prop_map(Tree::Text);
    let kind = one_of(&["offer", "answer", "pranswer", "rollback"]);
    let description = (entry("type", kind), entry("sdp", sdp)).prop_map(|(kind, sdp)| vec![sdp, kind]);
    let candidate = vec((text_key(), id_text()), 0..3).prop_map(Tree::Object).boxed();
    prop_oneof![
        entry("description", description.prop_map(Tree::Object)),
        entry("candidate", candidate.clone()),
        entry("candidates", vec(candidate, 1..5).prop_map(Tree::List)),
    ]
}

fn text_key() -> impl Strategy<Value = Spelled> {
    spelled("[a-zA-Z]{0,10}")
}

/// A handshake or an identify as it should be, in any order and spelling, with unknown fields beside the known.
pub(crate) fn good_data() -> impl Strategy<Value = Tree> {
    let room_or_receiver = prop_oneof![
        entry("roomId", id_text()).prop_map(|room| vec![room]),
        entry("receiver", id_text()).prop_map(|receiver| vec![receiver]),
        (entry("roomId", id_text()), entry("receiver", id_text())).prop_map(|(room, peer)| vec![room, peer]),
    ];
    let handshake = (
        entry("type", one_of(&["producer", "consumer"])),
        entry("sender", id_text()),
        content(),
        room_or_receiver,
    );
    let handshake = handshake.prop_map(|(kind, sender, content, rest)| {
        let mut entries = vec![kind, sender, content];
        entries.extend(rest);
        entries
    });
    let token = spelled("[a-zA-Z0-9_.-]{0,60}").prop_map(Tree::Text);
    let resume = spelled("[a-zA-Z0-9é]{16,60}").prop_map(Tree::Text);
    let client = (
        entry("type", one_of(&["client"])),
        entry("id", id_text()),
        entry("roomId", id_text()),
        of(entry("token", token)),
        of(entry("resumeToken", resume)),
    );
    let client = client.prop_map(|(kind, id, room, token, resume)| {
        [Some(kind), Some(id), Some(room), token, resume].into_iter().flatten().collect()
    });
    let api_key = spelled("[0-9]{8}").prop_map(Tree::Text);
    let proof = spelled("[a-zA-Z0-9_.-]{1,60}").prop_map(Tree::Text);
    let session = (
        entry("type", one_of(&["client"])),
        entry("roomId", id_text()),
        entry("apiKey", api_key),
        entry("token", proof),
        of(entry("id", id_text())),
        of(entry("e2eeReady", select(vec!["true", "false"]).prop_map(Tree::Literal))),
    );
    let session = session.prop_map(|(kind, room, key, token, id, ready)| {
        [Some(kind), Some(room), Some(key), Some(token), id, ready].into_iter().flatten().collect()
    });
    let names = vec(one_of(&["candidates", "é\0"]), 0..4).prop_map(Tree::List);
    let sfu = (entry("type", one_of(&["sfu"])), entry("id", id_text()), of(entry("features", names)));
    let sfu =
        sfu.prop_map(|(kind, id, features)| [Some(kind), Some(id), features].into_iter().flatten().collect());
    let known = prop_oneof![3 => handshake, 1 => client, 1 => session, 1 => sfu];
    (known, extras())
        .prop_map(|(known, extras): (Vec<Entry>, _)| known.into_iter().chain(extras).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Tree::Object)
}

/// A good message with fields taken away, added, doubled or given another value.
pub(crate) fn odd_data() -> impl Strategy<Value = Tree> {
    let known = select(vec![
        "type",
        "sender",
        "roomId",
        "receiver",
        "description",
        "candidate",
        "candidates",
        "id",
        "features",
        "token",
        "apiKey",
    ]);
    let odd = (spelled(known.prop_map(str::to_owned)), prop_oneof![value(), id_text()]);
    (good_data(), vec(odd, 0..3), vec(prop::bool::weighted(0.9), 8))
        .prop_map(|(good, odd, kept)| {
            let Tree::Object(entries) = good else { unreachable!() };
            let good = entries.into_iter().zip(kept).filter_map(|(entry, kept)| kept.then_some(entry));
            good.chain(odd).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .prop_map(Tree::Object)
}
