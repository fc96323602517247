//! Assigns packets to streams where str0m cannot: of a client that names no SSRCs in its descriptions and
//! sends no `mid` with its packets, or whose `mid` is another in str0m (RFC 9143 §9.2).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;

/// A stream on which a packet came within this is not replaced by another of its track, which may be forged.
const ALIVE: Duration = Duration::from_secs(1);
/// The most SSRCs that are remembered.
const MAX_SOURCES: usize = 256;

/// What has been agreed about the packets of a connection.
#[derive(Default)]
pub(crate) struct Demux {
    pub(crate) ids: ExtensionIds,
    pub(crate) lanes: Vec<Lane>,
    /// SSRCs that str0m knows, and when a packet last came.
    last_packets: HashMap<u32, Instant>,
}

/// The ids of the header extensions that identify a packet's stream.
#[derive(Default)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) rid: Option<u8>,
    pub(crate) repaired_rid: Option<u8>,
}

/// One media section in which packets come.
pub(crate) struct Lane {
    pub(crate) mid: Mid,
    /// The client's `mid`, which its packets carry.
    pub(crate) name: Option<String>,
    /// Its payload types, and whether each is one of retransmissions.
    pub(crate) pts: Vec<(u8, bool)>,
    /// Its encodings: the client's `rid` and str0m's.
    pub(crate) rids: Vec<(String, Rid)>,
}

impl Lane {
    /// Whether str0m has the same names for it and for its encodings.
    fn is_plain(&self) -> bool {
        self.name.as_deref() == Some(&*self.mid) && self.rids.iter().all(|(name, rid)| **name == **rid)
    }
}

/// The stream that a packet belongs to.
struct Found {
    mid: Mid,
    rid: Option<Rid>,
    repair: bool,
}

impl Demux {
    /// Declares the stream of a packet to str0m, if it is the first and str0m could not assign it.
    pub(crate) fn look(&mut self, now: Instant, rtc: &mut Rtc, packet: &[u8]) {
        let Some(header) = Header::read(packet) else { return };
        if let Some(last) = self.last_packets.get_mut(&header.ssrc) {
            *last = now;
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
            Some((main, _)) if self.is_alive(now, main) => return,
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
        if self.last_packets.len() >= MAX_SOURCES {
            self.last_packets.clear();
        }
        self.last_packets.insert(ssrc, now);
    }

    fn is_alive(&self, now: Instant, ssrc: Ssrc) -> bool {
        self.last_packets.get(&*ssrc).is_some_and(|last| now.saturating_duration_since(*last) < ALIVE)
    }

    fn find(&self, header: &Header<'_>) -> Option<Found> {
        let has_pt = |lane: &&Lane| lane.pts.iter().any(|(pt, _)| *pt == header.pt);
        let lane = if let Some(name) = self.ids.mid.and_then(|id| header.extension(id)) {
            let named = |lane: &&Lane| lane.name.as_deref().map(str::as_bytes) == Some(name);
            // str0m assigns these by itself.
            self.lanes.iter().find(named).filter(|lane| !lane.is_plain())?
        } else {
            // By its payload type, if only one section has it.
            let mut lanes = self.lanes.iter().filter(has_pt);
            lanes.next().filter(|_| lanes.next().is_none())?
        };
        let repair = lane.pts.iter().find(|(pt, _)| *pt == header.pt).map(|(_, repair)| *repair)?;
        let id = if repair { self.ids.repaired_rid } else { self.ids.rid };
        let rid = id.and_then(|id| header.extension(id));
        let known = lane.rids.iter().find(|(name, _)| Some(name.as_bytes()) == rid).map(|(_, rid)| *rid);
        // A simulcast packet without a known `rid` cannot be assigned.
        (lane.rids.is_empty() || known.is_some()).then_some(Found { mid: lane.mid, rid: known, repair })
    }
}

/// The part of an RTP header that identifies a packet's stream (RFC 3550 §5.1, RFC 8285 §4).
struct Header<'a> {
    pt: u8,
    ssrc: u32,
    /// Two-byte header extensions, in place of one-byte ones.
    wide: bool,
    extensions: &'a [u8],
}

impl<'a> Header<'a> {
    /// Parses an RTP packet; nothing for STUN, DTLS and RTCP on the same port (RFC 7983 §7, RFC 5761 §4).
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

    /// A packet with these header extensions and a payload that cannot be decrypted.
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
    fn packets_are_assigned_by_the_client_s_own_mids_and_rids() {
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
        assert_eq!(place(&mut rtc, 6), None, "a mid that no section has");
        assert_eq!(place(&mut rtc, 7), None, "str0m assigns it by itself");
        assert_eq!(
            place(&mut rtc, 8),
            Some(("2".into(), None, None)),
            "only one section has its payload type"
        );
        assert_eq!((place(&mut rtc, 9), place(&mut rtc, 10)), (None, None));
    }

    #[test]
    fn a_stream_on_which_packets_come_is_not_replaced() {
        let now = Instant::now();
        let (mut rtc, mut demux) = agreed(now);
        demux.look(now, &mut rtc, &packet(98, 1, &[]));
        demux.look(now + ALIVE / 2, &mut rtc, &packet(98, 1, &[]));
        demux.look(now + ALIVE, &mut rtc, &packet(98, 2, &[]));
        assert!(place(&mut rtc, 1).is_some() && place(&mut rtc, 2).is_none());
        demux.look(now + ALIVE * 2, &mut rtc, &packet(98, 2, &[]));
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
