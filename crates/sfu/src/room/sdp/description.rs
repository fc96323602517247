//! The contents of a client's offer or answer.

use str0m::media::{MediaKind, Rid};

use super::codecs::{self, Codec, H264, Payload};
use super::lines::{Attributes, Lines, MediaLines};
use super::refused::Refused;
use crate::room::demux::ExtensionIds;
use crate::room::limits::{MAX_LAYERS, MAX_SDP_BYTES, MAX_SECTIONS};

/// The profiles of RTP that a section may name (RFC 8829 §5.1.2). All mean DTLS-SRTP there.
const RTP: [&str; 8] = [
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/DTLS/RTP/SAVPF",
    "TCP/DTLS/RTP/SAVP",
    "RTP/SAVPF",
    "RTP/SAVP",
    "RTP/AVPF",
    "RTP/AVP",
];
/// The profiles of data channels (RFC 8841 §4, and those of its drafts).
const SCTP: [&str; 3] = ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"];
/// The header extensions that the SFU uses or passes on.
const EXTENSIONS: [&str; 6] = [
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:3gpp:video-orientation",
    MID,
    RID,
    REPAIRED_RID,
];
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// The ids that a one-byte header extension can have (RFC 8285 §4.2).
const EXTENSION_IDS: std::ops::RangeInclusive<u8> = 1..=14;

/// Which of the two a client's description is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The client offers: the SFU is to receive what it sends.
    Offer,
    /// The client answers an offer of the SFU's: it receives.
    Answer,
}

/// A client's offer or answer. Equality ignores candidates.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// `None` where no section is taken.
    pub(crate) transport: Option<Transport>,
    /// All media sections, in their order.
    pub(crate) sections: Vec<Section>,
    /// The indices of those that are taken, in the order of the BUNDLE group if there is one.
    pub(super) taken: Vec<usize>,
    pub(super) bundled: bool,
}

/// The one transport that all taken sections share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transport {
    /// Identifies the connection: another certificate is another connection. `sha-256 <hex>`, in lower case.
    pub(crate) fingerprint: String,
    pub(super) ufrag: String,
    pub(super) password: String,
    pub(super) setup: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
    Data,
    /// Nothing that the SFU supports.
    Other,
}

impl From<MediaKind> for Kind {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(super) kind: Kind,
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) formats: Vec<String>,
    pub(super) mid: Option<String>,
    /// The SFU supports it, and its author has not rejected it.
    pub(super) taken: bool,
    /// Whether media is sent in it …
    pub(crate) sends: bool,
    /// … and received.
    pub(super) receives: bool,
    /// The stream that the track belongs to (`a=msid`): keeps a camera and a screen apart. `-` is none.
    pub(crate) stream: String,
    /// The track's own id; empty if it has none.
    pub(crate) track: String,
    /// Simulcast encodings (RFC 8853), in the client's order.
    pub(super) rids: Vec<String>,
    pub(crate) payloads: Vec<Payload>,
    pub(super) extensions: Vec<Extension>,
    /// SSRCs that it announces, each with that of its retransmissions.
    pub(super) sources: Vec<(u32, Option<u32>)>,
    pub(super) max_message_size: Option<u32>,
}

/// A header extension of a section (RFC 8285 §5).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) id: u8,
    pub(super) uri: &'static str,
    /// The client sends it, and does not receive it.
    pub(super) one_way: bool,
}

impl Description {
    pub(crate) fn offer(sdp: &str) -> Result<Self, Refused> {
        Self::read(sdp, Role::Offer)
    }

    pub(crate) fn answer(sdp: &str) -> Result<Self, Refused> {
        Self::read(sdp, Role::Answer)
    }

    /// Of several transports the first is taken: the sections that share it (RFC 9143 §7.3), and no others.
    /// Candidates are not read: an ICE-lite agent needs none.
    fn read(sdp: &str, role: Role) -> Result<Self, Refused> {
        if sdp.len() > MAX_SDP_BYTES {
            return Err(Refused::TooLong);
        }
        let lines = Lines::read(sdp)?;
        if lines.sections.len() > MAX_SECTIONS {
            return Err(Refused::TooManySections);
        }
        if lines.session.has("ice-lite") {
            return Err(Refused::IceLite);
        }
        let mut sections: Vec<Section> =
            lines.sections.iter().map(|section| Section::read(section, &lines.session, role)).collect();
        if alike(&sections, &lines) {
            return Err(Refused::MidTwice);
        }
        let (taken, bundled) = take(&mut sections, &lines, role);
        let mut attributes =
            taken.iter().filter_map(|place| lines.sections.get(*place)).map(|lines| &lines.attributes);
        let transport = match attributes.next() {
            Some(tag) => Some(Transport::read(tag, &lines.session, &attributes.collect::<Vec<_>>())?),
            None => None,
        };
        Ok(Self { transport, sections, taken, bundled })
    }

    /// The H264 format that most receivers can decode.
    pub(crate) fn h264(&self) -> Option<H264> {
        let payloads =
            self.sections.iter().filter(|section| section.taken).flat_map(|section| &section.payloads);
        let formats = payloads.filter_map(|payload| match payload.codec {
            Codec::H264(format) => Some(format),
            Codec::Opus | Codec::Vp8 | Codec::Rtx(_) => None,
        });
        formats.min_by_key(|format| format.rank())
    }

    /// The ids of the header extensions that identify a packet's stream.
    pub(crate) fn extension_ids(&self) -> ExtensionIds {
        let taken = self.sections.iter().filter(|section| section.taken);
        let extensions: Vec<_> = taken.flat_map(|section| &section.extensions).collect();
        let id = |uri: &str| extensions.iter().find(|known| known.uri == uri).map(|known| known.id);
        ExtensionIds { mid: id(MID), rid: id(RID), repaired_rid: id(REPAIRED_RID) }
    }
}

/// Whether two sections that are not rejected have the same `mid`.
fn alike(sections: &[Section], lines: &Lines<'_>) -> bool {
    let open = sections.iter().zip(&lines.sections).filter(|(_, lines)| lines.port != 0);
    let mids: Vec<&String> = open.filter_map(|(section, _)| section.mid.as_ref()).collect();
    mids.iter().enumerate().any(|(place, mid)| mids.iter().skip(place + 1).any(|other| other == mid))
}

/// Chooses the sections that are taken: the first that can be, and those which are bundled with it. Answers
/// their indices, and whether there is a group: then the section that it lists first is the tagged one (RFC
/// 9143 §7.2.1).
///
/// A section with port 0 is rejected by its author (RFC 8829 §5.3.1), unless it is in a group, whose port it
/// shares.
fn take(sections: &mut [Section], lines: &Lines<'_>, role: Role) -> (Vec<usize>, bool) {
    let groups: Vec<Vec<&str>> = lines.session.all("group").filter_map(bundle).collect();
    let is_open = |section: &Section, lines: &MediaLines<'_>| {
        // What is not offered cannot be agreed (RFC 5761 §5.1.1), and there is one port for both.
        let muxed = role == Role::Answer
            || ["rtcp-mux", "rtcp-mux-only"].iter().any(|name| lines.attributes.has(name));
        let usable = match section.kind {
            Kind::Audio | Kind::Video => muxed && !section.payloads.is_empty(),
            Kind::Data => true,
            Kind::Other => false,
        };
        let listed = |group: &Vec<&str>| section.mid().is_some_and(|mid| group.contains(&mid));
        usable && (lines.port != 0 || groups.iter().any(listed))
    };
    let mut open: Vec<usize> = vec![];
    for (place, (section, lines)) in sections.iter().zip(&lines.sections).enumerate() {
        // There is one association for data channels (RFC 8829 §5.2.1).
        let second = section.kind == Kind::Data
            && open.iter().any(|other| sections.get(*other).is_some_and(|other| other.kind == Kind::Data));
        if is_open(section, lines) && !second {
            open.push(place);
        }
    }
    let Some(first) = open.first().copied() else { return (vec![], false) };
    let mid = |place: usize| sections.get(place).and_then(Section::mid);
    let group = mid(first).and_then(|mid| groups.iter().find(|group| group.contains(&mid)));
    let taken = match group {
        Some(group) => group
            .iter()
            .filter_map(|member| open.iter().copied().find(|place| mid(*place) == Some(*member)))
            .collect(),
        None => vec![first],
    };
    let bundled = group.is_some();
    for place in &taken {
        if let Some(section) = sections.get_mut(*place) {
            section.taken = true;
        }
    }
    (taken, bundled)
}

fn bundle(group: &str) -> Option<Vec<&str>> {
    let mut words = group.split_whitespace();
    (words.next() == Some("BUNDLE")).then(|| words.collect())
}

impl Transport {
    /// Reads each attribute from the tagged section or the session, else from any other section.
    fn read(
        tag: &Attributes<'_>,
        session: &Attributes<'_>,
        others: &[&Attributes<'_>],
    ) -> Result<Self, Refused> {
        let sayings = || [tag, session].into_iter().chain(others.iter().copied());
        let find = |name| sayings().find_map(|attributes| attributes.first(name));
        let (Some(ufrag), Some(password)) = (find("ice-ufrag"), find("ice-pwd")) else {
            return Err(Refused::NoIce);
        };
        let fingerprint = sayings().find_map(|attributes| {
            attributes.all("fingerprint").map(str::to_ascii_lowercase).find(|value| is_sha_256(value))
        });
        let setup = match find("setup") {
            Some("active") => "active",
            Some("passive") => "passive",
            _ => "actpass",
        };
        Ok(Self {
            fingerprint: fingerprint.ok_or(Refused::NoFingerprint)?,
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
            setup,
        })
    }
}

/// Whether it is `sha-256` and 32 bytes. Weaker ones are not to be used (RFC 8827 §6.5), and stronger ones
/// are not known to str0m.
fn is_sha_256(fingerprint: &str) -> bool {
    let is_byte = |byte: &str| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit());
    fingerprint.strip_prefix("sha-256 ").is_some_and(|bytes| {
        let mut bytes = bytes.split(':');
        bytes.by_ref().take(32).filter(|byte| is_byte(byte)).count() == 32 && bytes.next().is_none()
    })
}

impl Section {
    fn read(lines: &MediaLines<'_>, session: &Attributes<'_>, role: Role) -> Self {
        let attributes = &lines.attributes;
        let kind = match lines.media {
            "audio" if RTP.contains(&lines.proto) => Kind::Audio,
            "video" if RTP.contains(&lines.proto) => Kind::Video,
            "application" if SCTP.contains(&lines.proto) && lines.formats == ["webrtc-datachannel"] => {
                Kind::Data
            }
            _ => Kind::Other,
        };
        let media = matches!(kind, Kind::Audio | Kind::Video);
        let (sends, receives) = direction(attributes).or_else(|| direction(session)).unwrap_or((true, true));
        let (stream, track) = track(attributes);
        Self {
            kind,
            media: lines.media.to_owned(),
            proto: lines.proto.to_owned(),
            formats: lines.formats.iter().map(|format| (*format).to_owned()).collect(),
            mid: attributes.first("mid").map(str::to_owned),
            taken: false,
            sends: media && sends,
            receives: media && receives,
            stream,
            track,
            rids: attributes.first("simulcast").map(sent_rids).unwrap_or_default(),
            payloads: if media { codecs::read(lines) } else { vec![] },
            extensions: if media { extensions(attributes, session, role) } else { vec![] },
            sources: if media { sources(attributes) } else { vec![] },
            max_message_size: attributes
                .first("max-message-size")
                .map(|size| size.parse().unwrap_or(u32::MAX)),
        }
    }

    pub(crate) fn mid(&self) -> Option<&str> {
        self.mid.as_deref()
    }

    /// Its simulcast encodings, in the client's order.
    pub(crate) fn rids(&self) -> impl Iterator<Item = &str> {
        self.rids.iter().map(String::as_str)
    }

    /// The `rid`s in str0m, in the client's order: the client's own if they are at most eight letters and
    /// digits.
    pub(crate) fn known_rids(&self) -> Vec<Rid> {
        let mut known: Vec<Rid> = vec![];
        for rid in &self.rids {
            let plain = rid.len() <= 8 && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let wanted = plain.then(|| Rid::from(rid.as_str())).into_iter();
            let others = (0..=self.rids.len()).map(|number| Rid::from(format!("x{number}").as_str()));
            known.extend(wanted.chain(others).find(|rid| !known.contains(rid)));
        }
        known
    }

    /// Its simulcast encodings: from the smallest if their `rid`s are those of `docs/MEDIA.md`, else in the
    /// client's order.
    pub(crate) fn layers(&self) -> Vec<Rid> {
        let mut rids: Vec<(Option<usize>, Rid)> =
            self.rids.iter().map(|rid| rank(rid)).zip(self.known_rids()).collect();
        if self.is_sorted() {
            rids.sort_by_key(|(rank, _)| *rank);
        }
        rids.into_iter().map(|(_, rid)| rid).collect()
    }

    /// Whether its `rid`s show which encoding is the smallest.
    pub(crate) fn is_sorted(&self) -> bool {
        self.rids.iter().all(|rid| rank(rid).is_some())
    }
}

fn rank(rid: &str) -> Option<usize> {
    ["l", "m", "h"].iter().position(|known| *known == rid)
}

/// Whether media is sent, and received. The default is the session's direction, and then both (RFC 8866
/// §6.7).
fn direction(attributes: &Attributes<'_>) -> Option<(bool, bool)> {
    let directions = attributes.iter().filter_map(|line| match line {
        "sendrecv" => Some((true, true)),
        "sendonly" => Some((true, false)),
        "recvonly" => Some((false, true)),
        "inactive" => Some((false, false)),
        _ => None,
    });
    directions.last()
}

/// The stream and the track's own id, from `a=msid` (RFC 8830) or, as older clients have it, from `a=ssrc`.
fn track(attributes: &Attributes<'_>) -> (String, String) {
    let source = |value: &'_ str| value.split_once(" msid:").map(|(_, ids)| ids.to_owned());
    let ids = attributes.first("msid").map(str::to_owned).or_else(|| attributes.all("ssrc").find_map(source));
    let ids = ids.unwrap_or_default();
    let mut words = ids.split_whitespace().map(token).filter(|id| !id.is_empty());
    (words.next().unwrap_or_else(|| "-".to_owned()), words.next().unwrap_or_default())
}

/// An id with the characters of RFC 8830 §2.
fn token(id: &str) -> String {
    id.chars().filter(char::is_ascii_graphic).take(64).collect()
}

/// The encodings of `send h;m;l recv …` (RFC 8853 §5.1), an alternative's first choice and a paused one
/// included.
fn sent_rids(simulcast: &str) -> Vec<String> {
    let mut words = simulcast.split_whitespace();
    let Some(list) = words.by_ref().find(|word| *word == "send").and_then(|_| words.next()) else {
        return vec![];
    };
    let mut rids: Vec<String> = vec![];
    for rid in list.split(';').filter_map(|streams| streams.split(',').next()) {
        let rid = rid.trim_start_matches('~');
        if !rid.is_empty() && !rids.iter().any(|known| known == rid) {
            rids.push(rid.to_owned());
        }
    }
    rids.truncate(MAX_LAYERS);
    rids
}

/// The supported header extensions of a section, the session's included. In an offer those that the client
/// does not send are left out, in an answer those that it does not receive.
fn extensions(attributes: &Attributes<'_>, session: &Attributes<'_>, role: Role) -> Vec<Extension> {
    let unused = if role == Role::Offer { "recvonly" } else { "sendonly" };
    let mut found: Vec<Extension> = vec![];
    for value in attributes.all("extmap").chain(session.all("extmap")) {
        let mut words = value.split_whitespace();
        let (id, direction) =
            words.next().map(|id| id.split_once('/').unwrap_or((id, ""))).unwrap_or_default();
        let id = id.parse().ok().filter(|id| EXTENSION_IDS.contains(id));
        let uri = words.next().and_then(|uri| EXTENSIONS.iter().find(|known| **known == uri));
        if let (Some(id), Some(uri)) = (id, uri)
            && ![unused, "inactive"].contains(&direction)
            && !found.iter().any(|known| known.id == id || known.uri == *uri)
        {
            found.push(Extension { id, uri, one_way: direction == "sendonly" });
        }
    }
    found
}

/// The SSRCs that a section announces, with those of their retransmissions (RFC 5576).
fn sources(attributes: &Attributes<'_>) -> Vec<(u32, Option<u32>)> {
    let number = |word: &str| word.parse::<u32>().ok().filter(|ssrc| *ssrc != 0);
    let pairs: Vec<(u32, u32)> = attributes
        .all("ssrc-group")
        .filter_map(|group| {
            let mut words = group.split_whitespace();
            let pair = (words.next() == Some("FID")).then(|| (words.next(), words.next()))?;
            Some((number(pair.0?)?, number(pair.1?)?))
        })
        .collect();
    let mut found: Vec<(u32, Option<u32>)> = vec![];
    for ssrc in attributes.all("ssrc").filter_map(|value| number(value.split(' ').next()?)) {
        let repairs = pairs.iter().any(|(_, repair)| *repair == ssrc);
        if !repairs && !found.iter().any(|(known, _)| *known == ssrc) {
            found.push((ssrc, pairs.iter().find(|(main, _)| *main == ssrc).map(|(_, repair)| *repair)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_that_a_group_lists_first_says_the_transport() {
        let section = |media: &str, mid: &str| {
            format!(
                "m={media} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\na=rtcp-mux\r\na=rtpmap:96 {}\r\na=ice-ufrag:of-{mid}\r\na=ice-pwd:{mid}\r\n",
                if media == "audio" { "opus/48000/2" } else { "VP8/90000" }
            )
        };
        let fingerprint = ["00"; 32].join(":");
        let ufrag = |group: &str| {
            let session = format!("v=0\r\na=group:BUNDLE {group}\r\na=fingerprint:sha-256 {fingerprint}\r\n");
            let offer =
                Description::offer(&(session + &section("audio", "a") + &section("video", "v"))).unwrap();
            (offer.transport.unwrap().ufrag, offer.taken)
        };
        assert_eq!(ufrag("a v"), ("of-a".to_owned(), vec![0, 1]));
        assert_eq!(ufrag("v a"), ("of-v".to_owned(), vec![1, 0]));
        assert_eq!(ufrag("x v a"), ("of-v".to_owned(), vec![1, 0]));
        assert_eq!(ufrag("v x"), ("of-a".to_owned(), vec![0]), "the first that can be taken is in no group");
    }
}
