//! The connection on which a peer sends, and what it sends there.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use str0m::channel::{ChannelConfig, ChannelId};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{MediaKind, Mid, Rid};
use str0m::rtp::Ssrc;
use str0m::{Rtc, RtcConfig};

use super::codecs;
use super::key_frames::KeyFrames;
use super::layers::Rate;
use super::limits::{MAX_CHANNEL_MESSAGE, MAX_TRACKS};
use super::link::{Failed, Link};
use super::links::LinkId;
use super::sdp::{Offer, Section};
use super::settings::Settings;

/// The stream number of the channel for chat messages.
pub(crate) const CHAT: u16 = 100;
/// The stream number of the channel that says who is there and what they have switched on.
pub(crate) const FEATURES: u16 = 110;

/// A producer connection.
pub(crate) struct Producer {
    pub(crate) link: LinkId,
    pub(crate) fingerprint: String,
    /// The number of the last offer.
    pub(crate) number: Option<u64>,
    /// The last offer, to know its repetition when it has no number.
    pub(crate) offer: String,
    pub(crate) answer: String,
    /// The connection has been up, and its media has been announced.
    pub(crate) up: bool,
    pub(crate) tracks: Vec<Track>,
    /// Where the packets of an SSRC belong: a track and one of its encodings, by their places.
    pub(crate) streams: HashMap<Ssrc, (usize, usize)>,
    /// What has been negotiated, to read payload types by.
    pub(crate) codecs: Vec<PayloadParams>,
    pub(crate) channels: Channels,
}

/// The two data channels.
pub(crate) struct Channels {
    pub(crate) chat: ChannelId,
    pub(crate) features: ChannelId,
    /// The features channel is open: the peer can be told of the others.
    pub(crate) open: bool,
    /// Messages that found no room yet, or no channel.
    pub(crate) queue: VecDeque<(ChannelId, String)>,
}

/// Something that is being sent.
pub(crate) struct Track {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    /// The stream that it belongs to, and its own id.
    pub(crate) stream: String,
    pub(crate) id: String,
    pub(crate) codecs: Vec<Codec>,
    /// Its encodings from the smallest: one, unless it is simulcast.
    pub(crate) layers: Vec<Layer>,
}

/// One encoding of a track.
pub(crate) struct Layer {
    pub(crate) rid: Option<Rid>,
    pub(crate) rate: Rate,
    pub(crate) key_frames: KeyFrames,
}

/// The link of a new producer connection, with its channels: they have to be there before its first offer is read.
pub(crate) fn link(settings: &Settings, now: Instant) -> Option<(Link, Channels)> {
    let mut config = RtcConfig::new()
        .set_extension_map(codecs::producer_extensions())
        .set_sctp_max_message_size(u32::try_from(MAX_CHANNEL_MESSAGE).unwrap_or(u32::MAX))
        .set_stats_interval(Some(super::STATISTICS));
    *config.codec_config() = codecs::all();
    let mut link = Link::new(config, settings, now);
    let negotiated = |label: &str, stream| ChannelConfig {
        label: label.into(),
        negotiated: Some(stream),
        ..ChannelConfig::default()
    };
    let (chat, features) = link.with(|rtc| {
        let mut api = rtc.direct_api();
        let chat = api.create_data_channel(negotiated("chat", CHAT));
        (chat, api.create_data_channel(negotiated("features", FEATURES)))
    })?;
    Some((link, Channels { chat, features, open: false, queue: VecDeque::new() }))
}

impl Producer {
    /// Takes an offer on this connection, and answers it.
    pub(crate) fn accept(&mut self, link: &mut Link, offer: &Offer, now: Instant) -> Result<String, Failed> {
        let answer = link.accept_offer(&offer.sdp)?;
        let (codecs, negotiated) = link
            .with(|rtc| {
                let codecs = rtc.codec_config().params().to_vec();
                let negotiated: Vec<_> =
                    offer.sections.iter().map(|section| negotiated(rtc, section, &codecs)).collect();
                (codecs, negotiated)
            })
            .ok_or(Failed::Ended)?;
        self.codecs = codecs;
        let mut before = std::mem::take(&mut self.tracks);
        self.streams.clear();
        let negotiated = offer.sections.iter().zip(negotiated);
        let sent = negotiated.filter_map(|(section, negotiated)| Some((section, negotiated?)));
        for (section, (mid, kind, codecs)) in sent.take(MAX_TRACKS) {
            let known =
                before.iter().position(|track| track.mid == mid).map(|place| before.swap_remove(place));
            let layers = match known {
                Some(track) if track.layers.len() == section.rids.len().max(1) => track.layers,
                Some(_) | None => layers(section, now),
            };
            let (stream, id) = (section.stream.clone(), section.track.clone());
            self.tracks.push(Track { mid, kind, stream, id, codecs, layers });
        }
        Ok(answer)
    }

    /// The codecs that a consumer of this producer has to know: those of its tracks, and all that a track which is
    /// added later may have.
    pub(crate) fn sent_codecs(&self) -> Vec<Codec> {
        let mut sent: Vec<Codec> =
            self.tracks.iter().flat_map(|track| track.codecs.iter().copied()).collect();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if !sent.iter().any(|codec| codec.kind() == kind) {
                let all = codecs::all();
                sent.extend(
                    all.params()
                        .iter()
                        .map(|params| params.spec().codec)
                        .filter(|codec| codec.kind() == kind),
                );
            }
        }
        sent
    }

    /// Where a stream belongs, by its SSRC.
    pub(crate) fn place(&mut self, link: &mut Link, ssrc: Ssrc) -> Option<(usize, usize)> {
        if let Some(place) = self.streams.get(&ssrc) {
            return Some(*place);
        }
        let (mid, rid) = link.with(|rtc| {
            let mut api = rtc.direct_api();
            api.stream_rx(&ssrc).map(|stream| (stream.mid(), stream.rid()))
        })??;
        let track = self.tracks.iter().position(|track| track.mid == mid)?;
        let layer = self.tracks.get(track)?.layers.iter().position(|layer| layer.rid == rid)?;
        self.streams.insert(ssrc, (track, layer));
        Some((track, layer))
    }
}

/// What was agreed for a section, if media is to be received in it.
fn negotiated(
    rtc: &Rtc,
    section: &Section,
    params: &[PayloadParams],
) -> Option<(Mid, MediaKind, Vec<Codec>)> {
    let mid = Mid::from(section.mid.as_str());
    let media = rtc.media(mid)?;
    if !section.sends || media.disabled() || !media.direction().is_receiving() {
        return None;
    }
    let codecs: Vec<Codec> = media.remote_pts().iter().filter_map(|pt| codecs::of(params, *pt)).collect();
    (!codecs.is_empty()).then(|| (mid, media.kind(), codecs))
}

fn layers(section: &Section, now: Instant) -> Vec<Layer> {
    let layer = |rid| Layer { rid, rate: Rate::new(now), key_frames: KeyFrames::default() };
    match section.rids.as_slice() {
        [] => vec![layer(None)],
        rids => rids.iter().map(|rid| layer(Some(Rid::from(rid.as_str())))).collect(),
    }
}
