//! Opus, VP8 and H264, and nothing else: each codec costs lines in every description.

use str0m::format::{Codec, CodecConfig, PayloadParams};
use str0m::rtp::{Extension, ExtensionMap, Vp8Descriptor};

use super::sdp::H264;

/// What a producer may choose from, the preferred first, with one format of H264.
pub(crate) fn all(h264: H264) -> CodecConfig {
    let mut codecs = CodecConfig::empty();
    codecs.enable_opus(true, false);
    codecs.enable_vp8(true);
    codecs.add_h264(108.into(), Some(109.into()), h264.is_split(), h264.profile_level_id());
    codecs
}

/// Those of [`all`] that are `sent`.
pub(crate) fn only(sent: &[Codec], h264: H264) -> CodecConfig {
    let all = all(h264);
    let kept = all.params().iter().filter(|params| sent.contains(&params.spec().codec)).copied();
    CodecConfig::new_from_payload_params(kept.collect())
}

/// The header extensions of a producer's connection.
pub(crate) fn producer_extensions() -> ExtensionMap {
    let mut extensions = consumer_extensions();
    extensions.set(10, Extension::RtpStreamId);
    extensions.set(11, Extension::RepairedRtpStreamId);
    extensions
}

/// The header extensions of a consumer's connection.
pub(crate) fn consumer_extensions() -> ExtensionMap {
    let mut extensions = ExtensionMap::empty();
    extensions.set(1, Extension::AudioLevel);
    extensions.set(3, Extension::TransportSequenceNumber);
    extensions.set(4, Extension::RtpMid);
    extensions.set(13, Extension::VideoOrientation);
    extensions
}

/// The codec that has this payload type on a connection.
pub(crate) fn of(params: &[PayloadParams], pt: str0m::media::Pt) -> Option<Codec> {
    params.iter().find(|params| params.pt() == pt).map(|params| params.spec().codec)
}

/// Whether a decoder can begin with this packet.
pub(crate) fn starts_key_frame(codec: Codec, payload: &[u8]) -> bool {
    if codec == Codec::Vp8 {
        Vp8Descriptor::parse(payload).is_ok_and(|descriptor| descriptor.starts_keyframe(payload))
    } else if codec == Codec::H264 {
        h264_starts_key_frame(payload)
    } else {
        // Every packet of an audio codec can be decoded by itself.
        codec.is_audio()
    }
}

/// A parameter set, or the first slice of an IDR picture (RFC 6184 §5.2).
fn h264_starts_key_frame(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const PARAMETERS: u8 = 7;
    const AGGREGATE: u8 = 24;
    const FRAGMENT: u8 = 28;
    let kind = |header: u8| header & 0x1f;
    match payload {
        [header, rest @ ..] if kind(*header) == AGGREGATE => {
            let mut rest = rest;
            while let [high, low, units @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if units.first().is_some_and(|header| matches!(kind(*header), IDR | PARAMETERS)) {
                    return true;
                }
                rest = units.get(length..).unwrap_or_default();
            }
            false
        }
        [header, fragment, ..] if kind(*header) == FRAGMENT => {
            fragment & 0x80 != 0 && matches!(kind(*fragment), IDR | PARAMETERS)
        }
        [header, ..] => matches!(kind(*header), IDR | PARAMETERS),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_of_h264_are_told_from_others() {
        let key = [&[0x67, 1][..], &[0x65, 1], &[0x7c, 0x85, 1], &[0x78, 0, 2, 9, 0, 0, 1, 0x67]];
        let other =
            [&[][..], &[0x61, 1], &[0x7c, 0x05, 1], &[0x7c, 0x81], &[0x78, 0, 2, 1, 0, 0, 9], &[0x78]];
        assert!(key.iter().all(|payload| starts_key_frame(Codec::H264, payload)));
        assert!(!other.iter().any(|payload| starts_key_frame(Codec::H264, payload)));
    }

    #[test]
    fn key_frames_of_vp8_are_told_from_others() {
        assert!(starts_key_frame(Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x10, 0]));
        assert!(!starts_key_frame(Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x11, 0]), "an interframe");
        assert!(!starts_key_frame(Codec::Vp8, &[0x80, 0x80, 0x81, 0x02, 0x10, 0]), "not its first packet");
        assert!(!starts_key_frame(Codec::Vp8, &[]));
    }

    #[test]
    fn a_consumer_is_offered_what_its_producer_sends() {
        let codecs: Vec<_> =
            only(&[Codec::Opus, Codec::H264], H264::COMMON).params().iter().map(|p| p.spec().codec).collect();
        assert_eq!(codecs, [Codec::Opus, Codec::H264]);
    }
}
