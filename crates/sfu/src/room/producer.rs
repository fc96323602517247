//! The connection on which a peer sends, and what it sends there.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use str0m::channel::{ChannelConfig, ChannelId};
use str0m::format::Codec;
use str0m::media::{MediaKind, Mid, Rid};
use str0m::rtp::Ssrc;
use str0m::{Rtc, RtcConfig};

use super::codecs;
use super::demux::Lane;
use super::ids::{LinkId, StreamId};
use super::key_frames::KeyFrames;
use super::layers::Rate;
use super::limits::{MAX_CHANNEL_MESSAGE, MAX_TRACKS};
use super::link::{Link, STATISTICS};
use super::sdp::{Agreed, Description, H264, Places, Refused, Section, Transport};
use super::settings::Settings;

/// The stream number of the channel for chat messages.
pub(crate) const CHAT: u16 = 100;
/// The stream number of the channel for features and presence.
pub(crate) const FEATURES: u16 = 110;

pub(crate) struct Producer {
    pub(crate) link: LinkId,
    /// The client's transport, from its last offer.
    pub(crate) transport: Transport,
    /// The number of the last offer.
    pub(crate) number: Option<u64>,
    /// The last offer, to know its repetition when it has no number.
    pub(crate) offer: Option<Description>,
    pub(crate) answer: String,
    pub(crate) places: Places,
    /// When the connection came up, and its media was first offered.
    pub(crate) up: Option<Instant>,
    pub(crate) tracks: Vec<Track>,
    /// The track and the encoding of each SSRC, as indices.
    pub(crate) streams: HashMap<Ssrc, (usize, usize)>,
    /// The agreed payload types.
    pub(crate) agreed: Agreed,
    pub(crate) channels: Channels,
    /// When the gateway is asked for the streams of the last offer, if it has not spoken of them by then.
    pub(crate) asks_streams: Option<Instant>,
}

/// The two data channels.
pub(crate) struct Channels {
    pub(crate) chat: ChannelId,
    pub(crate) features: ChannelId,
    /// The features channel is open.
    pub(crate) open: bool,
    /// Messages that the channels have not taken yet.
    pub(crate) queue: VecDeque<(ChannelId, String)>,
}

/// One of the two data channels.
#[derive(Clone, Copy)]
pub(crate) enum Channel {
    Chat,
    Features,
}

impl Channels {
    /// Which of the two it is; a client may open others.
    pub(crate) fn find(&self, id: ChannelId) -> Option<Channel> {
        let known = [(self.chat, Channel::Chat), (self.features, Channel::Features)];
        known.into_iter().find_map(|(known, channel)| (known == id).then_some(channel))
    }
}

pub(crate) struct Track {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    /// The stream that it belongs to, and its own id.
    pub(crate) stream: String,
    pub(crate) id: String,
    /// The stream of the session that it is part of.
    pub(crate) session_stream: Option<StreamId>,
    /// It is forwarded at all: its stream is published, with this kind of media, or it is part of none.
    pub(crate) flows: bool,
    pub(crate) codecs: Vec<Codec>,
    /// Its encodings: one, unless it is simulcast.
    pub(crate) layers: Vec<Layer>,
    /// They are listed from the smallest.
    pub(crate) sorted: bool,
}

impl Track {
    /// The indices of its encodings from the smallest. Where the `rid`s do not show the order, it is
    /// measured: a client lists the encoding that it prefers first (RFC 8853 §5.2).
    pub(crate) fn by_size(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.layers.len()).collect();
        if !self.sorted {
            places.sort_by_key(|place| self.layers.get(*place).map(|layer| layer.rate.peak));
        }
        places
    }
}

/// One encoding of a track.
pub(crate) struct Layer {
    pub(crate) rid: Option<Rid>,
    pub(crate) rate: Rate,
    pub(crate) key_frames: KeyFrames,
}

/// The link of a new producer connection, with its channels, which have to exist before it takes an offer.
pub(crate) fn link(settings: &Settings, h264: H264, now: Instant) -> Option<(Link, Channels)> {
    let mut config = RtcConfig::new()
        .set_extension_map(codecs::producer_extensions())
        .set_sctp_max_message_size(u32::try_from(MAX_CHANNEL_MESSAGE).unwrap_or(u32::MAX))
        .set_stats_interval(Some(STATISTICS));
    *config.codec_config() = codecs::all(h264);
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
    /// Whether an offer is of this connection, by its certificate. One in which all is closed needs none.
    pub(crate) fn is_meant(&self, offer: &Description) -> bool {
        offer.transport.as_ref().is_none_or(|transport| transport.fingerprint == self.transport.fingerprint)
    }

    /// Takes an offer on this connection, and answers it. `streams` are those that its sections belong to, by `mid`.
    pub(crate) fn accept(
        &mut self,
        link: &mut Link,
        offer: &Description,
        streams: &BTreeMap<String, StreamId>,
        now: Instant,
    ) -> Result<String, Refused> {
        let mut places = self.places.clone();
        let transport = offer.transport.as_ref().unwrap_or(&self.transport).clone();
        let answer =
            link.accept_offer(&places.offer(offer, &transport)).map_err(|_| Refused::Inconsistent)?;
        let params = link.with(|rtc| rtc.codec_config().params().to_vec()).ok_or(Refused::Inconsistent)?;
        let agreed = Agreed { params, h264: self.agreed.h264 };
        let answer = places.restore(offer, &answer, &agreed)?;
        let negotiated = link
            .with(|rtc| -> Vec<_> {
                for mid in places.closed() {
                    rtc.sdp_api().stop_media(mid);
                }
                let sections = offer.sections.iter().enumerate();
                sections.map(|(line, section)| negotiated(rtc, section, places.mid(line)?, &agreed)).collect()
            })
            .ok_or(Refused::Inconsistent)?;
        let sent: Vec<(&Section, Negotiated)> = offer
            .sections
            .iter()
            .zip(negotiated)
            .filter_map(|(section, negotiated)| Some((section, negotiated?)))
            .take(MAX_TRACKS)
            .collect();
        link.demux.ids = offer.extension_ids();
        link.demux.lanes = sent.iter().map(|(section, negotiated)| lane(section, negotiated)).collect();
        self.places = places;
        self.agreed = agreed;
        self.transport = transport;
        self.streams.clear();
        let mut before = std::mem::take(&mut self.tracks);
        for (section, Negotiated { mid, kind, codecs, .. }) in sent {
            let known =
                before.iter().position(|track| track.mid == mid).map(|place| before.swap_remove(place));
            let layers = match known {
                Some(track) if track.layers.len() == section.layers().len().max(1) => track.layers,
                Some(_) | None => layers(section, now),
            };
            let (stream, id) = self.ids(section, mid);
            let sorted = section.is_sorted();
            let session_stream = section.mid().and_then(|mid| streams.get(mid)).cloned();
            let flows = session_stream.is_none();
            self.tracks.push(Track { mid, kind, stream, id, session_stream, flows, codecs, layers, sorted });
        }
        Ok(answer)
    }

    /// The stream and the id of a track. Receivers tell tracks apart by id, so one that is absent or taken is
    /// replaced.
    fn ids(&self, section: &Section, mid: Mid) -> (String, String) {
        let taken = |id: &str| id.is_empty() || self.tracks.iter().any(|track| track.id == id);
        let made_up = (0..).map(|number: u32| format!("{}-{mid}-{number}", section.track));
        let id = std::iter::once(section.track.clone()).chain(made_up).find(|id| !taken(id));
        (section.stream.clone(), id.unwrap_or_default())
    }

    /// The codecs that a consumer of this producer has to support: those of its tracks, and all of a kind
    /// that it does not send yet.
    pub(crate) fn sent_codecs(&self) -> Vec<Codec> {
        let mut sent: Vec<Codec> =
            self.tracks.iter().flat_map(|track| track.codecs.iter().copied()).collect();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if !sent.iter().any(|codec| codec.kind() == kind) {
                let all = codecs::all(self.agreed.h264);
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

    /// The track and the encoding of an SSRC, as indices.
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

/// What was agreed for a section.
struct Negotiated {
    mid: Mid,
    kind: MediaKind,
    codecs: Vec<Codec>,
    /// Payload types, and whether each is one of retransmissions.
    pts: Vec<(u8, bool)>,
}

/// What was agreed for a section, if media is to be received in it.
fn negotiated(rtc: &Rtc, section: &Section, mid: Mid, agreed: &Agreed) -> Option<Negotiated> {
    let media = rtc.media(mid)?;
    if !section.sends || !media.direction().is_receiving() {
        return None;
    }
    let payloads = agreed.of(&section.payloads);
    let codecs: Vec<Codec> = payloads.iter().filter_map(|(payload, _)| payload.codec.known()).collect();
    let pts = payloads.iter().map(|(payload, _)| (payload.pt, payload.codec.known().is_none())).collect();
    (!codecs.is_empty()).then(|| Negotiated { mid, kind: media.kind(), codecs, pts })
}

fn lane(section: &Section, negotiated: &Negotiated) -> Lane {
    let rids = section.rids().zip(section.known_rids()).map(|(name, rid)| (name.to_owned(), rid));
    Lane {
        mid: negotiated.mid,
        name: section.mid().map(str::to_owned),
        pts: negotiated.pts.clone(),
        rids: rids.collect(),
    }
}

fn layers(section: &Section, now: Instant) -> Vec<Layer> {
    let layer = |rid| Layer { rid, rate: Rate::new(now), key_frames: KeyFrames::default() };
    let rids = section.layers();
    if rids.is_empty() { vec![layer(None)] } else { rids.into_iter().map(|rid| layer(Some(rid))).collect() }
}
