//! Offers as the standards allow them, and as clients other than ours and browsers make them.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use str0m::media::MediaKind;

use super::client::Client;
use super::joining::{all_meet, receives};
use super::world::World;

/// The reply to an offer.
fn reply(sdp: &str) -> Value {
    let mut world = World::new();
    let description = json!({ "type": "offer", "sdp": sdp });
    world.gateway(&json!({
        "type": "producer", "sender": "cleo", "roomId": "room", "negotiation": 7, "description": description,
    }));
    let said = world.said.pop().unwrap_or_default();
    assert_eq!(
        (&said["data"]["receiver"], &said["data"]["negotiation"]),
        (&json!("cleo"), &json!(7)),
        "{sdp}"
    );
    said["data"].clone()
}

fn answer(sdp: &str) -> String {
    let reply = reply(sdp);
    assert_eq!(reply["description"]["type"], "answer", "{reply}");
    reply["description"]["sdp"].as_str().unwrap().to_owned()
}

/// The code of the refusal of an offer.
fn refusal(sdp: &str) -> String {
    let reply = reply(sdp);
    assert_eq!(reply["description"], json!({ "type": "rollback", "sdp": "" }));
    assert!(reply["refused"]["message"].as_str().is_some_and(|message| message.len() > 15));
    reply["refused"]["code"].as_str().unwrap().to_owned()
}

/// The lines of an answer that matter here: its group, and of each section the `m=` line, the direction and
/// the `mid`.
pub(crate) fn outline(answer: &str) -> Vec<&str> {
    let matters = |line: &&str| {
        ["m=", "a=group", "a=mid:", "a=recvonly", "a=inactive"].iter().any(|start| line.starts_with(start))
    };
    answer.lines().filter(matters).collect()
}

pub(crate) const SESSION: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
pub(crate) const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n";
pub(crate) const AUDIO: &str =
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
pub(crate) const VIDEO: &str =
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";
pub(crate) const DATA: &str =
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n";

/// A description whose sections share a transport.
pub(crate) fn bundled(sections: &[&str]) -> String {
    let mids = sections.iter().filter_map(|section| section.split("a=mid:").nth(1)?.split("\r\n").next());
    let mut sdp = format!("{SESSION}a=group:BUNDLE");
    for mid in mids {
        write!(sdp, " {mid}").unwrap();
    }
    format!("{sdp}\r\n{TRANSPORT}{}", sections.concat())
}

const TAKEN: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111";

#[test]
fn a_rejected_section_stays_rejected_whatever_it_lacks() {
    for (offer, rejected) in [
        (include_str!("offers/bare.sdp"), &["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=inactive"][..]),
        (
            include_str!("offers/no-direction.sdp"),
            &["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=inactive"],
        ),
        (include_str!("offers/no-rtpmap.sdp"), &["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=inactive"]),
        (
            include_str!("offers/data-channel.sdp"),
            &["m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "a=inactive"],
        ),
    ] {
        let answer = answer(offer);
        let expected = [&["a=group:BUNDLE 0", TAKEN, "a=mid:0", "a=recvonly"][..], rejected].concat();
        assert_eq!(outline(&answer), expected);
    }
}

#[test]
fn a_section_that_the_sfu_has_no_use_for_is_rejected_and_the_others_are_taken() {
    for other in [
        "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:x\r\na=sendrecv\r\na=rtpmap:98 t140/1000\r\n",
        "m=image 9 udptl t38\r\na=mid:x\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:x\r\na=sendrecv\r\na=rtpmap:98 VP9/90000\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF 300\r\na=mid:x\r\na=sendrecv\r\na=rtpmap:300 VP8/90000\r\n",
        "m=application 9 UDP/DTLS/SCTP 5000\r\na=mid:x\r\na=sctpmap:5000 webrtc-datachannel 1024\r\n",
        "m=application 9 TCP/BFCP *\r\na=mid:x\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF\r\na=mid:x\r\n",
    ] {
        for (sections, place) in [([other, AUDIO], 1), ([AUDIO, other], 3)] {
            let answer = answer(&bundled(&sections));
            let outline = outline(&answer);
            let words = other.split("\r\n").next().unwrap().replacen(" 9 ", " 0 ", 1);
            assert_eq!(outline[0], "a=group:BUNDLE 0");
            let at = if place == 1 { 1 } else { 4 };
            assert_eq!(outline[at..at + 3], [words.as_str(), "a=mid:x", "a=inactive"][..], "{answer}");
            assert!(outline.contains(&TAKEN) && outline.contains(&"a=recvonly"));
        }
    }
}

#[test]
fn lines_that_mean_nothing_to_an_sfu_change_nothing() {
    let plain = outline(&answer(include_str!("offers/two-bandwidths.sdp").replace("b=AS:64\n", "").as_str()))
        .join("|");
    let files = [
        include_str!("offers/media-title.sdp"),
        include_str!("offers/two-bandwidths.sdp"),
        include_str!("offers/session-name-space.sdp"),
        include_str!("offers/audio.sdp"),
        include_str!("offers/session-level.sdp"),
    ];
    for file in files {
        assert_eq!(outline(&answer(file)).join("|"), plain, "{file}");
    }
    let offer = bundled(&[AUDIO]);
    for session in [
        "s= \r\n",
        "s=a call\r\n",
        "s=-\r\ni=words\r\nu=http://example.org\r\ne=a@example.org\r\np=+1\r\n",
        "s=-\r\nc=IN IP6 ::1\r\n",
        "s=-\r\nb=CT:1\r\nb=AS:2\r\nb=X-odd:3\r\n",
        "s=-\r\nk=prompt\r\n",
    ] {
        assert_eq!(outline(&answer(&offer.replace("s=-\r\n", session))), outline(&answer(&offer)));
    }
    for times in [
        "t=2873397496 2873404696\r\nr=7d 1h 0 25h\r\nz=2882844526 -1h\r\n",
        "t=0 0\r\nt=1 2\r\nk=clear:x\r\n",
        "",
    ] {
        assert_eq!(outline(&answer(&offer.replace("t=0 0\r\n", times))), outline(&answer(&offer)));
    }
    for lines in [
        "i=title\r\nc=IN IP4 192.0.2.1/127\r\nb=AS:1\r\nb=TIAS:1000\r\nk=base64:eA==\r\n",
        "a=odd\r\na=odd:value\r\na=\r\na=:\r\n",
        "a=candidate:1 1 udp 1 host.local 9 typ host\r\na=end-of-candidates\r\n",
        "a=imageattr:96 recv *\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
        "a=ptime:20\r\na=maxptime:x\r\n",
        "nonsense\r\n=\r\nx\r\n",
    ] {
        assert_eq!(outline(&answer(&format!("{offer}{lines}"))), outline(&answer(&offer)), "{lines}");
    }
    for id in ["0", "18446744073709551616", "99999999999999999999999999999999", "x"] {
        assert_eq!(
            outline(&answer(&offer.replace("o=- 1 2", &format!("o=- {id} 2")))),
            outline(&answer(&offer))
        );
    }
    assert_eq!(outline(&answer(&offer.replace("\r\n", "\n"))), outline(&answer(&offer)));
}

#[test]
fn a_section_without_a_direction_has_the_session_s_and_else_sends_and_receives() {
    let direction = |session: &str, own: &str| {
        let offer = bundled(&[&AUDIO.replace("a=sendonly\r\n", own)])
            .replace("t=0 0\r\n", &format!("t=0 0\r\n{session}"));
        *outline(&answer(&offer)).last().unwrap() == "a=recvonly"
    };
    assert!(
        direction("", "") && direction("a=sendonly\r\n", "") && direction("a=inactive\r\n", "a=sendrecv\r\n")
    );
    assert!(
        !direction("a=recvonly\r\n", "")
            && !direction("a=inactive\r\n", "")
            && !direction("", "a=recvonly\r\n")
    );
    assert!(direction("", "a=inactive\r\na=sendrecv\r\n"), "the last one counts, as in browsers");
}

#[test]
fn a_mid_is_given_back_as_it_is() {
    let long = "m".repeat(300);
    let mids: Vec<String> =
        ["mic-0", "cam.1", "a", "microphone1234567", "x0", "~+!#$%&'*.^_`{|}", long.as_str()]
            .iter()
            .map(ToString::to_string)
            .collect();
    for mid in &mids {
        let answer = answer(&bundled(&[&AUDIO.replace("a=mid:0", &format!("a=mid:{mid}"))]));
        assert_eq!(outline(&answer)[0], format!("a=group:BUNDLE {mid}"));
        assert_eq!(outline(&answer)[2], format!("a=mid:{mid}"));
    }
    let sections: Vec<String> =
        mids.iter().map(|mid| VIDEO.replace("a=mid:1", &format!("a=mid:{mid}"))).collect();
    let answered = answer(&bundled(&sections.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(outline(&answered)[0], format!("a=group:BUNDLE {}", mids.join(" ")));
    for file in [
        include_str!("offers/alike.sdp"),
        include_str!("offers/dash.sdp"),
        include_str!("offers/seventeen.sdp"),
    ] {
        let group = file.lines().find(|line| line.starts_with("a=group")).unwrap();
        assert_eq!(outline(&answer(file))[0], group);
    }
    assert_eq!(refusal(&bundled(&[AUDIO, &VIDEO.replace("a=mid:1", "a=mid:0")])), "mid_twice");
}

#[test]
fn of_sections_that_do_not_share_a_transport_the_first_is_taken() {
    let one = answer(include_str!("offers/one-section.sdp"));
    assert_eq!(outline(&one), [TAKEN, "a=mid:0", "a=recvonly"], "an answer groups only what was grouped");
    let two = answer(include_str!("offers/two-sections.sdp"));
    let rejected = ["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=inactive"];
    assert_eq!(outline(&two), [&[TAKEN, "a=mid:0", "a=recvonly"][..], &rejected].concat());
    let nameless = answer(&format!("{SESSION}{TRANSPORT}{}", AUDIO.replace("a=mid:0\r\n", "")));
    assert_eq!(outline(&nameless), [TAKEN, "a=recvonly"]);
    // Two groups, of which the first section is in the second one.
    let offer = bundled(&[AUDIO, VIDEO, DATA])
        .replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 1\r\na=group:LS 0 1\r\na=group:BUNDLE 2 0");
    let lines = answer(&offer);
    assert_eq!(outline(&lines)[..4], ["a=group:BUNDLE 2 0", TAKEN, "a=mid:0", "a=recvonly"]);
    assert_eq!(outline(&lines)[4..7], rejected);
}

#[test]
fn the_section_that_stands_for_the_transport_has_its_candidates() {
    let rejected = VIDEO.replace("m=video 9", "m=video 0");
    let offer = bundled(&[&rejected, AUDIO]).replace("BUNDLE 1 0", "BUNDLE 0");
    let answer = answer(&offer);
    let (before, audio) = answer.split_once("m=audio").unwrap();
    assert!(!before.contains("a=candidate") && audio.matches("a=candidate").count() == 2, "{answer}");
    let answer = self::answer(&bundled(&[AUDIO, VIDEO]).replace("BUNDLE 0 1", "BUNDLE 1 0"));
    let (before, video) = answer.split_once("m=video").unwrap();
    assert!(answer.contains("a=group:BUNDLE 1 0\r\n"), "the first of the group stands for all");
    assert!(!before.contains("a=candidate") && video.matches("a=candidate").count() == 2, "{answer}");
}

#[test]
fn each_section_has_the_candidates_where_two_are_of_a_kind() {
    let answer = answer(&bundled(&[AUDIO, VIDEO, &VIDEO.replace("a=mid:1", "a=mid:x"), DATA]));
    assert!(
        answer.split("m=").skip(1).all(|section| section.matches("a=candidate").count() == 2),
        "{answer}"
    );
    let mut world = super::joining::call(&["anna", "ben"]);
    world.client("anna").video("screen", &[None]);
    let now = world.now;
    world.client("anna").offer(now);
    world.seconds(1);
    let offers = &world.client("ben").receivers["anna"].offers;
    let candidates = |offer: &str| -> Vec<usize> {
        offer.split("m=").skip(1).map(|section| section.matches("a=candidate").count()).collect()
    };
    assert_eq!((candidates(&offers[0]), candidates(&offers[1])), (vec![2, 0], vec![2, 2, 2]));
}

#[test]
fn an_answer_to_many_sections_is_no_longer_than_the_gateway_relays() {
    for words in [0, 150] {
        let section = |number: u32| {
            let name = format!("a=mid:{number}{}", "x".repeat(words));
            format!("{}a=rtcp-fb:96 nack\r\n", VIDEO.replace("a=mid:1", &name))
        };
        let sections: Vec<String> = (0..32).map(section).collect();
        let offer = bundled(&sections.iter().map(String::as_str).collect::<Vec<_>>());
        let answer = answer(&offer);
        assert!(answer.len() <= 24_576, "{} bytes to an offer of {}", answer.len(), offer.len());
        assert_eq!(answer.matches("m=video 9 ").count(), 32);
        assert!(answer.contains("a=candidate") && answer.contains("a=fingerprint"));
    }
}

/// Anna is there, and ben comes, whose offers are edited.
fn joined_by(edit: fn(&str) -> String) -> World {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    ben.camera(&[None]);
    ben.edit = Some(edit);
    world.enter(ben);
    world
}

/// The section of the first kind with these lines in place of its own `a=ice-…`.
fn with_ice(sdp: &str, media: &str, ice: &str) -> String {
    let (before, section) = sdp.split_once(media).unwrap();
    let (section, after) = section.split_once("\r\nm=").unwrap();
    let others: Vec<&str> = section.lines().filter(|line| !line.starts_with("a=ice-")).collect();
    format!("{before}{media}{}\r\n{ice}m={after}", others.join("\r\n"))
}

const STRANGE: &str = "a=ice-ufrag:strange\r\na=ice-pwd:strangestrangestrangestr\r\n";

#[test]
fn the_session_says_the_transport_for_a_section_that_does_not() {
    let mut world = joined_by(|sdp| {
        let ice: String = sdp
            .lines()
            .filter(|line| line.starts_with("a=ice-"))
            .take(2)
            .fold(String::new(), |lines, line| lines + line + "\r\n");
        let session = sdp.replacen("t=0 0\r\n", &format!("t=0 0\r\n{ice}"), 1);
        with_ice(&with_ice(&session, "m=application", ""), "m=audio", STRANGE)
    });
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_section_in_which_nothing_can_be_agreed_is_rejected() {
    let rejected = |sections: &[&str], line: &str| {
        let answer = answer(&bundled(sections));
        assert_eq!(outline(&answer)[0], "a=group:BUNDLE 0", "{answer}");
        assert_eq!(outline(&answer)[1], sections[0].lines().next().unwrap(), "{answer}");
        assert!(outline(&answer).contains(&line), "{answer}");
    };
    let video = |pt: u8, format: &str| {
        format!(
            "m=video 9 UDP/TLS/RTP/SAVPF {pt}\r\na=mid:{pt}\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:{pt} {format}\r\n"
        )
    };
    let vp8 = |pt: u8| video(pt, "VP8/90000").replace(&format!("a=mid:{pt}"), "a=mid:0");
    // One payload type for a codec, one format of H264.
    rejected(&[&vp8(96), &video(98, "VP8/90000")], "m=video 0 UDP/TLS/RTP/SAVPF 98");
    let h264 = |pt: u8, profile: &str| {
        format!("{}a=fmtp:{pt} packetization-mode=1;profile-level-id={profile}\r\n", video(pt, "H264/90000"))
    };
    let first = h264(100, "42e01f").replace("a=mid:100", "a=mid:0");
    rejected(&[&first, &h264(102, "640c1f")], "m=video 0 UDP/TLS/RTP/SAVPF 102");
    rejected(&[AUDIO, &VIDEO.replace("a=rtcp-mux\r\n", "")], "m=video 0 UDP/TLS/RTP/SAVPF 96");
    let data = answer(&bundled(&[AUDIO, DATA, &DATA.replace("a=mid:2", "a=mid:x")]));
    assert_eq!(outline(&data)[0], "a=group:BUNDLE 0 2", "there is one association: {data}");
    assert_eq!(outline(&data)[6], "m=application 0 UDP/DTLS/SCTP webrtc-datachannel");
}

#[test]
fn a_header_extension_goes_the_way_that_was_offered() {
    let mid = "urn:ietf:params:rtp-hdrext:sdes:mid";
    let agreed = |direction: &str| {
        let answer = answer(&bundled(&[&format!("{AUDIO}a=extmap:4{direction} {mid}\r\n")]));
        answer.lines().find(|line| line.contains(mid)).map(str::to_owned)
    };
    assert_eq!(agreed("").unwrap(), format!("a=extmap:4 {mid}"));
    assert_eq!(agreed("/sendrecv").unwrap(), format!("a=extmap:4 {mid}"));
    assert_eq!(agreed("/sendonly").unwrap(), format!("a=extmap:4/recvonly {mid}"));
    assert_eq!((agreed("/recvonly"), agreed("/inactive")), (None, None), "the SFU sends nothing here");
}

#[test]
fn a_bundled_section_may_have_port_0_and_any_profile_of_rtp_is_given_back() {
    let video = VIDEO.replace("m=video 9", "m=video 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only");
    let lines = answer(&bundled(&[AUDIO, &video]));
    assert_eq!(outline(&lines)[4], "m=video 9 UDP/TLS/RTP/SAVPF 96");
    for profile in ["UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/AVP", "TCP/DTLS/RTP/SAVPF"] {
        let offer = bundled(&[&AUDIO.replace("UDP/TLS/RTP/SAVPF", profile)]);
        assert_eq!(outline(&answer(&offer))[1], format!("m=audio 9 {profile} 111"));
    }
    let data = answer(&bundled(&[AUDIO, &DATA.replace("UDP/DTLS", "TCP/DTLS")]));
    assert_eq!(outline(&data)[4], "m=application 9 TCP/DTLS/SCTP webrtc-datachannel");
}

#[test]
fn an_answer_has_the_client_s_own_words_for_codecs_and_no_feedback_that_was_not_offered() {
    let audio = AUDIO.replace("opus/48000/2", "OPUS/48000");
    let video = format!("{VIDEO}a=rtcp-fb:96 nack\r\na=rtcp-fb:96 odd\r\n");
    let lines = answer(&bundled(&[&audio, &video]));
    assert!(lines.contains("a=rtpmap:111 OPUS/48000\r\n"), "{lines}");
    let feedback: Vec<&str> = lines.lines().filter(|line| line.starts_with("a=rtcp-fb")).collect();
    assert_eq!(feedback, ["a=rtcp-fb:96 nack"]);
    let all = answer(&bundled(&[&format!("{VIDEO}a=rtcp-fb:* nack pli\r\n")]));
    assert!(all.contains("a=rtcp-fb:96 nack pli\r\n"), "{all}");
}

#[test]
fn encodings_are_given_back_as_they_are() {
    let rids = "high-quality;~mid_1,other;mid-1;l";
    let simulcast = "a=rid:high-quality send\r\na=rid:mid_1 send\r\na=rid:mid-1 send\r\na=rid:l send\r\n";
    let lines = answer(&bundled(&[&format!("{VIDEO}{simulcast}a=simulcast:send {rids}\r\n")]));
    assert!(lines.contains("a=simulcast:recv high-quality;mid_1;mid-1;l\r\n"), "{lines}");
    assert_eq!(lines.matches(" recv\r\n").count(), 4, "{lines}");
}

#[test]
fn h264_is_taken_by_its_profile_and_described_to_receivers_as_it_is_sent() {
    let video = |formats: &[&str]| {
        let pts: Vec<String> = (0..formats.len()).map(|place| (100 + place).to_string()).collect();
        let mut section = format!(
            "m=video 9 UDP/TLS/RTP/SAVPF {}\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n",
            pts.join(" ")
        );
        for (pt, format) in pts.iter().zip(formats) {
            write!(section, "a=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} {format}\r\n").unwrap();
        }
        section
    };
    for profile in [
        "42e01f", "42c00c", "42000c", "42001f", "420c1f", "4d401f", "4D001F", "4d801f", "58c01f", "640c1f",
        "64001f",
    ] {
        for mode in [0, 1] {
            let format =
                format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}");
            let answer = answer(&bundled(&[&video(&[&format])]));
            assert!(answer.contains("m=video 9 ") && answer.contains(&format), "{answer}");
        }
    }
    let best = answer(&bundled(&[&video(&[
        "profile-level-id=64001f;packetization-mode=1",
        "profile-level-id=42e01f;packetization-mode=1",
        "profile-level-id=42001f;packetization-mode=1",
    ])]));
    assert_eq!(
        outline(&best)[1],
        "m=video 9 UDP/TLS/RTP/SAVPF 101",
        "what most receivers can decode: {best}"
    );
    for other in [
        "profile-level-id=6e001f;packetization-mode=1",
        "profile-level-id=42e01f;packetization-mode=2",
        "profile-level-id=odd",
    ] {
        assert_eq!(
            outline(&answer(&bundled(&[AUDIO, &video(&[other])])))[4],
            "m=video 0 UDP/TLS/RTP/SAVPF 100"
        );
    }
}

#[test]
fn what_is_refused_is_told_with_its_reason() {
    let offer = bundled(&[AUDIO]);
    for (sdp, code) in [
        (String::new(), "unreadable"),
        ("nonsense".into(), "unreadable"),
        (offer.replace("v=0\r\n", "v=1\r\n"), "unreadable"),
        (offer.replace("m=audio 9 ", "m=audio nine "), "unreadable"),
        (format!("{offer}{}", "a=x\r\n".repeat(5_000)), "too_long"),
        (format!("{offer}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(32)), "too_many_sections"),
        (SESSION.into(), "nothing_to_take"),
        (offer.replace("m=audio 9", "m=audio 0").replace("BUNDLE 0", "BUNDLE"), "nothing_to_take"),
        (offer.replace("opus", "PCMU"), "nothing_to_take"),
        (offer.replace("a=ice-ufrag", "a=x"), "no_ice"),
        (offer.replace("a=ice-pwd", "a=x"), "no_ice"),
        (offer.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"), "ice_lite"),
        (offer.replace("sha-256 00:", "sha-256 "), "no_fingerprint"),
        (offer.replace("sha-256", "sha-1"), "no_fingerprint"),
    ] {
        assert_eq!(refusal(&sdp), code, "{}", &sdp[..sdp.len().min(600)]);
    }
}

#[test]
fn a_refused_change_leaves_the_connection_as_it_was() {
    let mut world = super::joining::call(&["anna", "ben"]);
    let anna = world.client("anna");
    anna.edit = Some(|sdp| sdp.replace("a=ice-pwd", "a=x"));
    anna.video("screen", &[None]);
    let now = world.now;
    world.client("anna").offer(now);
    world.until("anna hears why", 2, |world| world.client("anna").refusals.len() == 1);
    assert_eq!(world.client("anna").refusals[0]["code"], "no_ice");
    world.seconds(1);
    assert!(receives(&mut world, "ben", "anna") && receives(&mut world, "anna", "ben"));
}

/// The same without all that says which section a packet is of, but for its payload type.
fn without_names(sdp: &str) -> String {
    let says = |line: &&str| {
        !line.contains("sdes:mid") && !line.starts_with("a=ssrc") && !line.starts_with("a=msid")
    };
    let lines: Vec<&str> = sdp.lines().filter(says).collect();
    lines.join("\r\n") + "\r\n"
}

#[test]
fn media_is_forwarded_of_a_client_that_names_no_streams_ssrcs_or_mids() {
    let mut world = joined_by(without_names);
    all_meet(&mut world, &["anna", "ben"]);
    let offers = &world.client("anna").receivers["ben"].offers;
    let msids: Vec<&str> = offers[0].lines().filter_map(|line| line.strip_prefix("a=msid:")).collect();
    assert_eq!(msids.len(), 2);
    assert!(
        msids.iter().all(|msid| msid.starts_with("- ") && msid.len() > 2) && msids[0] != msids[1],
        "{msids:?}"
    );
    world.loss = 30;
    world.seconds(3);
    world.loss = 0;
    all_meet(&mut world, &["anna", "ben"]);
}

/// The same with other ids for all tracks.
fn with_msid(sdp: &str, msid: &str) -> String {
    let ids = format!("a=msid:{msid}");
    let others = sdp.lines().filter(|line| !line.contains(" msid:"));
    let lines: Vec<&str> = others.map(|line| if line.starts_with("a=msid:") { &ids } else { line }).collect();
    lines.join("\r\n") + "\r\n"
}

#[test]
fn ids_of_tracks_are_each_one_s_own_and_whole() {
    let ids = |edit: fn(&str) -> String| -> Vec<String> {
        let mut world = joined_by(edit);
        world.until("anna is offered ben", 5, |world| world.client("anna").receivers.contains_key("ben"));
        let offer = &world.client("anna").receivers["ben"].offers[0];
        assert!(!offer.contains(" msid:"), "{offer}");
        offer.lines().filter_map(|line| line.strip_prefix("a=msid:")).map(str::to_owned).collect()
    };
    let absent = ids(|sdp| sdp.replace("a=msid:", "a=x:").replace(" msid:", " label:"));
    let empty = ids(|sdp| with_msid(sdp, ""));
    for ids in [absent, empty] {
        let words: Vec<Vec<&str>> = ids.iter().map(|id| id.split(' ').collect()).collect();
        assert!(
            words.iter().all(|words| words.len() == 2 && words[0] == "-" && !words[1].is_empty()),
            "{ids:?}"
        );
        assert_ne!(words[0], words[1]);
    }
    let alike = ids(|sdp| with_msid(sdp, "s t"));
    assert!(alike[0] == "s t" && alike[1].starts_with("s t-"), "{alike:?}");
    let one_word = ids(|sdp| with_msid(sdp, "s "));
    assert!(one_word.iter().all(|id| id.starts_with("s -")) && one_word[0] != one_word[1], "{one_word:?}");
    let old = ids(|sdp| sdp.replace("a=msid:", "a=x:"));
    assert!(old.iter().all(|id| id.starts_with("camera ")), "from a=ssrc lines: {old:?}");
}

#[test]
fn a_section_in_the_place_of_a_closed_one_is_a_new_one() {
    let mut world = super::joining::call(&["anna", "ben"]);
    world.client("anna").end(1);
    let now = world.now;
    world.client("anna").offer(now);
    world.pass(Duration::from_secs(1));
    world.client("anna").video("again", &[None]);
    let now = world.now;
    world.client("anna").offer(now);
    world.until("ben gets it", 5, |world| {
        let offers = &world.client("ben").receivers["anna"].offers;
        offers.last().is_some_and(|offer| offer.contains("a=msid:again "))
    });
}

/// Takes from an answer what a rejected section need not have.
fn bare_answer(sdp: &str) -> String {
    let (session, sections) = sdp.split_once("m=").unwrap();
    let sections: Vec<String> = sections.split("\r\nm=").map(|section| format!("m={section}")).collect();
    let video = sections.iter().position(|section| section.starts_with("m=video")).unwrap();
    let mid = sections[video].split("a=mid:").nth(1).unwrap().split("\r\n").next().unwrap();
    let group = session.lines().find(|line| line.starts_with("a=group")).unwrap();
    let kept = group.split(' ').filter(|word| *word != mid).collect::<Vec<_>>().join(" ");
    let mut sections = sections.clone();
    sections[video] = "m=video 0 UDP/TLS/RTP/SAVPF 0".into();
    session.replace(group, &kept) + &sections.join("\r\n")
}

#[test]
fn a_receiver_that_rejects_a_section_gets_the_others() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    ben.edit_answers = Some(bare_answer);
    world.enter(ben);
    world.until("ben hears anna", 5, |world| {
        let Some(anna) = world.client("ben").receivers.get("anna") else { return false };
        anna.tracks.iter().any(|track| track.kind == MediaKind::Audio && track.got.len() > 10)
    });
    let anna = &world.client("ben").receivers["anna"];
    assert!(anna.tracks.iter().all(|track| track.kind == MediaKind::Audio || track.got.is_empty()));
    assert_eq!(anna.offers.len(), 1, "and the connection is not begun anew");
}
