//! Where a packet is forwarded to, how it is rewritten, and which encoding each receiver gets.

use std::time::Instant;

use str0m::bwe::{Bitrate, BweKind};
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};

use super::Room;
use super::codecs;
use super::consumer::{Consumer, Section};
use super::ids::{LinkId, Pair, PeerKey};
use super::layers;
use super::limits::MAX_PAYLOAD_BYTES;
use super::link::Link;
use super::links::Links;
use super::metrics::Counters;
use super::peer::Peer;
use super::producer::{Producer, Track};
use super::rewrite::{self, Rewritten};

/// The estimate of a connection on which nothing is sent, in bits a second.
const ASLEEP: u64 = 1;

/// A packet of a producer.
struct InboundPacket<'a> {
    packet: &'a RtpPacket,
    codec: Codec,
    /// A decoder can begin with it.
    key: bool,
    link: LinkId,
    track: Mid,
    /// Its encoding: an index into the track's layers.
    layer: usize,
}

impl Room {
    /// Sends a producer's packet to everybody who receives its track and encoding.
    pub(super) fn forward(&mut self, now: Instant, link: LinkId, source: PeerKey, packet: &RtpPacket) {
        let peer = self.peers.get_mut(source);
        let inbound = peer.and_then(|peer| inspect(peer, link, &mut self.links, packet, now));
        let Some(inbound) = inbound else { return };
        let mut wanted = false;
        for consumer in self.consumers.of_source_mut(source) {
            wanted |= send(&mut self.links, consumer, &inbound, &mut self.counters, now);
        }
        if wanted && !inbound.key {
            self.want_key_frame(now, source, inbound.track, inbound.layer);
        }
    }

    /// A receiver asks for a key frame of what it is being sent.
    pub(super) fn key_frame_wanted(&mut self, now: Instant, pair: Pair, mid: Mid) {
        self.counters.key_frames_wanted += 1;
        let sections = self.consumers.get(pair).map_or(&[][..], |consumer| &consumer.sections);
        let section = sections.iter().find(|section| section.mid == mid && section.flows);
        if let Some((track, layer)) = section.and_then(|section| Some((section.track?, section.layer?))) {
            self.want_key_frame(now, pair.source, track, layer);
        }
    }

    /// Asks for key frames of all that a receiver gets from a source: it can decode nothing yet.
    pub(super) fn refresh(&mut self, now: Instant, pair: Pair) {
        let sections = self.consumers.get(pair).map_or(&[][..], |consumer| &consumer.sections);
        let shown = sections.iter().filter(|section| section.flows);
        let shown: Vec<_> = shown.filter_map(|s| Some((s.track?, s.layer.unwrap_or(0)))).collect();
        for (track, layer) in shown {
            self.want_key_frame(now, pair.source, track, layer);
        }
    }

    fn want_key_frame(&mut self, now: Instant, source: PeerKey, track: Mid, layer: usize) {
        let layer = self.peers.producer_mut(source).and_then(|producer| {
            let mut videos = producer.tracks.iter_mut().filter(|track| track.kind.is_video());
            videos.find(|known| known.mid == track)?.layers.get_mut(layer)
        });
        if let Some(layer) = layer {
            layer.key_frames.want(now);
            self.ask_key_frames(now, source);
        }
    }

    /// Makes the requests for key frames that are due.
    pub(super) fn ask_key_frames(&mut self, now: Instant, source: PeerKey) {
        let Some(producer) = self.peers.producer_mut(source) else { return };
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

    /// Takes the estimated bandwidth to a receiver.
    pub(super) fn estimated(&mut self, pair: Pair, estimate: &BweKind) {
        if let BweKind::Twcc { estimate, .. } = estimate
            && let Some(consumer) = self.consumers.get_mut(pair).filter(|consumer| !consumer.silent)
        {
            consumer.estimate = estimate.as_u64();
        }
    }

    /// Chooses the encodings that a receiver gets from a source.
    pub(super) fn adapt(&mut self, now: Instant, pair: Pair) {
        let both = self.consumers.get_mut(pair).zip(self.peers.producer(pair.source));
        let Some((consumer, producer)) = both else { return };
        let switched = choose(consumer, producer, now);
        let silent = consumer.sections.iter().all(|section| !section.flows);
        let asked = if silent { (0, 0) } else { rates(consumer, producer, now) };
        // The pacer keeps a connection with a section that may send at 50 kbit/s of padding, unless it believes that less gets
        // through. What it had found out is given back to it.
        if std::mem::replace(&mut consumer.silent, silent) != silent
            && let Some(link) = self.links.touch(consumer.link)
        {
            let estimate = if silent { ASLEEP } else { consumer.estimate };
            link.with(|rtc| rtc.bwe().reset(Bitrate::bps(estimate)));
        }
        if consumer.asked != asked
            && let Some(link) = self.links.touch(consumer.link)
        {
            consumer.asked = asked;
            link.with(|rtc| rtc.bwe().set_bitrate(Bitrate::bps(asked.0), Bitrate::bps(asked.1)));
        }
        // A key frame that comes before the connection is up is lost, and keeps the next one from being asked
        // for.
        let connected = self.links.get(consumer.link).is_some_and(|link| link.connected);
        for (track, layer) in switched.into_iter().filter(|_| connected) {
            self.want_key_frame(now, pair.source, track, layer);
        }
    }
}

/// Finds out what a packet is, and counts it for its encoding's rate and its peer's voice. Nothing, if it
/// belongs to no track or is too large to forward.
fn inspect<'a>(
    peer: &mut Peer,
    link: LinkId,
    links: &mut Links,
    packet: &'a RtpPacket,
    now: Instant,
) -> Option<InboundPacket<'a>> {
    if packet.payload.is_empty() || packet.payload.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    let producer = peer.producer.as_mut().filter(|producer| producer.link == link)?;
    let (track, index) = place(producer, links, packet.header.ssrc)?;
    let codec = codecs::of(&producer.agreed.params, packet.header.payload_type)?;
    let track = producer.tracks.get_mut(track)?;
    let layer = track.layers.get_mut(index)?;
    let key = codecs::starts_key_frame(codec, &packet.payload);
    layer.rate.add(now, packet.payload.len());
    if key {
        layer.key_frames.seen();
    }
    // What nobody may hear is nobody's voice, nor is the sound of a shared screen.
    let is_screen = peer.features.as_ref().is_some_and(|features| features.is_screen(&track.stream));
    if let Some(level) = packet.header.ext_vals.audio_level
        && codec.is_audio()
        && track.flows
        && !is_screen
    {
        peer.voice.observe(now, level);
    }
    Some(InboundPacket { packet, codec, key, link, track: track.mid, layer: index })
}

fn place(producer: &mut Producer, links: &mut Links, ssrc: str0m::rtp::Ssrc) -> Option<(usize, usize)> {
    match producer.streams.get(&ssrc) {
        Some(place) => Some(*place),
        None => producer.place(links.touch(producer.link)?, ssrc),
    }
}

/// Sends a packet to one receiver, if it gets this encoding. Answers whether it waits for a key frame of it.
fn send(
    links: &mut Links,
    consumer: &mut Consumer,
    inbound: &InboundPacket<'_>,
    counters: &mut Counters,
    now: Instant,
) -> bool {
    let link = consumer.link;
    let Some(section) = consumer.section(inbound.track).filter(|section| section.open) else { return false };
    if !links.get(link).is_some_and(|link| link.connected) {
        return false;
    }
    if !section.flows {
        counters.withheld += 1;
        return false;
    }
    let source = (inbound.link, inbound.packet.header.ssrc);
    let layer = *section.layer.get_or_insert(inbound.layer);
    if layer == inbound.layer {
        // If this encoding is being sent, a pending switch to another is cancelled.
        section.rewriter.want(source);
    }
    let Some(pt) = section.codecs.iter().find(|(codec, _)| *codec == inbound.codec).map(|(_, pt)| *pt) else {
        return false;
    };
    let switches =
        section.rewriter.current().is_some() && section.rewriter.wanted() == Some(source) && inbound.key;
    let packet = rewrite::Packet {
        source,
        seq: *inbound.packet.seq_no,
        time: inbound.packet.header.timestamp,
        at: now,
        codec: inbound.codec,
        key: inbound.key,
        payload: &inbound.packet.payload,
    };
    let clock = if inbound.codec.is_audio() { 48_000 } else { 90_000 };
    if let Some(rewritten) = section.rewriter.rewrite(&packet, clock) {
        counters.forwarded += 1;
        counters.switches += u64::from(switches);
        let (mid, packet) = (section.mid, written(pt, &rewritten, inbound.packet));
        if let Some(link) = links.touch(link) {
            write(link, mid, packet);
        }
    }
    section_waits(consumer, inbound, source)
}

fn section_waits(consumer: &mut Consumer, inbound: &InboundPacket<'_>, source: rewrite::Source) -> bool {
    consumer.section(inbound.track).is_some_and(|section| section.rewriter.wanted() == Some(source))
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
    let fixed = fixed(consumer, producer, now);
    let mut budget = consumer.estimate.saturating_sub(fixed);
    let mut switched = vec![];
    for section in &mut consumer.sections {
        let Some(track) =
            track_of(section, producer).filter(|track| section.is_sent() && track.layers.len() > 1)
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

/// The rate of the tracks with one encoding.
fn fixed(consumer: &Consumer, producer: &Producer, now: Instant) -> u64 {
    let sent = consumer.sections.iter().filter(|section| section.flows);
    let tracks = sent.filter_map(|section| track_of(section, producer));
    tracks.filter(|track| track.layers.len() == 1).map(|track| rate(track, 0, now)).sum()
}

fn rate(track: &Track, layer: usize, now: Instant) -> u64 {
    track.layers.get(layer).and_then(|layer| layer.rate.get(now)).unwrap_or_default()
}

/// The current and the desired bit rate for the bandwidth estimator. It pads the media up to the current
/// rate: this reaches towards the next encoding, so that the estimate can grow to it, but is at most twice
/// what the receiver gets.
fn rates(consumer: &Consumer, producer: &Producer, now: Instant) -> (u64, u64) {
    let fixed = fixed(consumer, producer, now);
    let (mut sent, mut next, mut best) = (fixed, fixed, fixed);
    for section in &consumer.sections {
        let Some(track) =
            track_of(section, producer).filter(|track| section.is_sent() && track.layers.len() > 1)
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
    // Probes stop at the desired rate, and find a little less.
    let (next, best) = (next.saturating_mul(125) / 100, best.saturating_mul(175) / 100);
    let minimum = if next > sent.saturating_mul(125) / 100 { next.min(sent.saturating_mul(2)) } else { 0 };
    // In steps, so that the estimator is not changed twice a second.
    let step = |rate: u64| rate.div_ceil(50_000) * 50_000;
    (step(minimum), step(best.max(200_000)))
}
