//! What is read of a client's offer beside str0m's own reading, and how it is trimmed before str0m sees it.

use super::limits::{MAX_LAYERS, MAX_SDP_BYTES, MAX_SECTIONS};

/// A client's offer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Whose certificate it is: another one is another connection.
    pub(crate) fingerprint: String,
    /// The trimmed text.
    pub(crate) sdp: String,
    /// The media sections, in their order; data channels are not among them.
    pub(crate) sections: Vec<Section>,
}

/// One track that is, was or may be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) mid: String,
    /// Whether media is sent in it.
    pub(crate) sends: bool,
    /// The stream that it belongs to (`a=msid`): keeps a camera and a screen apart. `-` is none.
    pub(crate) stream: String,
    /// The track's own id.
    pub(crate) track: String,
    /// Simulcast encodings from the smallest.
    pub(crate) rids: Vec<String>,
}

/// Why an offer is not even shown to str0m.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the description is too long")]
    TooLong,
    #[error("the description has too many media sections")]
    TooManySections,
    #[error("the description has no fingerprint")]
    NoFingerprint,
}

/// Reads and trims an offer.
///
/// Trimmed are candidates (an ICE-lite agent needs none, and those with host names do not parse) and what the client
/// could receive on this connection: nothing is sent on it.
pub(crate) fn read_offer(sdp: &str) -> Result<Offer, Unreadable> {
    if sdp.len() > MAX_SDP_BYTES {
        return Err(Unreadable::TooLong);
    }
    let mut offer =
        Offer { fingerprint: String::new(), sdp: String::with_capacity(sdp.len()), sections: vec![] };
    let mut in_media = false;
    for line in sdp.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(section) = line.strip_prefix("m=") {
            in_media = section.starts_with("audio ") || section.starts_with("video ");
            if in_media {
                offer.sections.push(Section::default());
            }
            if offer.sections.len() > MAX_SECTIONS {
                return Err(Unreadable::TooManySections);
            }
        }
        if line.starts_with("a=candidate:") {
            continue;
        }
        let section = if in_media { offer.sections.last_mut() } else { None };
        let kept = match (line, section) {
            ("a=sendrecv", Some(section)) => {
                section.sends = true;
                "a=sendonly"
            }
            ("a=recvonly", Some(_)) => "a=inactive",
            (line, section) => {
                read_line(line, &mut offer.fingerprint, section);
                line
            }
        };
        offer.sdp.push_str(kept);
        offer.sdp.push_str("\r\n");
    }
    if offer.fingerprint.is_empty() { Err(Unreadable::NoFingerprint) } else { Ok(offer) }
}

fn read_line(line: &str, fingerprint: &mut String, section: Option<&mut Section>) {
    if let Some(value) = line.strip_prefix("a=fingerprint:") {
        if fingerprint.is_empty() {
            *fingerprint = value.to_ascii_lowercase();
        }
        return;
    }
    let Some(section) = section else { return };
    if line == "a=sendonly" {
        section.sends = true;
    } else if let Some(mid) = line.strip_prefix("a=mid:") {
        mid.trim().clone_into(&mut section.mid);
    } else if let Some(msid) = line.strip_prefix("a=msid:") {
        let mut words = msid.split_whitespace();
        section.stream = token(words.next().unwrap_or("-"));
        section.track = token(words.next().unwrap_or_default());
    } else if let Some(simulcast) = line.strip_prefix("a=simulcast:") {
        section.rids = sent_rids(simulcast);
    }
}

/// An id as RFC 8830 §2 has it.
fn token(id: &str) -> String {
    id.chars().filter(char::is_ascii_graphic).take(64).collect()
}

/// The encodings of `send h;m;l recv …` (RFC 8853 §5.1), an alternative's first choice and a paused one included.
fn sent_rids(simulcast: &str) -> Vec<String> {
    let mut words = simulcast.split_whitespace();
    let Some(list) = words.by_ref().find(|word| *word == "send").and_then(|_| words.next()) else {
        return vec![];
    };
    let first = |streams: &str| streams.split(',').next().map(|rid| rid.trim_start_matches('~').to_owned());
    let mut rids: Vec<String> = list.split(';').filter_map(first).take(MAX_LAYERS).collect();
    // Our clients list them from the smallest, as `docs/MEDIA.md` says; others may not, but use the same letters.
    if rids.iter().all(|rid| rank(rid).is_some()) {
        rids.sort_by_key(|rid| rank(rid));
    }
    rids
}

fn rank(rid: &str) -> Option<usize> {
    ["l", "m", "h"].iter().position(|known| *known == rid)
}

/// Puts another stream id into the media section `mid` of an offer of ours. A section whose track has ended carries
/// the next one: str0m would keep the first one's id for good.
pub(crate) fn with_stream(sdp: &str, mid: &str, stream: &str, track: &str) -> String {
    let mut sections: Vec<String> = Vec::new();
    for line in sdp.split_inclusive("\r\n") {
        match sections.last_mut() {
            Some(section) if !line.starts_with("m=") => section.push_str(line),
            _ => sections.push(line.to_owned()),
        }
    }
    let mid = format!("a=mid:{mid}\r\n");
    for section in sections.iter_mut().filter(|section| section.contains(&mid)) {
        let lines = section.split_inclusive("\r\n").map(|line| {
            if line.starts_with("a=msid:") {
                return format!("a=msid:{stream} {track}\r\n");
            }
            match line.split_once(" msid:") {
                Some((ssrc, _)) => format!("{ssrc} msid:{stream} {track}\r\n"),
                None => line.to_owned(),
            }
        });
        *section = lines.collect();
    }
    sections.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0 1 2\r\nm=audio 9 X 111\r\na=fingerprint:sha-256 AB\r\na=candidate:1 1 udp 1 h.local 9 typ host\r\na=mid:0\r\na=sendrecv\r\na=msid:s t0\r\nm=video 9 X 96\r\na=mid:1\r\na=sendonly\r\na=msid:- t1\r\na=simulcast:send h;~m,l;l\r\nm=application 9 X y\r\na=mid:2\r\na=sendrecv\r\n";

    #[test]
    fn an_offer_is_read_and_trimmed() {
        let offer = read_offer(OFFER).unwrap();
        let section = |mid: &str, stream: &str, track: &str, rids: &[&str]| Section {
            mid: mid.into(),
            sends: true,
            stream: stream.into(),
            track: track.into(),
            rids: rids.iter().map(|rid| (*rid).to_owned()).collect(),
        };
        assert_eq!(offer.fingerprint, "sha-256 ab");
        assert_eq!(offer.sections, [section("0", "s", "t0", &[]), section("1", "-", "t1", &["l", "m", "h"])]);
        assert!(!offer.sdp.contains("candidate") && !offer.sdp.contains("sendrecv\r\nm="));
        assert!(offer.sdp.ends_with("a=sendrecv\r\n"), "a data channel is left alone");
    }

    #[test]
    fn what_is_sent_nowhere_does_not_count_as_a_track() {
        let offer =
            read_offer(&OFFER.replace("sendrecv", "recvonly").replace("sendonly", "inactive")).unwrap();
        assert!(offer.sections.iter().all(|section| !section.sends));
        assert_eq!(offer.sdp.matches("a=inactive").count(), 2);
    }

    #[test]
    fn limits_hold() {
        assert_eq!(read_offer("v=0\r\n"), Err(Unreadable::NoFingerprint));
        assert_eq!(read_offer(&"a".repeat(MAX_SDP_BYTES + 1)), Err(Unreadable::TooLong));
        let many = format!("{OFFER}{}", "m=audio 9 X 0\r\n".repeat(MAX_SECTIONS));
        assert_eq!(read_offer(&many), Err(Unreadable::TooManySections));
    }

    #[test]
    fn a_section_gets_another_stream() {
        let sdp = "v=0\r\nm=video 9 X 96\r\na=mid:a\r\na=msid:s t\r\na=ssrc:1 msid:s t\r\nm=video 9 X 96\r\na=mid:b\r\na=msid:s t\r\n";
        let other = "v=0\r\nm=video 9 X 96\r\na=mid:a\r\na=msid:s t\r\na=ssrc:1 msid:s t\r\nm=video 9 X 96\r\na=mid:b\r\na=msid:x y\r\n";
        assert_eq!(with_stream(sdp, "b", "x", "y"), other);
        assert_eq!(with_stream(sdp, "a", "x", "y").matches("msid:x y").count(), 2);
    }
}
