//! Where a packet goes, and as what; which encoding each receiver gets.

use std::time::Instant;

use str0m::bwe::{Bitrate, BweKind};
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};

use super::consumer::{Consumer, Section};
use super::layers;
use super::limits::MAX_PAYLOAD_BYTES;
use super::link::Link;
use super::links::{LinkId, Links};
use super::metrics::Counters;
use super::peer::PeerKey;
use super::producer::{Producer, Track};
use super::rewrite::{self, Rewritten};
use super::{Room, codecs};

/// A packet of a producer, on its way to everybody else.
struct Parcel<'a> {
    packet: &'a RtpPacket,
    codec: Codec,
    /// A decoder can begin with it.
    key: bool,
    link: LinkId,
    track: Mid,
    /// Its encoding, by its place.
    layer: usize,
}

impl Room {
    /// Sends a producer's packet to everybody who is to have it.
    pub(super) fn forward(&mut self, now: Instant, link: LinkId, source: PeerKey, packet: &RtpPacket) {
        if packet.payload.is_empty() || packet.payload.len() > MAX_PAYLOAD_BYTES {
            return;
        }
        let Some(peer) = self.peers.get_mut(&source) else { return };
        let Some(producer) = peer.producer.as_mut().filter(|producer| producer.link == link) else { return };
        let Some(place) = place(producer, &mut self.links, packet.header.ssrc) else { return };
        let Some(codec) = codecs::of(&producer.agreed.params, packet.header.payload_type) else { return };
        let Some(track) = producer.tracks.get_mut(place.0) else { return };
        let mid = track.mid;
        let Some(layer) = track.layers.get_mut(place.1) else { return };
        let key = codecs::starts_key_frame(codec, &packet.payload);
        layer.rate.add(now, packet.payload.len());
        if key {
            layer.key_frames.seen();
        }
        let screen = peer.features.as_ref().and_then(|said| said.get("features")?.get("screen")?.as_str());
        if codec.is_audio()
            // The sound of a shared screen is nobody's voice.
            && screen != Some(track.stream.as_str())
            && let Some(level) = packet.header.ext_vals.audio_level
        {
            peer.voice.hear(now, level);
        }
        let parcel = Parcel { packet, codec, key, link, track: mid, layer: place.1 };
        let mut wanted = false;
        let links = &mut self.links;
        for consumer in self.peers.values_mut().filter_map(|receiver| receiver.consumers.get_mut(&source)) {
            wanted |= deliver(links, consumer, &parcel, &mut self.counters, now);
        }
        if wanted && !key {
            self.want_key_frame(now, source, mid, place.1);
        }
    }

    /// A receiver asks for a key frame of what it is being sent.
    pub(super) fn key_frame_wanted(
        &mut self,
        now: Instant,
        (receiver, source): (PeerKey, PeerKey),
        mid: Mid,
    ) {
        self.counters.key_frames_wanted += 1;
        let Some(consumer) = self.peers.get_mut(&receiver).and_then(|peer| peer.consumers.get_mut(&source))
        else {
            return;
        };
        let section = consumer.sections.iter().find(|section| section.mid == mid);
        if let Some((track, layer)) = section.and_then(|section| Some((section.track?, section.layer?))) {
            self.want_key_frame(now, source, track, layer);
        }
    }

    /// Asks for key frames of all that a receiver gets from a source: it can decode nothing yet.
    pub(super) fn refresh(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let Some(consumer) = self.peers.get_mut(&receiver).and_then(|peer| peer.consumers.get_mut(&source))
        else {
            return;
        };
        let shown: Vec<_> =
            consumer.sections.iter().filter_map(|s| Some((s.track?, s.layer.unwrap_or(0)))).collect();
        for (track, layer) in shown {
            self.want_key_frame(now, source, track, layer);
        }
    }

    fn want_key_frame(&mut self, now: Instant, source: PeerKey, track: Mid, layer: usize) {
        let Some(producer) = self.peers.get_mut(&source).and_then(|peer| peer.producer.as_mut()) else {
            return;
        };
        let track = producer.tracks.iter_mut().find(|known| known.mid == track && known.kind.is_video());
        if let Some(layer) = track.and_then(|track| track.layers.get_mut(layer)) {
            layer.key_frames.want(now);
            self.ask_key_frames(now, source);
        }
    }

    /// Makes the requests for key frames that are due.
    pub(super) fn ask_key_frames(&mut self, now: Instant, source: PeerKey) {
        let Some(producer) = self.peers.get_mut(&source).and_then(|peer| peer.producer.as_mut()) else {
            return;
        };
        let mut due = Vec::new();
        for track in &mut producer.tracks {
            let mid = track.mid;
            let asked =
                track.layers.iter_mut().filter_map(|layer| layer.key_frames.poll(now).then_some(layer.rid));
            due.extend(asked.map(|rid| (mid, rid)));
        }
        if due.is_empty() {
            return;
        }
        let Some(link) = self.links.touch(producer.link) else { return };
        for (mid, rid) in due {
            let asked = link.with(|rtc| {
                let mut api = rtc.direct_api();
                let stream = api.stream_rx_by_mid(mid, rid)?;
                stream.request_keyframe(KeyframeRequestKind::Pli);
                Some(())
            });
            if asked.flatten().is_some() {
                self.counters.key_frames_asked += 1;
            }
        }
    }

    /// What the way to a receiver can carry has been estimated anew.
    pub(super) fn estimated(&mut self, receiver: PeerKey, source: PeerKey, estimate: &BweKind) {
        let BweKind::Twcc { estimate, .. } = estimate else { return };
        if let Some(consumer) = self.peers.get_mut(&receiver).and_then(|peer| peer.consumers.get_mut(&source))
        {
            consumer.estimate = estimate.as_u64();
        }
    }

    /// Chooses the encodings that a receiver gets from a source.
    pub(super) fn adapt(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let Some(mut consumer) =
            self.peers.get_mut(&receiver).and_then(|peer| peer.consumers.remove(&source))
        else {
            return;
        };
        let mut switched = vec![];
        if let Some(producer) = self.peers.get(&source).and_then(|peer| peer.producer.as_ref()) {
            switched = choose(&mut consumer, producer, now);
            let asked = rates(&consumer, producer, now);
            if consumer.asked != asked
                && let Some(link) = self.links.touch(consumer.link)
            {
                consumer.asked = asked;
                link.with(|rtc| rtc.bwe().set_bitrate(Bitrate::bps(asked.0), Bitrate::bps(asked.1)));
            }
        }
        // A key frame that comes before the connection is up is lost, and keeps the next one from being asked for.
        let connected = self.links.get(consumer.link).is_some_and(|link| link.connected);
        if let Some(peer) = self.peers.get_mut(&receiver) {
            peer.consumers.insert(source, consumer);
        }
        for (track, layer) in switched.into_iter().filter(|_| connected) {
            self.want_key_frame(now, source, track, layer);
        }
    }
}

fn place(producer: &mut Producer, links: &mut Links, ssrc: str0m::rtp::Ssrc) -> Option<(usize, usize)> {
    match producer.streams.get(&ssrc) {
        Some(place) => Some(*place),
        None => producer.place(links.touch(producer.link)?, ssrc),
    }
}

/// Gives a packet to one receiver, if it is to have it. Answers whether it waits for a key frame of this encoding.
fn deliver(
    links: &mut Links,
    consumer: &mut Consumer,
    parcel: &Parcel<'_>,
    counters: &mut Counters,
    now: Instant,
) -> bool {
    let link = consumer.link;
    let Some(section) = consumer.section(parcel.track).filter(|section| section.open) else { return false };
    if !links.get(link).is_some_and(|link| link.connected) {
        return false;
    }
    let source = (parcel.link, parcel.packet.header.ssrc);
    let layer = *section.layer.get_or_insert(parcel.layer);
    if layer == parcel.layer {
        // If this one is being sent, a switch to another that has not come about yet is taken back.
        section.rewriter.want(source);
    }
    let Some(pt) = section.codecs.iter().find(|(codec, _)| *codec == parcel.codec).map(|(_, pt)| *pt) else {
        return false;
    };
    let switches =
        section.rewriter.current().is_some() && section.rewriter.wanted() == Some(source) && parcel.key;
    let packet = rewrite::Packet {
        source,
        seq: *parcel.packet.seq_no,
        time: parcel.packet.header.timestamp,
        at: now,
        codec: parcel.codec,
        key: parcel.key,
        payload: &parcel.packet.payload,
    };
    let clock = if parcel.codec.is_audio() { 48_000 } else { 90_000 };
    if let Some(rewritten) = section.rewriter.rewrite(&packet, clock) {
        counters.forwarded += 1;
        counters.switches += u64::from(switches);
        let (mid, packet) = (section.mid, written(pt, &rewritten, parcel.packet));
        if let Some(link) = links.touch(link) {
            write(link, mid, packet);
        }
    }
    section_waits(consumer, parcel, source)
}

fn section_waits(consumer: &mut Consumer, parcel: &Parcel<'_>, source: rewrite::Source) -> bool {
    consumer.section(parcel.track).is_some_and(|section| section.rewriter.wanted() == Some(source))
}

fn written(pt: str0m::media::Pt, rewritten: &Rewritten, packet: &RtpPacket) -> RtpWrite {
    let values = &packet.header.ext_vals;
    let kept = ExtensionValues {
        audio_level: values.audio_level,
        voice_activity: values.voice_activity,
        video_orientation: values.video_orientation,
        ..ExtensionValues::default()
    };
    let write = RtpWrite::new(
        pt,
        rewritten.seq.into(),
        rewritten.time,
        packet.timestamp,
        std::sync::Arc::clone(&packet.payload),
    );
    let write = write.marker(packet.header.marker).nackable(true).ext_vals(kept);
    match rewritten.vp8 {
        Some(patch) => write.vp8_patch(patch),
        None => write,
    }
}

fn write(link: &mut Link, mid: Mid, packet: RtpWrite) {
    link.with(|rtc| {
        if let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.write_rtp(packet);
        }
    });
}

/// Chooses an encoding for each simulcast video. Answers those for which a key frame is needed.
fn choose(consumer: &mut Consumer, producer: &Producer, now: Instant) -> Vec<(Mid, usize)> {
    let fixed: u64 = single(producer).map(|track| rate(track, 0, now)).sum();
    let mut budget = consumer.estimate.saturating_sub(fixed);
    let mut switched = vec![];
    for section in &mut consumer.sections {
        let Some(track) = track_of(section, producer).filter(|track| section.open && track.layers.len() > 1)
        else {
            continue;
        };
        let places = track.by_size();
        let coming = |place: &usize| track.layers.get(*place).and_then(|layer| layer.rate.get(now));
        let rates: Vec<_> = places.iter().map(coming).collect();
        let current = places.iter().position(|place| Some(*place) == section.layer);
        let chosen = layers::choose(&rates, current, budget).and_then(|chosen| places.get(chosen));
        let Some(chosen) = chosen.copied() else { continue };
        budget = budget.saturating_sub(rate(track, chosen, now));
        if section.layer.replace(chosen) != Some(chosen) {
            switched.push((track.mid, chosen));
        }
    }
    switched
}

fn track_of<'a>(section: &Section, producer: &'a Producer) -> Option<&'a Track> {
    let mid = section.track?;
    producer.tracks.iter().find(|track| track.mid == mid)
}

/// Tracks of which there is nothing to choose.
fn single(producer: &Producer) -> impl Iterator<Item = &Track> {
    producer.tracks.iter().filter(|track| track.layers.len() == 1)
}

fn rate(track: &Track, layer: usize, now: Instant) -> u64 {
    track.layers.get(layer).and_then(|layer| layer.rate.get(now)).unwrap_or_default()
}

/// What the estimator is told: bits a second that are worth keeping up (filled with padding while the media is less),
/// and bits a second that we would like to send in the end. The first reaches towards the next encoding, so that the
/// estimate can grow to it, but costs no receiver more than twice what it gets.
fn rates(consumer: &Consumer, producer: &Producer, now: Instant) -> (u64, u64) {
    let fixed: u64 = single(producer).map(|track| rate(track, 0, now)).sum();
    let (mut sent, mut next, mut best) = (fixed, fixed, fixed);
    for section in &consumer.sections {
        let Some(track) = track_of(section, producer).filter(|track| section.open && track.layers.len() > 1)
        else {
            continue;
        };
        let chosen = section.layer.unwrap_or(0);
        let of = |layer: usize| rate(track, layer, now);
        sent += of(chosen);
        let places = track.by_size();
        let larger = places.iter().skip_while(|place| **place != chosen).skip(1).copied();
        next += larger.map(of).find(|rate| *rate > 0).unwrap_or_else(|| of(chosen));
        best += (0..track.layers.len()).map(of).max().unwrap_or_default();
    }
    // Probes stop at what we would like to send, and what they find is a little less.
    let (next, best) = (next.saturating_mul(125) / 100, best.saturating_mul(175) / 100);
    let minimum = if next > sent.saturating_mul(125) / 100 { next.min(sent.saturating_mul(2)) } else { 0 };
    // In steps, so that the estimator is not told something else twice a second.
    let step = |rate: u64| rate.div_ceil(50_000) * 50_000;
    (step(minimum), step(best.max(200_000)))
}
