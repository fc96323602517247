//! What a client offers on a connection that it has: sections that are closed, used anew or changed.

use serde_json::{Value, json};

use super::offers::{AUDIO, DATA, VIDEO, bundled, outline};
use super::world::World;

/// What the room says to each of these offers, one after the other on one connection.
fn replies(offers: &[String]) -> Vec<Value> {
    let mut world = World::new();
    let offered = offers.iter().zip(1..).map(|(sdp, number)| {
        world.gateway(&json!({
            "type": "producer", "sender": "cleo", "roomId": "room", "negotiation": number,
            "description": { "type": "offer", "sdp": sdp },
        }));
        let said = world.said.pop().unwrap_or_default();
        assert_eq!(said["data"]["negotiation"], number, "{sdp}");
        said["data"].clone()
    });
    offered.collect()
}

/// The answers to these offers.
fn answers(offers: &[String]) -> Vec<String> {
    let answer = |reply: Value| {
        assert_eq!(reply["description"]["type"], "answer", "{reply}");
        reply["description"]["sdp"].as_str().unwrap().to_owned()
    };
    replies(offers).into_iter().map(answer).collect()
}

/// A section that its author has closed.
fn closed(section: &str) -> String {
    section.replacen(" 9 ", " 0 ", 1)
}

/// A description in which these sections are bundled, and those closed.
fn offer(sections: &[&str]) -> String {
    let open: Vec<&str> = sections.iter().copied().filter(|section| !section.contains(" 0 ")).collect();
    let group = bundled(&open);
    let group = group.lines().find(|line| line.starts_with("a=group")).unwrap();
    let all = bundled(sections);
    let before = all.lines().find(|line| line.starts_with("a=group")).unwrap();
    all.replace(before, group)
}

#[test]
fn an_offer_in_which_all_is_closed_is_answered_and_so_is_the_next() {
    let answers = answers(&[
        offer(&[VIDEO]),
        offer(&[&closed(VIDEO)]),
        offer(&[&VIDEO.replace("a=mid:1", "a=mid:x")]),
        offer(&[&closed(VIDEO), AUDIO]),
    ]);
    assert_eq!(outline(&answers[1]), ["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=inactive"]);
    let again = ["a=group:BUNDLE x", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:x", "a=recvonly"];
    assert_eq!(outline(&answers[2]), again);
    assert_eq!(outline(&answers[3])[0], "a=group:BUNDLE 0");
}

#[test]
fn a_section_is_used_anew_for_whatever_its_author_likes() {
    let video = VIDEO.replace("a=mid:1", "a=mid:v");
    let [_, _, other, back] = &answers(&[
        offer(&[AUDIO, DATA]),
        offer(&[AUDIO, &closed(DATA)]),
        offer(&[AUDIO, &video]),
        offer(&[AUDIO, &video, &DATA.replace("a=mid:2", "a=mid:d")]),
    ])[..] else {
        panic!("four answers");
    };
    assert_eq!(outline(other)[4..], ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:v", "a=recvonly"]);
    assert_eq!(outline(back)[0], "a=group:BUNDLE 0 v d");
    assert_eq!(outline(back)[7], "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    // The same mid, in the place where it was.
    let same = answers(&[offer(&[AUDIO, VIDEO]), offer(&[AUDIO, &closed(VIDEO)]), offer(&[AUDIO, VIDEO])]);
    assert_eq!(outline(&same[2]), outline(&same[0]));
    // A section gets a name that had none.
    let named = answers(&[
        offer(&[&AUDIO.replace("a=mid:0\r\n", "")]).replace("a=group:BUNDLE\r\n", ""),
        offer(&[AUDIO]),
    ]);
    assert_eq!(outline(&named[1])[2], "a=mid:0");
}

const VP8: &str = "VP8/90000\r\na=rtcp-fb:PT nack";
const RTX: &str = "rtx/90000\r\na=fmtp:97 apt=96";
const H264: &str = "H264/90000\r\na=fmtp:PT packetization-mode=1;profile-level-id=42e01f";
const HIGH: &str = "H264/90000\r\na=fmtp:PT packetization-mode=1;profile-level-id=640c1f";

/// A section of video with these formats, each `<name>/<clock rate>` and lines in which `PT` is its payload type.
fn video(formats: &[(u8, &str)]) -> String {
    let pts: Vec<String> = formats.iter().map(|(pt, _)| pt.to_string()).collect();
    let maps = formats.iter().zip(&pts).map(|((_, words), pt)| words.replace("PT", pt));
    let lines: Vec<String> = maps.zip(&pts).map(|(words, pt)| format!("a=rtpmap:{pt} {words}\r\n")).collect();
    let pts = pts.join(" ");
    let section = format!("m=video 9 UDP/TLS/RTP/SAVPF {pts}\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n");
    section + &lines.concat()
}

#[test]
fn an_answer_names_what_was_offered_this_time_and_nothing_else() {
    let first = video(&[(96, VP8), (97, RTX), (98, H264)]);
    for (later, formats) in [
        (video(&[(98, H264)]), "9 UDP/TLS/RTP/SAVPF 98"),
        (video(&[(96, VP8)]), "9 UDP/TLS/RTP/SAVPF 96"),
        (video(&[(98, H264), (96, VP8)]), "9 UDP/TLS/RTP/SAVPF 96 98"),
        // What a payload type means does not change (RFC 3264 §8.3.2): one that moved is not known.
        (video(&[(102, VP8)]), "0 UDP/TLS/RTP/SAVPF 102"),
        (video(&[(96, H264)]), "0 UDP/TLS/RTP/SAVPF 96"),
        (video(&[(98, HIGH)]), "0 UDP/TLS/RTP/SAVPF 98"),
    ] {
        let answers = answers(&[offer(&[AUDIO, &first]), offer(&[AUDIO, &later])]);
        assert_eq!(outline(&answers[1])[4], format!("m=video {formats}"), "{}", answers[1]);
        let attributes = answers[1].lines().filter(|line| line.starts_with("a=rtcp-fb:"));
        assert!(attributes.clone().all(|line| later.contains(line)), "{}", answers[1]);
    }
    // A format of H264 that the connection cannot have any more.
    let answers = answers(&[offer(&[AUDIO]), offer(&[AUDIO, &video(&[(98, HIGH)])])]);
    assert_eq!(outline(&answers[1])[4], "m=video 0 UDP/TLS/RTP/SAVPF 98");
}

#[test]
fn each_answer_has_a_version_of_its_own() {
    let answers = answers(&[offer(&[AUDIO]), offer(&[AUDIO, VIDEO]), offer(&[AUDIO, VIDEO, DATA])]);
    let origins: Vec<Vec<&str>> =
        answers.iter().map(|answer| answer.lines().nth(1).unwrap().split(' ').collect()).collect();
    assert!(origins.iter().all(|origin| origin[1] == origins[0][1]), "{origins:?}");
    assert_eq!(origins.iter().map(|origin| origin[2]).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[test]
fn an_offer_without_a_number_is_answered_whatever_it_repeats() {
    let mut world = World::new();
    let sdp = offer(&[AUDIO]);
    for sdp in [&sdp, &sdp, &sdp.replace("o=- 1 2", "o=- 1 3")] {
        world.said.clear();
        world.gateway(&json!({
            "type": "producer", "sender": "cleo", "roomId": "room",
            "description": { "type": "offer", "sdp": sdp },
        }));
        assert_eq!(world.said[0]["data"]["description"]["type"], "answer");
    }
}
