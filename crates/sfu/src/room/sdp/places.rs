//! Translates a client's descriptions for str0m, and str0m's answers for the client.

use std::fmt::Write;

use str0m::format::PayloadParams;
use str0m::media::Mid;

use super::codecs::{Agreed, Codec, Payload};
use super::description::{Description, Extension, Kind, Role, Section, Transport};
use super::lines::{Attributes, Lines, MediaLines};
use super::refused::Refused;
use crate::room::limits::MAX_SDP_BYTES;

/// Maps the media sections of a client's descriptions to str0m's, for as long as the connection lasts.
///
/// str0m has the sections that have ever been taken, in the order in which they first were; the others are
/// answered without it. A section has the client's `mid` in str0m too, if that is at most sixteen letters and
/// digits.
#[derive(Clone, Default)]
pub(crate) struct Places {
    places: Vec<Place>,
    /// How many answers there have been.
    version: u64,
}

#[derive(Clone)]
struct Place {
    /// The index among the client's sections; `None` once a section of another kind has taken that index.
    line: Option<usize>,
    kind: Kind,
    mid: Mid,
    /// The client's `mid`.
    name: Option<String>,
    /// It was not taken the last time: str0m's section is stopped, and a section that reuses it has another
    /// `mid`.
    closed: bool,
}

impl Places {
    /// The sections of an offer of the SFU's own.
    pub(crate) fn of_own(sections: impl Iterator<Item = (Kind, Mid)>) -> Self {
        let place = |(line, (kind, mid)): (usize, (Kind, Mid))| Place {
            line: Some(line),
            kind,
            mid,
            name: None,
            closed: false,
        };
        Self { places: sections.enumerate().map(place).collect(), version: 0 }
    }

    /// The client's offer as str0m takes it, on this transport. Sections that are taken for the first time
    /// get a place.
    pub(crate) fn offer(&mut self, offer: &Description, transport: &Transport) -> String {
        for (line, section) in offer.sections.iter().enumerate().filter(|(_, section)| section.taken) {
            self.settle(line, section);
        }
        for place in &mut self.places {
            place.closed = place.line.is_none_or(|line| !offer.taken.contains(&line));
        }
        self.write(offer, transport, Role::Offer)
    }

    /// The client's answer as str0m takes it; nothing if all sections are rejected.
    pub(crate) fn answer(&self, answer: &Description) -> Result<Option<String>, Refused> {
        if answer.sections.len() != self.places.len() {
            return Err(Refused::Inconsistent);
        }
        Ok(answer.transport.as_ref().map(|transport| self.write(answer, transport, Role::Answer)))
    }

    /// The `mid`s in str0m of closed sections.
    pub(crate) fn closed(&self) -> Vec<Mid> {
        self.places.iter().filter(|place| place.closed).map(|place| place.mid).collect()
    }

    /// The `mid` in str0m of the client's section at index `line`.
    pub(crate) fn mid(&self, line: usize) -> Option<Mid> {
        self.places.iter().find(|place| place.line == Some(line)).map(|place| place.mid)
    }

    /// A section in the place of one that was closed is a new one (RFC 8829 §5.2.2), of whatever kind.
    fn settle(&mut self, line: usize, section: &Section) {
        let mid = self.free(section.mid());
        let name = section.mid().map(str::to_owned);
        let known = self.places.iter().position(|place| place.line == Some(line));
        let of_kind = |place: &Place| place.kind == section.kind;
        // str0m's section for this index; else one of the same kind that is no longer in use. str0m has one
        // section for data channels, whatever its index at the client.
        let known_of_kind = known.filter(|known| self.places.get(*known).is_some_and(of_kind));
        let is_left = |place: &Place| of_kind(place) && (place.line.is_none() || place.kind == Kind::Data);
        let found = known_of_kind.or_else(|| self.places.iter().position(is_left));
        if let Some(known) =
            known.filter(|known| found != Some(*known)).and_then(|known| self.places.get_mut(known))
        {
            known.line = None;
        }
        let Some(place) = found.and_then(|found| self.places.get_mut(found)) else {
            return self.places.push(Place {
                line: Some(line),
                kind: section.kind,
                mid,
                name,
                closed: false,
            });
        };
        let named_anew = place.name.is_some() && name.is_some() && place.name != name;
        if (place.closed || named_anew) && section.kind != Kind::Data {
            place.mid = mid;
        }
        (place.line, place.name) = (Some(line), name);
    }

    fn free(&self, name: Option<&str>) -> Mid {
        let plain = |name: &&str| name.len() <= 16 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let wanted = name.filter(plain).map(Mid::from).into_iter();
        let others = (0..=self.places.len()).map(|number| Mid::from(format!("x{number}").as_str()));
        let is_free = |mid: &Mid| !self.places.iter().any(|place| place.mid == *mid);
        wanted.chain(others).find(is_free).unwrap_or_default()
    }

    fn write(&self, description: &Description, transport: &Transport, role: Role) -> String {
        let section = |place: &Place| description.sections.get(place.line?).filter(|section| section.taken);
        let mut sdp = String::with_capacity(4_096);
        sdp.push_str("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
        for place in self.places.iter().filter(|place| section(place).is_some()) {
            push(&mut sdp, format_args!(" {}", place.mid));
        }
        push(
            &mut sdp,
            format_args!("\r\na=ice-ufrag:{}\r\na=ice-pwd:{}", transport.ufrag, transport.password),
        );
        push(&mut sdp, format_args!("\r\na=fingerprint:{}", transport.fingerprint));
        push(&mut sdp, format_args!("\r\na=setup:{}\r\n", transport.setup));
        for place in &self.places {
            match section(place) {
                Some(section) if place.kind == Kind::Data => write_data(&mut sdp, place, section),
                Some(section) => write_media(&mut sdp, place, section, role),
                None => write_closed(&mut sdp, place),
            }
        }
        sdp
    }

    /// The answer for the client: str0m's, with the client's own `mid`s, payload types and `rid`s. A first
    /// answer that would reject every section is refused instead.
    pub(crate) fn restore(
        &mut self,
        offer: &Description,
        answer: &str,
        agreed: &Agreed,
    ) -> Result<String, Refused> {
        let lines = Lines::read(answer)?;
        let of = |line: usize| {
            let place = self.places.iter().position(|place| place.line == Some(line))?;
            let answered = lines.sections.get(place)?;
            let section = offer.sections.get(line).filter(|section| section.taken)?;
            let payloads = agreed.of(&section.payloads);
            // A section without a common codec is rejected.
            let left = section.kind == Kind::Data || !payloads.is_empty();
            left.then_some(Accepted { section, answered, payloads })
        };
        let accepted: Vec<_> = (0..offer.sections.len()).map(of).collect();
        let closed: Vec<bool> = accepted.iter().map(Option::is_none).collect();
        let taken = offer.taken.iter().filter(|line| accepted.get(**line).is_some_and(Option::is_some));
        let taken: Vec<usize> = taken.copied().collect();
        if taken.is_empty() && self.version == 0 {
            return Err(Refused::NothingToTake);
        }
        self.version += 1;
        let session = answer.lines().find_map(|line| line.strip_prefix("o=")?.split(' ').nth(1));
        let session = session.ok_or(Refused::Inconsistent)?;
        let mut head = format!("v=0\r\no=- {session} {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", self.version);
        if offer.bundled && !taken.is_empty() {
            head.push_str("a=group:BUNDLE");
            for mid in taken.iter().filter_map(|line| offer.sections.get(*line)?.mid()) {
                push(&mut head, format_args!(" {mid}"));
            }
            head.push_str("\r\n");
        }
        if lines.session.has("ice-lite") {
            head.push_str("a=ice-lite\r\n");
        }
        // str0m writes candidates in its first section only.
        let candidates: String =
            lines.sections.iter().flat_map(|section| candidates(&section.attributes)).collect();
        let write = |repeated: &Repeated| {
            let mut sdp = head.clone();
            for (line, (section, accepted)) in offer.sections.iter().zip(&accepted).enumerate() {
                let Some(accepted) = accepted else {
                    reject(&mut sdp, section);
                    continue;
                };
                let tag = taken.first() == Some(&line);
                accept(&mut sdp, accepted, tag || *repeated >= Repeated::Transport);
                if tag || *repeated >= Repeated::Candidates {
                    sdp.push_str(&candidates);
                }
            }
            sdp
        };
        let several = several_of_a_kind(accepted.iter().flatten().map(|accepted| accepted.section.kind));
        let most = if several { Repeated::Candidates } else { Repeated::Transport };
        let ways = [Repeated::Candidates, Repeated::Transport, Repeated::Nothing];
        let mut answers = ways.iter().filter(|way| **way <= most).map(write);
        let answer = answers.find(|answer| answer.len() <= MAX_SDP_BYTES).ok_or(Refused::TooLong)?;
        // Sections that are rejected here may be reused too.
        for place in &mut self.places {
            place.closed |= place.line.is_some_and(|line| closed.get(line) == Some(&true));
        }
        Ok(answer)
    }
}

/// What each section repeats of the transport. The tagged section (RFC 9143 §7.1.3) alone would do, but not
/// every client looks only there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Repeated {
    Nothing,
    Transport,
    /// The transport and the candidates.
    Candidates,
}

/// A section that is taken.
struct Accepted<'a> {
    section: &'a Section,
    /// str0m's answer to it.
    answered: &'a MediaLines<'a>,
    payloads: Vec<(&'a Payload, &'a PayloadParams)>,
}

/// Whether candidates are to be repeated in each section: aiortc has one transport for all sections of a
/// kind, and reads the candidates of the last of them.
pub(super) fn several_of_a_kind<K: PartialEq>(kinds: impl Iterator<Item = K>) -> bool {
    let kinds: Vec<K> = kinds.collect();
    kinds.iter().enumerate().any(|(place, kind)| kinds.iter().skip(place + 1).any(|other| other == kind))
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
        // Nothing is sent to the client on its producer connection, whatever it could receive.
        Role::Offer if section.sends => "sendonly",
        Role::Answer if section.receives => "recvonly",
        Role::Offer | Role::Answer => "inactive",
    };
    push(sdp, format_args!("\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={direction}\r\na=rtcp-mux\r\n", place.mid));
    for Extension { id, uri, .. } in &section.extensions {
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

/// Writes the rejection of a section (RFC 3264 §6).
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

/// Writes an accepted section: str0m's attributes, with the client's own identifiers.
fn accept(sdp: &mut String, Accepted { section, answered, payloads }: &Accepted<'_>, with_transport: bool) {
    push(sdp, format_args!("m={} 9 {}", section.media, section.proto));
    if section.kind == Kind::Data {
        push(sdp, format_args!(" {}", section.formats.join(" ")));
    }
    for (payload, _) in payloads {
        push(sdp, format_args!(" {}", payload.pt));
    }
    sdp.push_str("\r\nc=IN IP4 0.0.0.0\r\n");
    if let Some(mid) = &section.mid {
        push(sdp, format_args!("a=mid:{mid}\r\n"));
    }
    for line in answered.attributes.iter() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name {
            // Written above, below, or in the tagged section; `msid` and `ssrc` are not, as nothing is sent
            // here.
            "mid" | "rtpmap" | "fmtp" | "rtcp-fb" | "rid" | "simulcast" | "candidate"
            | "end-of-candidates" | "msid" | "ssrc" | "ssrc-group" => {}
            "ice-ufrag" | "ice-pwd" | "ice-options" | "fingerprint" | "setup" if !with_transport => {}
            "extmap" => {
                let (id, uri) = value.split_once(' ').unwrap_or_default();
                let one_way =
                    section.extensions.iter().any(|known| known.one_way && id.parse() == Ok(known.id));
                let direction = if one_way { "/recvonly" } else { "" };
                push(sdp, format_args!("a=extmap:{id}{direction} {uri}\r\n"));
            }
            _ => push(sdp, format_args!("a={line}\r\n")),
        }
    }
    for (payload, params) in payloads {
        accept_payload(sdp, payload, params);
    }
    if answered.attributes.has("simulcast") {
        for rid in &section.rids {
            push(sdp, format_args!("a=rid:{rid} recv\r\n"));
        }
        push(sdp, format_args!("a=simulcast:recv {}\r\n", section.rids.join(";")));
    }
}

fn accept_payload(sdp: &mut String, payload: &Payload, params: &PayloadParams) {
    let pt = payload.pt;
    push(sdp, format_args!("a=rtpmap:{pt} {}\r\n", payload.map));
    let known = [
        (params.fb_transport_cc(), "transport-cc"),
        (params.fb_remb(), "goog-remb"),
        (params.fb_fir(), "ccm fir"),
        (params.fb_nack(), "nack"),
        (params.fb_pli(), "nack pli"),
    ];
    // An answer has no feedback that was not offered (RFC 4585 §4.2).
    for (_, feedback) in
        known.iter().filter(|(known, word)| *known && payload.feedback.iter().any(|f| f == word))
    {
        push(sdp, format_args!("a=rtcp-fb:{pt} {feedback}\r\n"));
    }
    match (payload.codec, &payload.parameters) {
        (Codec::Opus, _) => push(sdp, format_args!("a=fmtp:{pt} minptime=10;useinbandfec=1\r\n")),
        // A profile is not to be negotiated, and the level may be as the client can send it (RFC 6184
        // §8.2.2).
        (Codec::H264(_) | Codec::Rtx(_), Some(parameters)) => {
            push(sdp, format_args!("a=fmtp:{pt} {parameters}\r\n"));
        }
        (Codec::H264(_) | Codec::Rtx(_) | Codec::Vp8, _) => {}
    }
}

fn candidates(attributes: &Attributes<'_>) -> impl Iterator<Item = String> {
    let is_candidate = |line: &&str| line.starts_with("candidate:") || *line == "end-of-candidates";
    attributes.iter().filter(is_candidate).map(|line| format!("a={line}\r\n"))
}
