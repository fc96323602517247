//! `handshake`.

use serde_json::value::RawValue;

use super::envelope::Data;
use super::fields;
use crate::error::Error;
use crate::handshake::{
    Direction, Handshake, Kind, MAX_CANDIDATE_BYTES, MAX_CANDIDATES, MAX_SDP_BYTES, STAMP,
};
use crate::id::{PeerId, RoomId};
use crate::json::{self, Object};
use crate::sdp::sends_media;

/// Reads the `data` of a handshake.
///
/// # Errors
/// `bad_message` or `too_large`, which name the field.
pub(super) fn read<'a>(data: &Data<'a>) -> Result<Handshake<'a>, Error> {
    let object = &data.object;
    let kind = match fields::text(object, "type")?.as_deref() {
        Some("producer") => Kind::Producer,
        Some("consumer") => Kind::Consumer,
        Some(_) | None => {
            return Err(Error::BadMessage { field: "type", allowed: "must be producer or consumer" });
        }
    };
    let sender: PeerId = fields::required("sender", fields::id(object, "sender")?)?;
    let room: Option<RoomId> = fields::id(object, "roomId")?;
    let direction = match fields::id(object, "receiver")? {
        // The original SFU names no room: its own id is its room's.
        Some(receiver) => Direction::ToPeer(room.unwrap_or_else(|| sender.clone().into()), receiver),
        // Two of them, and the SFU could take either.
        None if object.has(STAMP) => {
            return Err(Error::BadMessage { field: STAMP, allowed: "is the gateway's" });
        }
        None => Direction::ToSfu(fields::required("roomId", room)?),
    };
    let Content { batch, sends_media } = content(object)?;
    Ok(Handshake { sender, direction, kind, sends_media, batch, text: data.text })
}

/// The content of a handshake.
#[derive(Default)]
struct Content {
    batch: bool,
    sends_media: bool,
}

/// Checks that there is exactly one thing to relay, and that it is within the limits.
fn content(object: &Object<'_>) -> Result<Content, Error> {
    let description = fields::get(object, "description")?;
    let candidate = fields::get(object, "candidate")?;
    let candidates = fields::get(object, "candidates")?;
    match (description, candidate, candidates) {
        (Some(raw), None, None) => {
            check_description(raw).map(|sends_media| Content { sends_media, ..Content::default() })
        }
        (None, Some(raw), None) => check_candidate("candidate", raw).map(|()| Content::default()),
        (None, None, Some(raw)) => {
            check_candidates(raw).map(|()| Content { batch: true, ..Content::default() })
        }
        _ => Err(Error::BadMessage {
            field: "data",
            allowed: "must hold exactly one of description, candidate, candidates",
        }),
    }
}

/// An `RTCSessionDescriptionInit`: <https://www.w3.org/TR/webrtc/#dom-rtcsessiondescriptioninit>. Answers whether it
/// offers to send media.
fn check_description(raw: &RawValue) -> Result<bool, Error> {
    let object =
        Object::of(raw).ok_or(Error::BadMessage { field: "description", allowed: "must be an object" })?;
    let field = |name, full| {
        object.get(name).map_err(|_| Error::BadMessage { field: full, allowed: "is given twice" })
    };
    let kind = field("type", "description.type")?.and_then(json::text);
    if !matches!(kind.as_deref(), Some("offer" | "answer" | "pranswer" | "rollback")) {
        return Err(Error::BadMessage {
            field: "description.type",
            allowed: "must be offer, answer, pranswer or rollback",
        });
    }
    let sdp = field("sdp", "description.sdp")?
        .and_then(json::text)
        .ok_or(Error::BadMessage { field: "description.sdp", allowed: "must be a string" })?;
    if sdp.len() > MAX_SDP_BYTES {
        return Err(Error::TooLarge { field: "description.sdp", allowed: "at most 24576 bytes" });
    }
    Ok(sends_media(&sdp))
}

/// An `RTCIceCandidateInit`: <https://www.w3.org/TR/webrtc/#dom-rtcicecandidateinit>. Its fields are the
/// receiver's business.
fn check_candidate(field: &'static str, raw: &RawValue) -> Result<(), Error> {
    if !json::is_object(raw) {
        return Err(Error::BadMessage { field, allowed: "must be an object" });
    }
    if raw.get().len() > MAX_CANDIDATE_BYTES {
        return Err(Error::TooLarge { field, allowed: "at most 4096 bytes for each candidate" });
    }
    Ok(())
}

fn check_candidates(raw: &RawValue) -> Result<(), Error> {
    let batch = json::array(raw).filter(|batch| !batch.is_empty()).ok_or(Error::BadMessage {
        field: "candidates",
        allowed: "must be an array of 1 to 64 candidates",
    })?;
    if batch.len() > MAX_CANDIDATES {
        return Err(Error::TooLarge { field: "candidates", allowed: "at most 64 candidates" });
    }
    batch.into_iter().try_for_each(|candidate| check_candidate("candidates", candidate))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::codec::json::envelope::Envelope;
    use crate::id::ConnectionId;
    use crate::stamp::Stamp;
    use crate::time::EpochMillis;

    fn message(data: &str) -> String {
        let body = format!(r#"{{"action":"handshake","data":{data}}}"#);
        let envelope = Envelope::parse(&body).unwrap();
        match envelope.data().and_then(|data| read(&data).map(|_| ())) {
            Ok(()) => "ok".into(),
            Err(error) => format!("{} {}", error.code(), error.message()),
        }
    }

    /// A client's candidate with `extra` fields.
    fn with(extra: &str) -> String {
        message(&format!(r#"{{"type":"producer","sender":"p","roomId":"r",{extra}}}"#))
    }

    #[test]
    fn the_direction_follows_the_receiver() {
        let body = r#"{"data":{"type":"consumer","sender":"room","receiver":"p","candidate":{}}}"#;
        let envelope = Envelope::parse(body).unwrap();
        let handshake = read(&envelope.data().unwrap()).unwrap();
        let room = RoomId::try_from("room".to_owned()).unwrap();
        assert_eq!(handshake.direction, Direction::ToPeer(room, PeerId::try_from("p".to_owned()).unwrap()));
    }

    #[test]
    fn an_sfu_is_told_the_senders_socket_by_nobody_but_the_gateway() {
        let by = Stamp { connected_at: EpochMillis(5), connection_id: ConnectionId::new("c\"=".into()) };
        let relayed = |data: &str| {
            let body = format!(r#"{{"data": {data} }}"#);
            let envelope = Envelope::parse(&body).unwrap();
            read(&envelope.data().unwrap()).unwrap().relayed(&by).into_owned()
        };
        let text = relayed(
            r#"{ "type":"producer","sender":"p","roomId":"r","candidate":{"x":1.50} , "y":"\ud800"}"#,
        );
        let stamp = r#"{"stamp":{"connectedAt":5,"connectionId":"c\"="}, "type":"producer","sender":"p","#;
        assert_eq!(text, stamp.to_owned() + r#""roomId":"r","candidate":{"x":1.50} , "y":"\ud800"}"#);
        let to_peer = r#"{"type":"consumer","sender":"room","receiver":"p","candidate":{},"stamp":7}"#;
        assert_eq!(relayed(to_peer), to_peer);
        for stamp in [r#""stamp":{}"#, r#""stamp":null"#, r#""st\u0061mp":7"#, r#""stamp":1,"stamp":2"#] {
            let refused = with(&format!(r#""candidate":{{}},{stamp}"#));
            assert_eq!(refused, "bad_message stamp: is the gateway's", "{stamp}");
        }
    }

    #[test]
    fn between_clients_goes_what_they_have_to_say_and_nothing_else() {
        let between = |more: &str| {
            let body = format!(
                r#"{{"data":{{"type":"producer","sender":"p","receiver":"q","roomId":"r",{more}}}}}"#
            );
            let envelope = Envelope::parse(&body).unwrap();
            let text = read(&envelope.data().unwrap()).unwrap().between_clients();
            match text {
                Ok(text) => serde_json::from_str::<serde_json::Value>(&text).unwrap(),
                Err(error) => format!("{} {}", error.code(), error.message()).into(),
            }
        };
        let to = json!({ "type": "producer", "sender": "p", "receiver": "q", "roomId": "r" });
        let with = |mut more: serde_json::Value| {
            more.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
            more
        };
        let offer = json!({
            "negotiation": 7, "streams": { "0": "abcdefgh~p" },
            "description": { "type": "offer", "sdp": "v=0\r\n" },
        });
        let members = |value: &serde_json::Value| {
            let text = value.to_string();
            text.trim_start_matches('{').trim_end_matches('}').to_owned() + "}"
        };
        assert_eq!(between(&members(&offer)), with(offer));
        let candidate = json!({
            "candidate": { "candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "u" },
        });
        assert_eq!(between(&members(&candidate)), with(candidate.clone()));
        let batch = json!({ "candidates": [candidate["candidate"]] });
        let said = r#""text":"hello","candidates":[{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0,
            "usernameFragment":"u","text":"hello"}],"refused":{"message":"hello"},"remotePeerId":"hello""#;
        assert_eq!(between(said), with(batch), "no text beside it");
        let ends = r#""candidate":{"candidate":"","sdpMid":null,"sdpMLineIndex":null}"#;
        assert_eq!(between(ends), with(json!({ "candidate": { "candidate": "" } })));
        for stamp in [r#""stamp":{}"#, r#""stamp":null"#, r#""st\u0061mp":7"#] {
            let refused = between(&format!(r#""candidate":{{}},{stamp}"#));
            assert_eq!(refused, "bad_message stamp: is the gateway's", "{stamp}");
        }
        let nine: Vec<_> = (0..9).map(|n| format!(r#""{n}":"abcdefg{n}~p""#)).collect();
        let nine = format!("{{{}}}", nine.join(","));
        for streams in [r#""hello""#, r#"{"0":"hello"}"#, r#"{"0":"abcdefgh~q"}"#, &nine] {
            let refused = between(&format!(r#""candidate":{{}},"streams":{streams}"#));
            let named = "bad_message streams: must name streams of the sender's own, by mid";
            assert_eq!(refused, named, "{streams}");
        }
        let number = "bad_message negotiation: must be a whole number";
        assert_eq!(between(r#""candidate":{},"negotiation":"hello""#), number);
        let init = "bad_message candidate: must be an RTCIceCandidateInit";
        assert_eq!(between(r#""candidate":{"sdpMid":{"text":"hello"}}"#), init);
    }

    #[test]
    fn exactly_one_thing_is_relayed() {
        let allowed = "bad_message data: must hold exactly one of description, candidate, candidates";
        assert_eq!(with(r#""candidate":{}"#), "ok");
        assert_eq!(with(r#""remotePeerId":1"#), allowed);
        assert_eq!(with(r#""candidate":null"#), allowed);
        assert_eq!(with(r#""candidate":{},"candidates":[{}]"#), allowed);
        assert_eq!(with(r#""candidate":{},"candidate":{}"#), "bad_message candidate: is given twice");
    }

    #[test]
    fn limits_are_exact_and_in_bytes() {
        let sdp = |n| with(&format!(r#""description":{{"type":"offer","sdp":"{}"}}"#, "é".repeat(n)));
        assert_eq!(sdp(MAX_SDP_BYTES / 2), "ok");
        assert_eq!(sdp(MAX_SDP_BYTES / 2 + 1), "too_large description.sdp: at most 24576 bytes");
        let candidate = |n: usize| with(&format!(r#""candidate":{{"c":"{}"}}"#, "x".repeat(n - 8)));
        assert_eq!(candidate(MAX_CANDIDATE_BYTES), "ok");
        assert!(candidate(MAX_CANDIDATE_BYTES + 1).starts_with("too_large candidate"));
        let batch = |n: usize| with(&format!(r#""candidates":[{}]"#, vec!["{}"; n].join(",")));
        assert_eq!(batch(MAX_CANDIDATES), "ok");
        assert_eq!(batch(MAX_CANDIDATES + 1), "too_large candidates: at most 64 candidates");
        assert!(batch(0).starts_with("bad_message candidates"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(message(r#"{"type":"sideways"}"#).starts_with("bad_message type: must be producer"));
        assert_eq!(message(r#"{"type":"producer"}"#), "bad_message sender: is required");
        assert_eq!(
            message(r#"{"type":"producer","sender":"p","candidate":{}}"#),
            "bad_message roomId: is required"
        );
        assert_eq!(with(r#""candidate":"x""#), "bad_message candidate: must be an object");
        assert_eq!(with(r#""description":"x""#), "bad_message description: must be an object");
        assert!(with(r#""description":{"type":"offer"}"#).starts_with("bad_message description.sdp"));
        assert!(with(r#""description":{"type":"x","sdp":""}"#).starts_with("bad_message description.type"));
        let twice = r#""description":{"type":"offer","sdp":"a","sdp":"b"}"#;
        assert_eq!(with(twice), "bad_message description.sdp: is given twice");
        assert!(with(r#""receiver":"a b","candidate":{}"#).starts_with("bad_message receiver: must"));
    }
}
