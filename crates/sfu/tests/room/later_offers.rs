//! What a client offers on a connection that it has: sections that are closed, used anew or changed.

use serde_json::{Value, json};

use super::offers::{AUDIO, DATA, SESSION, TRANSPORT, VIDEO, bundled, outline};
use super::world::World;

/// The replies to each of these offers, one after the other on one connection.
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
    // Each in the place where the other was, and again.
    let swapped = |data: &str, video: &str| {
        let (data, video) = (DATA.replace("a=mid:2", data), VIDEO.replace("a=mid:1", video));
        [offer(&[AUDIO, &data, &video]), offer(&[AUDIO, &closed(&data), &closed(&video)])]
    };
    let [offers, others] =
        [("a=mid:a", "a=mid:b"), ("a=mid:c", "a=mid:d")].map(|(one, other)| swapped(one, other));
    let [first, close] = [offer(&[AUDIO, VIDEO, DATA]), offer(&[AUDIO, &closed(VIDEO), &closed(DATA)])];
    let all: Vec<String> = [[first.clone(), close.clone()], offers, [first, close], others].concat();
    for (answer, offered) in answers(&all).iter().zip(&all).step_by(2) {
        let lines = |sdp: &str| -> Vec<String> {
            sdp.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
        };
        assert_eq!(lines(answer), lines(offered), "{answer}");
    }
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

/// A section of video with these formats, each `<name>/<clock rate>` and lines in which `PT` is its payload
/// type.
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
    // What is rejected for its formats may be used anew (RFC 8829 §5.2.2).
    let anew = answers(&[
        offer(&[AUDIO, &first]),
        offer(&[AUDIO, &video(&[(102, VP8)])]),
        offer(&[AUDIO, &video(&[(96, VP8)]).replace("a=mid:1", "a=mid:x")]),
    ]);
    assert_eq!(outline(&anew[2])[4..6], ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:x"]);
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

/// A client that changes its mind, as the dice have it.
struct Fickle {
    dice: Dice,
    sections: Vec<Section>,
    /// Sections that it has ever had.
    made: u32,
    /// ICE restarts.
    restarts: u32,
}

struct Section {
    kind: Kind,
    mid: String,
    open: bool,
    /// It was closed in an offer before this one: its place may be used anew.
    free: bool,
    direction: &'static str,
    /// It has a format for retransmissions.
    repairs: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Audio,
    Video,
    Data,
}

impl Section {
    fn text(&self, transport: &str) -> String {
        let (line, formats, attributes) = match (self.kind, self.repairs) {
            (Kind::Audio, _) => ("audio", "UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2\r\n"),
            (Kind::Video, false) => {
                ("video", "UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n")
            }
            (Kind::Video, true) => (
                "video",
                "UDP/TLS/RTP/SAVPF 96 97",
                "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
            ),
            (Kind::Data, _) => ("application", "UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:5000\r\n"),
        };
        let port = if self.open { 9 } else { 0 };
        let rtp = format!(
            "a={}\r\na=rtcp-mux\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
            self.direction
        );
        let rtp = if self.kind == Kind::Data { "" } else { &rtp };
        format!("m={line} {port} {formats}\r\n{transport}a=mid:{}\r\n{rtp}{attributes}", self.mid)
    }
}

impl Fickle {
    /// Adds a section, uses the place of one anew, or changes or closes it.
    fn change(&mut self) {
        let has_data = self.sections.iter().any(|section| section.kind == Kind::Data && section.open);
        let kinds = [Kind::Audio, Kind::Video, if has_data { Kind::Video } else { Kind::Data }];
        self.made += 1;
        let new = Section {
            kind: self.dice.one_of(kinds),
            mid: format!("m{}", self.made),
            open: true,
            free: false,
            direction: "sendonly",
            repairs: self.dice.one_of([true, false]),
        };
        let place = self.dice.one_of([0, 1, 2, 3, 4, 5, 6, 7]);
        let change = self.dice.one_of([0, 1, 2, 3]);
        let direction = self.dice.one_of(["sendonly", "inactive", "sendrecv", "recvonly"]);
        let more = self.sections.len() < 6;
        match self.sections.get_mut(place) {
            None if more => self.sections.push(new),
            Some(section) if section.free => *section = new,
            Some(section) if section.open => match change {
                0 => section.open = false,
                1 => section.repairs = !section.repairs,
                2 => section.direction = direction,
                _ => self.restarts += 1,
            },
            Some(_) | None => {}
        }
    }

    fn offer(&mut self) -> String {
        let open = self.sections.iter().filter(|section| section.open);
        let mut group: Vec<&str> = open.map(|section| section.mid.as_str()).collect();
        if self.dice.one_of([true, false, false]) {
            group.reverse();
        }
        let transport = TRANSPORT.replace("abcd", &format!("abcd{}", self.restarts));
        let sections: String = self.sections.iter().map(|section| section.text(&transport)).collect();
        let offer = format!("{SESSION}a=group:BUNDLE {}\r\n{sections}", group.join(" "));
        for section in &mut self.sections {
            section.free = !section.open;
        }
        offer
    }
}

/// Of any chain of offers that a client may make, each is answered as it was offered.
#[test]
fn whatever_a_client_changes_its_offers_are_answered() {
    for seed in 0..300 {
        let mut client = Fickle { dice: Dice(seed), sections: vec![], made: 0, restarts: 0 };
        // The first offer has something to take.
        client.change();
        let mut offers = vec![client.offer()];
        for _ in 0..9 {
            client.change();
            client.change();
            offers.push(client.offer());
        }
        for (offer, answer) in offers.iter().zip(answers(&offers)) {
            agrees(offer, &answer, seed);
        }
    }
}

/// An answer says of each section what was offered of it, or a part of that.
fn agrees(offer: &str, answer: &str, seed: u64) {
    let context = || format!("seed {seed}:\n{offer}\n{answer}");
    let split = |sdp: &str| -> Vec<Vec<String>> {
        sdp.split("\r\nm=").map(|section| section.lines().map(str::to_owned).collect()).collect()
    };
    let (offered, answered) = (split(offer), split(answer));
    assert_eq!(offered.len(), answered.len(), "{}", context());
    let mids = |sections: &[Vec<String>]| -> Vec<String> {
        let group =
            sections[0].iter().find_map(|line| line.strip_prefix("a=group:BUNDLE ")).unwrap_or_default();
        group.split(' ').filter(|mid| !mid.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(mids(&offered), mids(&answered), "{}", context());
    for (offered, answered) in offered.iter().zip(&answered).skip(1) {
        let words =
            |section: &[String]| -> Vec<String> { section[0].split(' ').map(str::to_owned).collect() };
        let (asked, said) = (words(offered), words(answered));
        assert_eq!((&asked[..3], asked.len() >= said.len()), (&said[..3], true), "{}", context());
        assert!(said[3..].iter().all(|format| asked.contains(format)) && said.len() > 3, "{}", context());
        let kinds = ["a=mid:", "a=rtpmap:", "a=rtcp-fb:", "a=extmap:"];
        let known = |line: &&String| kinds.iter().any(|kind| line.starts_with(kind));
        assert!(answered.iter().filter(known).all(|line| offered.contains(line)), "{}", context());
        let sends = offered.iter().any(|line| line == "a=sendonly" || line == "a=sendrecv");
        let takes = answered.iter().any(|line| line == "a=recvonly");
        assert_eq!(takes, sends && said[1] != "0", "{}", context());
    }
}

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        choices[usize::try_from(self.0 >> 33).unwrap() % N]
    }
}
