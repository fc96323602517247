//! What the gateway reads of an SDP: whether its author would send audio or video.
//!
//! The description is relayed as it came, to an SFU that reads it by itself. So wherever two readers may differ, the
//! one that finds more media is taken to be right.

/// How much of a `mid` every reader keeps, in bytes: SFUs store it in as many as go into a header extension.
const MID_BYTES: usize = 16;

/// Whether an SDP (RFC 8866) has a section of audio or video that sends. A section without a direction has that of the
/// session, which is `sendrecv` unless it says otherwise; one with several sends if any of them does. A section that is
/// rejected sends nothing, whatever its direction.
#[must_use]
pub fn sends_media(sdp: &str) -> bool {
    let plain = is_plain(sdp);
    // A CR alone ends a line for some readers.
    let lines: Vec<_> = sdp.split(['\r', '\n']).collect();
    let is_media = |line: &&str| line.starts_with("m=");
    let mut parts = lines.chunk_by(|_, next| !is_media(next));
    let (session, sections) = match lines.first().filter(|line| is_media(line)) {
        Some(_) => (&[][..], parts),
        None => (parts.next().unwrap_or_default(), parts),
    };
    let of_session = Directions::of(session);
    sections.filter(|section| of_media(section)).any(|section| {
        let own = Directions::of(section);
        let directions = if own.sends || own.rests { own } else { of_session };
        let sends = directions.sends || !directions.rests;
        !plain || (sends && !is_rejected(section, session, &lines))
    })
}

/// Whether every reader finds the same lines in it: they end by CR LF or LF, and hold no other control character.
fn is_plain(sdp: &str) -> bool {
    let text = sdp.replace("\r\n", "\n");
    !text.contains(|c: char| {
        (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}')
    })
}

fn of_media(section: &[&str]) -> bool {
    section.first().is_some_and(|line| line.starts_with("m=audio") || line.starts_with("m=video"))
}

#[derive(Clone, Copy)]
struct Directions {
    sends: bool,
    rests: bool,
}

impl Directions {
    /// Whether there is a direction that sends, and one that does not.
    fn of(lines: &[&str]) -> Self {
        let has = |direction: &str| lines.iter().any(|line| line.trim_end() == direction);
        Self { sends: has("a=sendrecv") || has("a=sendonly"), rests: has("a=recvonly") || has("a=inactive") }
    }
}

/// Whether a section is rejected in the eyes of every reader: its port is 0 (RFC 3264 §6), and it is neither bundled
/// with another nor could be (RFC 9143 §6: both would send, by the other's port).
fn is_rejected(section: &[&str], session: &[&str], all: &[&str]) -> bool {
    let without_port = section.first().is_some_and(|line| {
        let rest = line.strip_prefix("m=audio 0 ").or_else(|| line.strip_prefix("m=video 0 "));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && !rest.contains('\t'))
    });
    let bundle_only = |line: &&str| line.to_ascii_lowercase().contains("bundle-only");
    without_port && !section.iter().chain(session).any(bundle_only) && !is_bundled(section, all)
}

/// Whether a section is in a BUNDLE group, or might be: without a `mid`, or with several, it is in any.
fn is_bundled(section: &[&str], all: &[&str]) -> bool {
    let mut bundled = all.iter().filter_map(|line| bundle(line)).peekable();
    if bundled.peek().is_none() {
        return false;
    }
    let mut mids = section.iter().filter(|line| line.trim_start().to_ascii_lowercase().starts_with("a=mid"));
    match (mids.next().and_then(|line| line.strip_prefix("a=mid:")), mids.next()) {
        (Some(mid), None) if !mid.is_empty() && !mid.contains(char::is_whitespace) => {
            bundled.any(|group| group.split_whitespace().any(|member| same_mid(member, mid)))
        }
        _ => true,
    }
}

/// What is said of a BUNDLE group, if the line is one or may be taken for one: another semantics (RFC 5888 §8) is no
/// bundle.
fn bundle(line: &str) -> Option<&str> {
    let lower = line.trim_start().to_ascii_lowercase();
    if !lower.starts_with("a=group") {
        return None;
    }
    let rest = line.strip_prefix("a=group:").unwrap_or(line);
    let semantics = rest.split(' ').next().unwrap_or_default();
    let another = semantics.chars().all(|c| c.is_ascii_alphabetic()) && !semantics.is_empty();
    let other = line.starts_with("a=group:") && another && !semantics.eq_ignore_ascii_case("BUNDLE");
    (!other).then_some(rest)
}

fn same_mid(one: &str, other: &str) -> bool {
    let kept =
        |mid: &str| mid.bytes().take(MID_BYTES).map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
    kept(one) == kept(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIO: &str = "audio 9 UDP/TLS/RTP/SAVPF 111";
    const VIDEO: &str = "video 9 UDP/TLS/RTP/SAVPF 96";
    const DATA: &str = "application 9 UDP/DTLS/SCTP webrtc-datachannel";

    fn sdp(session: &str, sections: &[&str]) -> String {
        format!("v=0\r\n{session}m={}\r\n", sections.join("\r\nm="))
    }

    fn with(section: &str, attribute: &str) -> String {
        format!("{section}\r\na={attribute}")
    }

    #[test]
    fn who_offers_media_is_seen() {
        assert!(!sends_media(&sdp("", &[DATA])));
        assert!(sends_media(&sdp("", &[DATA, AUDIO])));
        assert!(sends_media(&sdp("", &[&with(AUDIO, "recvonly"), &with(VIDEO, "sendonly")])));
        assert!(!sends_media(&sdp("", &[&with(AUDIO, "recvonly"), &with(VIDEO, "inactive"), DATA])));
        assert!(!sends_media(&sdp("a=recvonly\r\n", &[AUDIO])));
        assert!(sends_media(&sdp("a=recvonly\r\n", &[&with(AUDIO, "sendrecv")])));
        assert!(sends_media(&sdp("", &["audio 0\t UDP/TLS/RTP/SAVPF 111\r\na=sendonly"])));
        assert!(!sends_media(&sdp("", &["video 0 UDP/TLS/RTP/SAVPF 96\r\na=inactive"])));
        assert!(sends_media(&sdp("", &[&with(&with(AUDIO, "recvonly"), "sendrecv")])));
        assert!(!sends_media(""));
        assert!(sends_media(&format!("m={AUDIO}")));
        assert!(!sends_media(&format!("m={AUDIO}\na=recvonly\n")), "LF alone ends a line as well");
    }

    #[test]
    fn a_rejected_section_sends_nothing() {
        let rejected = "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1";
        for session in [
            "",
            "a=group:BUNDLE 0\r\n",
            "a=group:BUNDLE 0 10\r\n",
            "a=group:BUNDLE 0\r\na=group:LS 0 1\r\n",
            "a=group:BUNDLE\r\n",
            "a=sendrecv\r\n",
        ] {
            assert!(!sends_media(&sdp(session, &[DATA, rejected])), "{session}");
        }
        assert!(!sends_media(&sdp("", &["audio 0 UDP/TLS/RTP/SAVPF 0"])), "no mid, and nothing to be in");
        assert!(!sends_media(&sdp("", &[&with(rejected, "sendrecv")])), "its direction means nothing");
        assert!(sends_media(&sdp("a=group:BUNDLE 0\r\n", &[AUDIO, rejected])), "the other one sends");
    }

    /// All that some reader may take for a section that sends.
    #[test]
    fn a_section_is_rejected_only_if_every_reader_agrees() {
        let group = "a=group:BUNDLE 0\r\n";
        let rejected = "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1";
        for session in [
            "a=group:BUNDLE 0 1\r\n",
            "a=group:BUNDLE 0\r\na=group:BUNDLE 1\r\n",
            "a=group:BUNDLE 0\r\na=group:BUNDLE 0\r\na=group:BUNDLE 1\r\n",
            "a=group:BUNDLE 0\t1\r\n",
            "a=group:BUNDLE 0  1 \r\n",
            "a=group:bundle 0 1\r\n",
            "a=group: BUNDLE 0 1\r\n",
            "a=group:BUNDLE\t0 1\r\n",
            "A=group:BUNDLE 0 1\r\n",
            " a=group:BUNDLE 0 1\r\n",
            "a=bundle-only\r\n",
        ] {
            assert!(sends_media(&sdp(session, &[DATA, rejected])), "{session}");
        }
        for section in [
            "video 00 UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video 0/2 UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video  0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video 0  UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video 0 \tUDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video\t0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video 0\r\na=mid:1",
            "video -0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video 0x0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=bundle-only",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=bundle-only ",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=BUNDLE-ONLY:x",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=group:BUNDLE 0 1",
            "video 0 UDP/TLS/RTP/SAVPF 0",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid: 1",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1 0",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=mid:0",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\nA=mid:0",
            "video 0 UDP/TLS/RTP/SAVPF 0\ra=mid:1",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\rm=video 9 UDP/TLS/RTP/SAVPF 96",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\u{2028}m=video 9 UDP/TLS/RTP/SAVPF 96",
            "video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\u{b}m=video 9 UDP/TLS/RTP/SAVPF 96",
        ] {
            assert!(sends_media(&sdp(group, &[DATA, section])), "{section}");
        }
        let long = |last: char| format!("sixteen-letters-{last}");
        let section = format!("video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:{}", long('a'));
        let other = format!("a=group:BUNDLE {}\r\n", long('b'));
        assert!(sends_media(&sdp(&other, &[&section])), "some readers keep 16 bytes");
    }

    #[test]
    fn lines_that_readers_end_differently_hide_nothing() {
        for text in [
            "v=0\rm=audio 9 UDP/TLS/RTP/SAVPF 111\ra=sendrecv\r",
            "v=0\r\nm=application 9 UDP/DTLS/SCTP x\r\na=x\rm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=x\ra=recvonly\r\n",
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=x\u{85}a=sendrecv\r\na=recvonly\r\n",
            "v=0\nm=audio\t9 UDP/TLS/RTP/SAVPF 111\n",
        ] {
            assert!(sends_media(text), "{text:?}");
        }
    }
}
