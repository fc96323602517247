//! A client's descriptions in str0m's terms, and str0m's answers in the client's.

use std::fmt::Write;

use str0m::media::Mid;

use super::Refused;
use super::codecs::{Codec, Payload};
use super::description::{Description, Kind, Section};
use super::lines::{Attributes, Lines, MediaLines};

/// Which media section of a client's descriptions is which of str0m's, for the life of a connection.
///
/// str0m knows those sections that have ever been taken, in the order in which they first were; the others are answered
/// without it. It calls a section as the client does where it can: its `mid`s have sixteen letters and digits.
#[derive(Clone, Default)]
pub(crate) struct Places(Vec<Place>);

#[derive(Clone)]
struct Place {
    /// The section's place among the client's.
    line: usize,
    kind: Kind,
    mid: Mid,
    /// What the client calls it.
    name: Option<String>,
}

/// Who made the description that is to be put into str0m's terms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The client: the SFU is to receive what it sends.
    Offer,
    /// The client, of an offer of the SFU's: it receives.
    Answer,
}

impl Places {
    /// The sections of an offer of the SFU's own.
    pub(crate) fn of_own(sections: impl Iterator<Item = (Kind, Mid)>) -> Self {
        let place = |(line, (kind, mid)): (usize, (Kind, Mid))| Place { line, kind, mid, name: None };
        Self(sections.enumerate().map(place).collect())
    }

    /// The client's offer in str0m's terms. The sections that it takes for the first time get a place.
    pub(crate) fn offer(&mut self, offer: &Description) -> String {
        for (line, section) in offer.sections.iter().enumerate().filter(|(_, section)| section.taken) {
            self.settle(line, section);
        }
        self.write(offer, Role::Offer)
    }

    /// The client's answer to an offer of the SFU's, in str0m's terms.
    pub(crate) fn answer(&self, answer: &Description) -> Result<String, Refused> {
        if answer.sections.len() != self.0.len() {
            return Err(Refused::Inconsistent);
        }
        Ok(self.write(answer, Role::Answer))
    }

    /// What str0m calls the client's section at `line`, if it knows it.
    pub(crate) fn mid(&self, line: usize) -> Option<Mid> {
        self.0.iter().find(|place| place.line == line).map(|place| place.mid)
    }

    /// A section with another `mid` in the place of one that was closed is a new one (RFC 8829 §5.2.2).
    fn settle(&mut self, line: usize, section: &Section) {
        let known = self.0.iter().position(|place| place.line == line);
        let place = known.and_then(|known| self.0.get(known));
        if place.is_some_and(|place| place.name == section.mid && place.kind == section.kind) {
            return;
        }
        let mid = self.free(section.mid.as_deref());
        let place = Place { line, kind: section.kind, mid, name: section.mid.clone() };
        match known.and_then(|known| self.0.get_mut(known)) {
            Some(known) => *known = place,
            None => self.0.push(place),
        }
    }

    fn free(&self, name: Option<&str>) -> Mid {
        let plain = |name: &&str| name.len() <= 16 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let wanted = name.filter(plain).map(Mid::from).into_iter();
        let others = (0..=self.0.len()).map(|number| Mid::from(format!("x{number}").as_str()));
        let is_free = |mid: &Mid| !self.0.iter().any(|place| place.mid == *mid);
        wanted.chain(others).find(is_free).unwrap_or_default()
    }

    fn write(&self, description: &Description, role: Role) -> String {
        let section = |place: &Place| description.sections.get(place.line).filter(|section| section.taken);
        let mut sdp = String::with_capacity(4_096);
        sdp.push_str("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
        for place in self.0.iter().filter(|place| section(place).is_some()) {
            push(&mut sdp, format_args!(" {}", place.mid));
        }
        let transport = &description.transport;
        push(
            &mut sdp,
            format_args!("\r\na=ice-ufrag:{}\r\na=ice-pwd:{}", transport.ufrag, transport.password),
        );
        push(&mut sdp, format_args!("\r\na=fingerprint:{}", transport.fingerprint));
        push(&mut sdp, format_args!("\r\na=setup:{}\r\n", transport.setup));
        for place in &self.0 {
            match section(place) {
                Some(section) if place.kind == Kind::Data => write_data(&mut sdp, place, section),
                Some(section) => write_media(&mut sdp, place, section, role),
                None => write_closed(&mut sdp, place),
            }
        }
        sdp
    }

    /// str0m's answer in the words of the client's offer.
    pub(crate) fn restore(&self, offer: &Description, answer: &str) -> Result<String, Refused> {
        let origin = answer.lines().find(|line| line.starts_with("o=")).ok_or(Refused::Inconsistent)?;
        let lines = Lines::read(answer)?;
        let of = |line: usize| {
            let place = self.0.iter().position(|place| place.line == line)?;
            let answered = lines.sections.get(place)?;
            let section = offer.sections.get(line).filter(|section| section.taken)?;
            // Without a codec that both sides know nothing is left of a section.
            (section.kind == Kind::Data || !answered.formats.is_empty()).then_some((section, answered))
        };
        let taken: Vec<_> = (0..offer.sections.len()).map(of).collect();
        let Some(tag) = taken.iter().position(Option::is_some) else { return Err(Refused::NothingToTake) };
        let mut sdp = format!("v=0\r\n{origin}\r\ns=-\r\nt=0 0\r\n");
        if offer.bundled {
            sdp.push_str("a=group:BUNDLE");
            for mid in taken.iter().flatten().filter_map(|(section, _)| section.mid.as_deref()) {
                push(&mut sdp, format_args!(" {mid}"));
            }
            sdp.push_str("\r\n");
        }
        if lines.session.has("ice-lite") {
            sdp.push_str("a=ice-lite\r\n");
        }
        for (line, (section, answered)) in offer.sections.iter().zip(taken).enumerate() {
            let Some((_, answered)) = answered else {
                reject(&mut sdp, section);
                continue;
            };
            accept(&mut sdp, section, answered);
            // The section that stands for the transport has its candidates: str0m has them in its first.
            if line == tag {
                for candidate in lines.sections.iter().flat_map(|section| candidates(&section.attributes)) {
                    push(&mut sdp, format_args!("a={candidate}\r\n"));
                }
            }
        }
        Ok(sdp)
    }
}

fn push(sdp: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = sdp.write_fmt(words);
}

fn write_data(sdp: &mut String, place: &Place, section: &Section) {
    push(
        sdp,
        format_args!(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=sctp-port:5000\r\n",
            place.mid
        ),
    );
    if let Some(size) = section.max_message_size {
        push(sdp, format_args!("a=max-message-size:{size}\r\n"));
    }
}

fn write_closed(sdp: &mut String, place: &Place) {
    let words = match place.kind {
        Kind::Audio => "audio 0 UDP/TLS/RTP/SAVPF 0",
        Kind::Video | Kind::Other => "video 0 UDP/TLS/RTP/SAVPF 0",
        Kind::Data => "application 0 UDP/DTLS/SCTP webrtc-datachannel",
    };
    push(sdp, format_args!("m={words}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n", place.mid));
}

fn write_media(sdp: &mut String, place: &Place, section: &Section, role: Role) {
    let media = if place.kind == Kind::Audio { "audio" } else { "video" };
    push(sdp, format_args!("m={media} 9 UDP/TLS/RTP/SAVPF"));
    for payload in &section.payloads {
        push(sdp, format_args!(" {}", payload.pt));
    }
    let direction = match role {
        // What the client could receive here is of no interest: nothing is sent on its own connection.
        Role::Offer if section.sends => "sendonly",
        Role::Answer if section.receives => "recvonly",
        Role::Offer | Role::Answer => "inactive",
    };
    push(sdp, format_args!("\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={direction}\r\na=rtcp-mux\r\n", place.mid));
    for (id, uri) in &section.extensions {
        push(sdp, format_args!("a=extmap:{id} {uri}\r\n"));
    }
    for payload in &section.payloads {
        write_payload(sdp, payload);
    }
    if role == Role::Offer && !section.rids.is_empty() {
        let rids = section.known_rids();
        for rid in &rids {
            push(sdp, format_args!("a=rid:{rid} send\r\n"));
        }
        let rids: Vec<String> = rids.iter().map(ToString::to_string).collect();
        push(sdp, format_args!("a=simulcast:send {}\r\n", rids.join(";")));
    }
    for (ssrc, repair) in &section.sources {
        push(sdp, format_args!("a=ssrc:{ssrc} cname:-\r\n"));
        if let Some(repair) = repair {
            push(sdp, format_args!("a=ssrc:{repair} cname:-\r\na=ssrc-group:FID {ssrc} {repair}\r\n"));
        }
    }
}

fn write_payload(sdp: &mut String, payload: &Payload) {
    let pt = payload.pt;
    push(sdp, format_args!("a=rtpmap:{pt} {}\r\n", payload.codec.map()));
    for feedback in &payload.feedback {
        push(sdp, format_args!("a=rtcp-fb:{pt} {feedback}\r\n"));
    }
    match (payload.codec, &payload.parameters) {
        (Codec::H264(format), _) => push(sdp, format_args!("a=fmtp:{pt} {}\r\n", format.parameters())),
        (_, Some(parameters)) => push(sdp, format_args!("a=fmtp:{pt} {parameters}\r\n")),
        (_, None) => {}
    }
}

/// A section that the client hears is not taken (RFC 3264 §6).
fn reject(sdp: &mut String, section: &Section) {
    let formats = section.formats.iter().map(String::as_str);
    let words: Vec<&str> =
        [section.media.as_str(), "0", section.proto.as_str()].into_iter().chain(formats).collect();
    push(sdp, format_args!("m={}\r\nc=IN IP4 0.0.0.0\r\n", words.join(" ")));
    if let Some(mid) = &section.mid {
        push(sdp, format_args!("a=mid:{mid}\r\n"));
    }
    sdp.push_str("a=inactive\r\n");
}

/// A section that is taken: what str0m says of it, under the names that the client has for its parts.
fn accept(sdp: &mut String, section: &Section, answered: &MediaLines<'_>) {
    let formats =
        if section.kind == Kind::Data { section.formats.join(" ") } else { answered.formats.join(" ") };
    push(sdp, format_args!("m={} 9 {} {formats}\r\nc=IN IP4 0.0.0.0\r\n", section.media, section.proto));
    if let Some(mid) = &section.mid {
        push(sdp, format_args!("a=mid:{mid}\r\n"));
    }
    for line in answered.attributes.iter() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let (pt, rest) = value.split_once(' ').unwrap_or((value, ""));
        let payload = section.payloads.iter().find(|payload| pt.parse() == Ok(payload.pt));
        match name {
            // Said above, below, or of the section that stands for the transport; nothing is sent on this connection.
            "mid" | "rid" | "candidate" | "end-of-candidates" | "msid" | "ssrc" | "ssrc-group" => {}
            // An answer has no feedback that was not offered (RFC 4585 §4.2), which str0m does not heed.
            "rtcp-fb"
                if payload.is_some_and(|payload| !payload.feedback.iter().any(|known| known == rest)) => {}
            "rtpmap" if let Some(payload) = payload => {
                push(sdp, format_args!("a=rtpmap:{pt} {}\r\n", payload.map));
            }
            "fmtp" if let Some(Payload { codec: Codec::H264(_), parameters, .. }) = payload => {
                // The profile is not to be negotiated, and the level may be as the client can send it (RFC 6184 §8.2.2).
                if let Some(parameters) = parameters {
                    push(sdp, format_args!("a=fmtp:{pt} {parameters}\r\n"));
                }
            }
            "simulcast" => {
                for rid in &section.rids {
                    push(sdp, format_args!("a=rid:{rid} recv\r\n"));
                }
                push(sdp, format_args!("a=simulcast:recv {}\r\n", section.rids.join(";")));
            }
            _ => push(sdp, format_args!("a={line}\r\n")),
        }
    }
}

fn candidates<'a>(attributes: &Attributes<'a>) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(|line| line.starts_with("candidate:") || *line == "end-of-candidates")
}
