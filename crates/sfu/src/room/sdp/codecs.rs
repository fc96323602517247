//! The payload types of a media section that the SFU can forward.

use str0m::format::{Codec as Known, PayloadParams};

use super::lines::MediaLines;

/// One payload type (RFC 8866 §6.6, RFC 4585 §4.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) pt: u8,
    pub(crate) codec: Codec,
    /// `<name>/<clock rate>[/<channels>]`, as the client wrote it.
    pub(super) map: String,
    pub(super) parameters: Option<String>,
    /// The feedback that the client supports (`a=rtcp-fb`).
    pub(super) feedback: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Opus,
    Vp8,
    H264(H264),
    /// Retransmissions of another payload type (RFC 4588).
    Rtx(u8),
}

impl Codec {
    /// The `rtpmap` for str0m. Opus always has two channels (RFC 7587 §7), though not every client writes so.
    pub(super) fn map(self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::Vp8 => "VP8/90000",
            Self::H264(_) => "H264/90000",
            Self::Rtx(_) => "rtx/90000",
        }
    }

    /// str0m's codec, unless it is RTX.
    pub(crate) fn known(self) -> Option<Known> {
        match self {
            Self::Opus => Some(Known::Opus),
            Self::Vp8 => Some(Known::Vp8),
            Self::H264(_) => Some(Known::H264),
            Self::Rtx(_) => None,
        }
    }

    fn read(map: &str, parameters: Option<&str>, audio: bool) -> Option<Self> {
        let mut words = map.split('/').map(str::to_ascii_lowercase);
        let (name, clock) = (words.next()?, words.next()?);
        match (name.as_str(), clock.as_str(), audio) {
            ("opus", "48000", true) => Some(Self::Opus),
            ("vp8", "90000", false) => Some(Self::Vp8),
            ("h264", "90000", false) => Some(Self::H264(H264::read(parameters.unwrap_or_default())?)),
            ("rtx", "90000", false) => Some(Self::Rtx(parameter(parameters?, "apt")?.parse().ok()?)),
            _ => None,
        }
    }
}

/// A parameter's value in `<name>=<value>;…`.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The agreed payload types of a connection, over all its sections, the preferred ones first.
pub(crate) struct Agreed {
    pub(crate) params: Vec<PayloadParams>,
    /// The one format of H264.
    pub(crate) h264: H264,
}

impl Agreed {
    /// The payload types of a section that match the agreed ones.
    pub(crate) fn of<'a>(&self, payloads: &'a [Payload]) -> Vec<(&'a Payload, &PayloadParams)> {
        let find = |pt: u8| payloads.iter().find(move |payload| payload.pt == pt);
        let mut found = vec![];
        for params in &self.params {
            let Some(main) = find(*params.pt()).filter(|main| self.is(main, params)) else { continue };
            found.push((main, params));
            let repair = params.resend().and_then(|pt| find(*pt));
            found.extend(
                repair.filter(|repair| repair.codec == Codec::Rtx(main.pt)).map(|repair| (repair, params)),
            );
        }
        found
    }

    fn is(&self, payload: &Payload, params: &PayloadParams) -> bool {
        let format = match payload.codec {
            Codec::H264(format) => format.rank() == self.h264.rank(),
            Codec::Opus | Codec::Vp8 | Codec::Rtx(_) => true,
        };
        format && payload.codec.known() == Some(params.spec().codec)
    }
}

/// What a stream of H264 may contain (RFC 6184 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct H264 {
    profile: Profile,
    level: u8,
    /// NAL units may be fragmented and aggregated (packetization mode 1).
    split: bool,
}

/// Profiles, the most widely decoded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
}

impl H264 {
    /// Constrained baseline, level 3.1: what every browser can send and receive.
    pub(crate) const COMMON: Self = Self { profile: Profile::ConstrainedBaseline, level: 0x1f, split: true };

    /// Reads a payload type's parameters. Modes 0 and 1 of packetization are known; without a profile it is
    /// baseline at level 1.
    fn read(parameters: &str) -> Option<Self> {
        let split = match parameter(parameters, "packetization-mode").unwrap_or("0") {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let id = parameter(parameters, "profile-level-id").unwrap_or("42000a");
        let [_, idc, constraints, level] = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
        // Table 5. Reserved bits are not checked.
        let profile = match idc {
            0x42 if constraints & 0x40 != 0 => Profile::ConstrainedBaseline,
            0x4d if constraints & 0x80 != 0 => Profile::ConstrainedBaseline,
            0x58 if constraints & 0xc0 == 0xc0 => Profile::ConstrainedBaseline,
            0x42 => Profile::Baseline,
            0x58 if constraints & 0x80 != 0 => Profile::Baseline,
            0x4d => Profile::Main,
            0x64 if constraints & 0x0c == 0x0c => Profile::ConstrainedHigh,
            0x64 => Profile::High,
            _ => return None,
        };
        Some(Self { profile, level, split })
    }

    /// The lower, the more receivers can decode it.
    pub(super) fn rank(self) -> (Profile, bool) {
        (self.profile, !self.split)
    }

    pub(crate) fn is_split(self) -> bool {
        self.split
    }

    /// The `profile-level-id` for str0m and receivers.
    pub(crate) fn profile_level_id(self) -> u32 {
        let profile = match self.profile {
            Profile::ConstrainedBaseline => 0x42_e0_00,
            Profile::Baseline => 0x42_00_00,
            Profile::Main => 0x4d_00_00,
            Profile::ConstrainedHigh => 0x64_0c_00,
            Profile::High => 0x64_00_00,
        };
        profile | u32::from(self.level)
    }

    pub(super) fn parameters(self) -> String {
        let (mode, profile) = (u8::from(self.split), self.profile_level_id());
        format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile:06x}")
    }
}

/// The payload types of a section that the SFU supports, in the client's order, without RTX for others.
pub(super) fn read(section: &MediaLines<'_>) -> Vec<Payload> {
    let audio = section.media == "audio";
    let mut payloads: Vec<Payload> = vec![];
    for format in &section.formats {
        if let Some(payload) = payload(section, format, audio)
            && !payloads.iter().any(|known| known.pt == payload.pt)
        {
            payloads.push(payload);
        }
    }
    let main: Vec<u8> = payloads.iter().filter(|p| !matches!(p.codec, Codec::Rtx(_))).map(|p| p.pt).collect();
    payloads.retain(|payload| match payload.codec {
        Codec::Rtx(of) => main.contains(&of),
        Codec::Opus | Codec::Vp8 | Codec::H264(_) => true,
    });
    payloads
}

fn payload(section: &MediaLines<'_>, format: &str, audio: bool) -> Option<Payload> {
    let pt: u8 = format.parse().ok().filter(|pt| *pt < 128)?;
    let map = section.attributes.all("rtpmap").find_map(|value| of(pt, value))?;
    let parameters = section.attributes.all("fmtp").find_map(|value| of(pt, value));
    let codec = Codec::read(map, parameters, audio)?;
    let feedback = section.attributes.all("rtcp-fb").filter_map(|value| match value.split_once(' ') {
        Some(("*", feedback)) => Some(feedback.trim()),
        _ => of(pt, value),
    });
    Some(Payload {
        pt,
        codec,
        map: map.to_owned(),
        parameters: parameters.map(str::to_owned),
        feedback: feedback.map(str::to_owned).collect(),
    })
}

/// The rest of `<pt> <rest>`, if it is about this payload type.
fn of(pt: u8, value: &str) -> Option<&str> {
    let (format, words) = value.split_once(' ')?;
    (format.parse() == Ok(pt)).then(|| words.trim())
}
