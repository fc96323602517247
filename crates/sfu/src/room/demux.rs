//! Whose a packet is that str0m cannot tell: of a client that names no SSRCs in its descriptions and sends no `mid` with
//! its packets, or one that str0m calls otherwise (RFC 9143 §9.2).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;

/// A stream that was heard so recently is not replaced by another of the same track: a stranger may have sent it.
const LIVES: Duration = Duration::from_secs(1);
/// SSRCs that are remembered.
const MAX_SOURCES: usize = 256;

/// What has been agreed about the packets of a connection.
#[derive(Default)]
pub(crate) struct Demux {
    pub(crate) ids: ExtensionIds,
    pub(crate) lanes: Vec<Lane>,
    /// Streams that str0m knows, and when they were heard.
    heard: HashMap<u32, Instant>,
}

/// The ids of the header extensions that say whose a packet is.
#[derive(Default)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) rid: Option<u8>,
    pub(crate) repaired_rid: Option<u8>,
}

/// One media section in which packets come.
pub(crate) struct Lane {
    pub(crate) mid: Mid,
    /// What its packets call it.
    pub(crate) name: Option<String>,
    /// Its payload types, and whether each is one of retransmissions.
    pub(crate) pts: Vec<(u8, bool)>,
    /// Its encodings: what packets call them, and what str0m does.
    pub(crate) rids: Vec<(String, Rid)>,
}

impl Lane {
    /// Whether str0m has the same names for it and for its encodings.
    fn is_plain(&self) -> bool {
        self.name.as_deref() == Some(&*self.mid) && self.rids.iter().all(|(name, rid)| **name == **rid)
    }
}

/// A packet's place.
struct Found {
    mid: Mid,
    rid: Option<Rid>,
    repair: bool,
}

impl Demux {
    /// Tells str0m of the stream that a packet is the first of, where it could not tell by itself.
    pub(crate) fn look(&mut self, now: Instant, rtc: &mut Rtc, packet: &[u8]) {
        let Some(header) = Header::read(packet) else { return };
        if let Some(heard) = self.heard.get_mut(&header.ssrc) {
            *heard = now;
            return;
        }
        let ssrc = Ssrc::from(header.ssrc);
        let mut api = rtc.direct_api();
        if api.stream_rx(&ssrc).is_some() {
            return self.remember(now, header.ssrc);
        }
        let Some(found) = self.find(&header) else { return };
        let present = api.stream_rx_by_mid(found.mid, found.rid).map(|stream| (stream.ssrc(), stream.rtx()));
        match present {
            Some((main, _)) if found.repair => {
                api.expect_stream_rx(main, Some(ssrc), found.mid, found.rid);
            }
            // Retransmissions of a stream that is not there.
            None if found.repair => return,
            Some((main, _)) if self.lives(now, main) => return,
            Some((main, _)) => {
                api.remove_stream_rx(main);
                api.expect_stream_rx(ssrc, None, found.mid, found.rid);
            }
            None => {
                api.expect_stream_rx(ssrc, None, found.mid, found.rid);
            }
        }
        self.remember(now, header.ssrc);
    }

    fn remember(&mut self, now: Instant, ssrc: u32) {
        if self.heard.len() >= MAX_SOURCES {
            self.heard.clear();
        }
        self.heard.insert(ssrc, now);
    }

    fn lives(&self, now: Instant, ssrc: Ssrc) -> bool {
        self.heard.get(&*ssrc).is_some_and(|heard| now.saturating_duration_since(*heard) < LIVES)
    }

    fn find(&self, header: &Header<'_>) -> Option<Found> {
        let has_pt = |lane: &&Lane| lane.pts.iter().any(|(pt, _)| *pt == header.pt);
        let lane = if let Some(name) = self.ids.mid.and_then(|id| header.extension(id)) {
            let named = |lane: &&Lane| lane.name.as_deref().map(str::as_bytes) == Some(name);
            // What str0m can tell by itself is left to it.
            self.lanes.iter().find(named).filter(|lane| !lane.is_plain())?
        } else {
            // By its payload type, if that is one section's alone.
            let mut lanes = self.lanes.iter().filter(has_pt);
            lanes.next().filter(|_| lanes.next().is_none())?
        };
        let repair = lane.pts.iter().find(|(pt, _)| *pt == header.pt).map(|(_, repair)| *repair)?;
        let said = if repair { self.ids.repaired_rid } else { self.ids.rid };
        let rid = said.and_then(|id| header.extension(id));
        let known = lane.rids.iter().find(|(name, _)| Some(name.as_bytes()) == rid).map(|(_, rid)| *rid);
        // A simulcast packet that does not say which encoding it is of is nobody's.
        (lane.rids.is_empty() || known.is_some()).then_some(Found { mid: lane.mid, rid: known, repair })
    }
}

/// The part of an RTP header that says whose a packet is (RFC 3550 §5.1, RFC 8285 §4).
struct Header<'a> {
    pt: u8,
    ssrc: u32,
    /// Two-byte header extensions, in place of one-byte ones.
    wide: bool,
    extensions: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads a packet that RTP shares a port with others for (RFC 7983 §7, RFC 5761 §4).
    fn read(packet: &'a [u8]) -> Option<Self> {
        let [first @ 128..=191, second, _, _, _, _, _, _, a, b, c, d, rest @ ..] = packet else {
            return None;
        };
        if (192..=223).contains(second) {
            return None;
        }
        let header = Self {
            pt: second & 0x7f,
            ssrc: u32::from_be_bytes([*a, *b, *c, *d]),
            wide: false,
            extensions: &[],
        };
        let rest = rest.get(usize::from(first & 0x0f) * 4..)?;
        if first & 0x10 == 0 {
            return Some(header);
        }
        let [profile, kind, high, low, rest @ ..] = rest else { return None };
        let extensions = rest.get(..usize::from(u16::from_be_bytes([*high, *low])) * 4)?;
        match (profile, kind) {
            (0xbe, 0xde) => Some(Self { extensions, ..header }),
            (0x10, 0x00..=0x0f) => Some(Self { extensions, wide: true, ..header }),
            _ => Some(header),
        }
    }

    fn extension(&self, wanted: u8) -> Option<&'a [u8]> {
        let mut rest = self.extensions;
        while let [first, after @ ..] = rest {
            let (id, length, after) = match (self.wide, first, after) {
                (_, 0, after) => {
                    rest = after;
                    continue;
                }
                (true, id, [length, after @ ..]) => (*id, usize::from(*length), after),
                (true, _, []) => return None,
                (false, first, after) => (first >> 4, usize::from(first & 0x0f) + 1, after),
            };
            let value = after.get(..length)?;
            if id == wanted {
                return Some(value);
            }
            rest = after.get(length..)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet whose header extensions are an id and a value each. What it carries cannot be read: it is of a stranger.
    fn packet(pt: u8, ssrc: u32, extensions: &[(u8, &str)]) -> Vec<u8> {
        let mut values: Vec<u8> = vec![];
        for (id, value) in extensions {
            values.extend([*id, u8::try_from(value.len()).unwrap()]);
            values.extend(value.bytes());
        }
        values.resize(values.len().next_multiple_of(4), 0);
        let words = u16::try_from(values.len() / 4).unwrap().to_be_bytes();
        let header = [&[0x90, pt, 0, 1, 0, 0, 0, 0][..], &ssrc.to_be_bytes(), &[0x10, 0], &words].concat();
        [&header, &values[..], &[0; 30]].concat()
    }

    fn agreed(now: Instant) -> (Rtc, Demux) {
        let mut rtc = str0m::RtcConfig::new().set_rtp_mode(true).build(now);
        let mids = ["x0", "x1", "2"].map(Mid::from);
        for mid in mids {
            rtc.direct_api().declare_media(mid, str0m::media::MediaKind::Video);
        }
        let lane = |mid, name: &str, pts: &[(u8, bool)], rids: &[(&str, &str)]| Lane {
            mid,
            name: Some(name.into()),
            pts: pts.to_vec(),
            rids: rids.iter().map(|(name, rid)| ((*name).into(), Rid::from(*rid))).collect(),
        };
        let both = [(96, false), (97, true)];
        let lanes = vec![
            lane(mids[0], "cam-1", &both, &[]),
            lane(mids[1], "cam.1", &both, &[("mid-1", "x0"), ("l", "l")]),
            lane(mids[2], "2", &[(98, false)], &[]),
        ];
        let ids = ExtensionIds { mid: Some(4), rid: Some(10), repaired_rid: Some(11) };
        (rtc, Demux { ids, lanes, ..Demux::default() })
    }

    fn place(rtc: &mut Rtc, ssrc: u32) -> Option<(String, Option<String>, Option<u32>)> {
        let mut api = rtc.direct_api();
        let stream = api.stream_rx(&ssrc.into())?;
        Some((
            stream.mid().to_string(),
            stream.rid().map(|rid| rid.to_string()),
            stream.rtx().map(|rtx| *rtx),
        ))
    }

    #[test]
    fn packets_are_told_apart_by_the_client_s_own_names() {
        let now = Instant::now();
        let (mut rtc, mut demux) = agreed(now);
        for (pt, ssrc, names) in [
            (96, 1, &[(4, "cam-1")][..]),
            (96, 2, &[(4, "cam.1"), (10, "mid-1")]),
            (97, 3, &[(4, "cam.1"), (11, "mid-1")]),
            (97, 4, &[(4, "cam-1")]),
            (96, 5, &[(4, "cam.1")]),
            (96, 6, &[(4, "cam_1")]),
            (98, 7, &[(4, "2")]),
            (98, 8, &[]),
            (96, 9, &[]),
            (99, 10, &[]),
        ] {
            demux.look(now, &mut rtc, &packet(pt, ssrc, names));
        }
        assert_eq!(place(&mut rtc, 1), Some(("x0".into(), None, Some(4))));
        assert_eq!(place(&mut rtc, 2), Some(("x1".into(), Some("x0".into()), Some(3))));
        assert_eq!(place(&mut rtc, 5), None, "an encoding's packet has to say which");
        assert_eq!(place(&mut rtc, 6), None, "a name that nobody has");
        assert_eq!(place(&mut rtc, 7), None, "str0m can tell by itself");
        assert_eq!(
            place(&mut rtc, 8),
            Some(("2".into(), None, None)),
            "its payload type is one section's alone"
        );
        assert_eq!((place(&mut rtc, 9), place(&mut rtc, 10)), (None, None));
    }

    #[test]
    fn a_stream_that_is_heard_is_not_replaced() {
        let now = Instant::now();
        let (mut rtc, mut demux) = agreed(now);
        demux.look(now, &mut rtc, &packet(98, 1, &[]));
        demux.look(now + LIVES / 2, &mut rtc, &packet(98, 1, &[]));
        demux.look(now + LIVES, &mut rtc, &packet(98, 2, &[]));
        assert!(place(&mut rtc, 1).is_some() && place(&mut rtc, 2).is_none());
        demux.look(now + LIVES * 2, &mut rtc, &packet(98, 2, &[]));
        assert!(
            place(&mut rtc, 1).is_none() && place(&mut rtc, 2).is_some(),
            "a client may begin a stream anew"
        );
    }

    #[test]
    fn header_extensions_of_both_forms_are_read() {
        let fixed = [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
        let narrow = [&fixed[..], &[0xbe, 0xde, 0, 2, 0x10, 9, 0, 0x42, b'c', b'-', b'1', 0]].concat();
        let header = Header::read(&narrow).unwrap();
        assert_eq!((header.pt, header.ssrc, header.extension(4)), (96, 7, Some(&b"c-1"[..])));
        assert_eq!((header.extension(1), header.extension(9)), (Some(&[9][..]), None));
        let wide = [&fixed[..], &[0x10, 0, 0, 2, 4, 3, b'c', b'-', b'1', 0, 1, 0]].concat();
        let header = Header::read(&wide).unwrap();
        assert_eq!((header.extension(4), header.extension(1)), (Some(&b"c-1"[..]), Some(&[][..])));
    }

    #[test]
    fn what_is_cut_off_or_no_rtp_is_not_read() {
        let packet = [0x91, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x40, b'a', 0, 0];
        assert_eq!(Header::read(&packet).unwrap().extension(4), Some(&b"a"[..]));
        assert!((0..packet.len()).all(|length| Header::read(&packet[..length]).is_none()));
        let rtcp = [&[0x80, 201][..], &[0; 20]].concat();
        assert!(Header::read(&rtcp).is_none() && Header::read(&[&[22][..], &[0; 20]].concat()).is_none());
    }
}
