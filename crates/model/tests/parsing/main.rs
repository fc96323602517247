//! Properties of the parsers, whatever a stranger sends: nothing panics, nothing is read in two ways, nothing of
//! the input comes back in an error.
//!
//! Two judges are asked: `serde_json::Value`, and the generator that made the message and so knows what it says.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends as soon as something is not as it should be"
)]

mod accepted;
mod edges;
mod messages;
mod recorded;
mod tree;

use accepted::{Accepted, accepted};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tree::{Spelled, Tree};

/// Whether the messages may hold sentences of ours: no generator here makes them.
const KNOWS_OUR_SENTENCES: bool = false;

fn cases(cases: u32) -> ProptestConfig {
    // The failing input is printed whole; a file of seeds would only repeat it.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Puts `what` at a boundary of characters of `text`, in place of the next `length` bytes or so.
fn splice(text: &mut String, at: Index, length: usize, what: &str) {
    let boundary = |from: usize| (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
    let start = boundary(at.index(text.len() + 1));
    let end = boundary((start + length).min(text.len()));
    text.replace_range(start..end, what);
}

/// One change to a text, as a careless or a hostile client would make it.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, usize, String),
    Edge(Index, usize, &'static str),
    Repeat(Index, Index, usize),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..9_usize, any::<String>()).prop_map(|(at, n, text)| Change::Replace(at, n, text)),
        (at(), 0..9_usize, select(edges::TOKENS)).prop_map(|(at, n, token)| Change::Edge(at, n, token)),
        (at(), at(), 1..80_usize).prop_map(|(from, to, n)| Change::Repeat(from, to, n)),
        at().prop_map(Change::Cut),
    ]
}

fn apply(text: &mut String, change: &Change) {
    match change {
        Change::Replace(at, length, what) => splice(text, *at, *length, what),
        Change::Edge(at, length, token) => splice(text, *at, *length, token),
        Change::Repeat(from, to, length) => {
            let piece: String = text.chars().skip(from.index(text.len() + 1)).take(*length).collect();
            splice(text, *to, 0, &piece);
        }
        Change::Cut(at) => {
            let mut end = at.index(text.len() + 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        accepted(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        accepted(&text);
    }

    #[test]
    fn json_of_any_shape_is_read_or_refused(tree in messages::shapes(), gaps in messages::gaps()) {
        accepted(&tree.render(&gaps));
    }

    #[test]
    fn a_changed_real_message_is_read_as_others_read_it(
        at in any::<Index>(),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let messages = recorded::messages();
        let mut text = at.get(&messages).clone();
        for change in &changes {
            apply(&mut text, change);
        }
        accepted(&text);
    }

    #[test]
    fn a_message_of_odd_parts_is_read_as_it_was_meant(data in messages::odd_data(), gaps in messages::gaps()) {
        let text = data.render(&gaps);
        match accepted(&messages::envelope(&text)) {
            Some(Accepted::Handshake { sender, room, receiver, kind, batch, text: kept }) => {
                prop_assert_eq!(&kept, &text);
                prop_assert_eq!(Some(sender.as_str()), data.only_text("sender"));
                prop_assert_eq!(receiver.as_deref(), data.only_text("receiver"));
                prop_assert_eq!(Some(kind.as_str()), data.only_text("type"));
                prop_assert_eq!(Some(room.as_str()), data.only_text("roomId").or(Some(sender.as_str())));
                prop_assert_eq!(batch, data.only("candidates").is_some());
            }
            Some(Accepted::Client { peer, room }) => {
                prop_assert_eq!(Some("client"), data.only_text("type"));
                prop_assert_eq!(Some(peer.as_str()), data.only_text("id"));
                prop_assert_eq!(Some(room.as_str()), data.only_text("roomId"));
            }
            Some(Accepted::Session { peer, session, api_key }) => {
                prop_assert_eq!(Some("client"), data.only_text("type"));
                prop_assert_eq!(peer.as_deref(), data.only_text("id"));
                prop_assert_eq!(Some(session.as_str()), data.only_text("roomId"));
                prop_assert_eq!(Some(api_key.as_str()), data.only_text("apiKey"));
            }
            Some(Accepted::Sfu { room, features }) => {
                prop_assert_eq!(Some("sfu"), data.only_text("type"));
                prop_assert_eq!(Some(room.as_str()), data.only_text("id"));
                prop_assert_eq!(features, data.only("features").map(Tree::texts).unwrap_or_default());
            }
            None => {}
        }
    }

    #[test]
    fn a_good_message_is_accepted_in_any_order_and_spelling(data in messages::good_data(), gaps in messages::gaps()) {
        let text = data.render(&gaps);
        prop_assert!(accepted(&messages::envelope(&text)).is_some(), "{}", text);
    }

    #[test]
    fn a_known_key_given_twice_is_never_accepted(
        data in messages::good_data(),
        (at, to, again) in (any::<Index>(), any::<Index>(), messages::value()),
        same in any::<bool>(),
        gaps in messages::gaps(),
    ) {
        let mut data = data;
        let Tree::Object(entries) = &mut data else { unreachable!() };
        let known: Vec<_> = entries.iter().filter(|(key, _)| edges::is_known(&key.text)).cloned().collect();
        let (key, value) = at.get(&known).clone();
        // The same key, spelled with an escape for every character.
        let key = Spelled::new(key.text, &[true]);
        entries.insert(to.index(entries.len() + 1), (key, if same { value } else { again }));
        let text = data.render(&gaps);
        prop_assert!(accepted(&messages::envelope(&text)).is_none(), "{}", text);
    }

    #[test]
    fn a_url_path_is_what_another_parser_reads(path in messages::text(), gaps in messages::gaps()) {
        let value = path.text.clone();
        let body = Tree::Object(vec![(Spelled::new("urlPath".into(), &[false, true]), Tree::Text(path))]);
        match model::http::path_of_body(&body.render(&gaps)) {
            Ok(path) => prop_assert_eq!(path.as_str(), value),
            Err(_) => prop_assert!(value.is_empty() || value.len() > model::path::MAX_PATH_BYTES),
        }
    }

    #[test]
    fn a_query_has_one_url_path_or_is_refused(values in prop::collection::vec(any::<String>(), 0..3)) {
        let pairs = values.iter().map(|value| ("urlPath".into(), value.as_str().into()));
        let pairs = [("other".into(), "x".into())].into_iter().chain(pairs);
        match (model::http::path_of_query(pairs), values.as_slice()) {
            (Ok(path), [value]) => prop_assert_eq!(path.as_str(), value),
            (Ok(path), _) => prop_assert!(false, "{:?} from {:?}", path, values),
            (Err(error), [value]) => prop_assert!(value.is_empty() || value.len() > 1024, "{}", error),
            (Err(error), _) => prop_assert_eq!(error.status(), 400),
        }
    }
}

#[test]
fn every_recorded_message_is_accepted_and_kept_byte_for_byte() {
    let mut kept = 0;
    for data in recorded::data() {
        match accepted(&messages::envelope(&data)) {
            Some(Accepted::Handshake { text, .. }) => {
                assert_eq!(text, data);
                kept += 1;
            }
            Some(Accepted::Client { .. }) => kept += 1,
            Some(Accepted::Sfu { .. } | Accepted::Session { .. }) => {
                panic!("neither an SFU nor a session was recorded: {data}")
            }
            // What the gateway itself said.
            None => assert!(data.contains("clientDisconnect"), "{data}"),
        }
    }
    assert_eq!(kept, 92);
}

#[test]
fn a_known_key_of_a_recorded_message_given_twice_is_never_accepted() {
    for data in recorded::data().into_iter().filter(|data| !data.contains("clientDisconnect")) {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&data).unwrap();
        let inner = data.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        for key in fields.keys().filter(|key| edges::is_known(key)) {
            for key in [Spelled::new(key.clone(), &[false]), Spelled::new(key.clone(), &[true, false])] {
                let entry = format!("{}:null", key.spelling);
                for twice in [format!("{{{entry},{inner}}}"), format!("{{{inner},{entry}}}")] {
                    assert!(accepted(&messages::envelope(&twice)).is_none(), "{twice}");
                }
            }
        }
    }
}

#[test]
fn an_envelope_key_given_twice_is_never_accepted() {
    let data = r#"{"type":"client","id":"p","roomId":"r"}"#;
    let message = format!(r#""action":"identify","requestId":"1","data":{data}"#);
    assert!(accepted(&format!("{{{message}}}")).is_some());
    for entry in
        [r#""action":"x""#, r#""acti\u006fn":null"#, r#""requestId":"2""#, r#""data":{}"#, r#""d\u0061ta":1"#]
    {
        assert!(accepted(&format!("{{{message},{entry}}}")).is_none(), "{entry}");
        assert!(accepted(&format!("{{{entry},{message}}}")).is_none(), "{entry}");
    }
}

#[test]
fn the_edges_of_json_harm_nobody_wherever_they_stand() {
    for edge in edges::values() {
        for place in edges::PLACES {
            accepted(&place.replace("EDGE", &edge));
        }
        accepted(&edge);
    }
}
