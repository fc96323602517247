//! A client of the media protocol, as `docs/MEDIA.md` describes it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use super::world;

/// A peer connection of a client.
pub(crate) struct Connection {
    pub(crate) rtc: Rtc,
    pub(crate) address: SocketAddr,
    pub(crate) connected: bool,
    pub(crate) ice: Option<IceConnectionState>,
    /// The address that it has in another network.
    moved: Option<SocketAddr>,
    timeout: Instant,
}

/// Something that a client sends.
pub(crate) struct Source {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    pub(crate) stream: String,
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) muted: bool,
    pub(crate) loudness: i8,
    /// Packets as large as a datagram may be.
    pub(crate) giant: bool,
    next: Instant,
}

pub(crate) struct Encoding {
    pub(crate) rid: Option<Rid>,
    /// Bytes of a frame.
    pub(crate) size: usize,
    seq: u64,
    time: u32,
    picture: u16,
    base_layer: u8,
    key: bool,
    /// Key frames that were asked for.
    pub(crate) requests: Vec<Instant>,
    /// Key frames are not sent, though they are asked for.
    pub(crate) stubborn: bool,
    /// Nothing is sent.
    pub(crate) off: bool,
    pub(crate) frames: u32,
}

/// A connection on which a client receives.
pub(crate) struct Receiver {
    pub(crate) connection: Connection,
    pub(crate) fingerprint: String,
    number: u64,
    pub(crate) tracks: Vec<Incoming>,
    pub(crate) offers: Vec<String>,
    /// The streams that each offer named, by `mid`.
    pub(crate) streams: Vec<Value>,
}

pub(crate) struct Incoming {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    pub(crate) open: bool,
    pub(crate) got: Vec<Got>,
}

/// A packet that came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) picture: u16,
    pub(crate) base_layer: u8,
    pub(crate) key: bool,
    pub(crate) marker: bool,
    /// Which encoding it was.
    pub(crate) layer: u8,
    pub(crate) orientation: bool,
    pub(crate) size: usize,
}

#[expect(clippy::struct_excessive_bools, reason = "a client's peculiarities")]
pub(crate) struct Client {
    pub(crate) id: String,
    /// The room that it is in, as it knows it.
    pub(crate) room: String,
    /// The socket that it has.
    pub(crate) socket: String,
    /// An original client: no numbers.
    pub(crate) original: bool,
    pub(crate) producer: Connection,
    pub(crate) sources: Vec<Source>,
    pub(crate) receivers: BTreeMap<String, Receiver>,
    pub(crate) features: Vec<Value>,
    pub(crate) chats: Vec<Value>,
    pub(crate) channels: (ChannelId, ChannelId),
    pub(crate) open: bool,
    pub(crate) packets: Vec<(SocketAddr, Vec<u8>)>,
    pub(crate) signals: Vec<Value>,
    pub(crate) answers: usize,
    /// Why its offers were not taken.
    pub(crate) refusals: Vec<Value>,
    /// Edits its offers before they are sent.
    pub(crate) edit: Option<fn(&str) -> String>,
    /// Edits its answers.
    pub(crate) edit_answers: Option<fn(&str) -> String>,
    /// Each of its producer connections has this certificate.
    pub(crate) certificate: Option<DtlsCert>,
    /// The streams of the session that what it sends is part of, by `a=msid`.
    pub(crate) streams: BTreeMap<String, String>,
    /// It receives only what it has subscribed to.
    pub(crate) explicit: bool,
    /// Consumer offers are not answered.
    pub(crate) deaf: bool,
    pub(crate) without_channels: bool,
    pub(crate) number: u64,
    pub(crate) first_offer: Value,
    added: Vec<(MediaKind, String, Vec<Option<Rid>>)>,
    ended: Vec<usize>,
    resumed: Vec<usize>,
    restart: bool,
    pending: Option<SdpPendingOffer>,
    queue: VecDeque<(ChannelId, String)>,
}

fn edited(sdp: &str, edit: Option<fn(&str) -> String>) -> String {
    edit.map_or_else(|| sdp.to_owned(), |edit| edit(sdp))
}

/// A fresh address for each connection, as browsers have.
fn address() -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(10_000);
    SocketAddr::from(([198, 51, 100, 1], PORT.fetch_add(1, Ordering::Relaxed)))
}

impl Connection {
    fn new(config: RtcConfig, now: Instant) -> Self {
        let address = address();
        let mut rtc = config.set_rtp_mode(true).set_stats_interval(None).build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self { rtc, address, connected: false, ice: None, moved: None, timeout: now }
    }

    fn poll(&mut self, packets: &mut Vec<(SocketAddr, Vec<u8>)>) -> Option<Event> {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => packets.push((transmit.source, transmit.contents.to_vec())),
                Ok(Output::Event(event)) => {
                    match &event {
                        Event::Connected => self.connected = true,
                        Event::IceConnectionStateChange(state) => self.ice = Some(*state),
                        _ => {}
                    }
                    return Some(event);
                }
                Ok(Output::Timeout(timeout)) => {
                    self.timeout = timeout;
                    return None;
                }
                Err(_) => return None,
            }
        }
    }

    fn input(&mut self, now: Instant) {
        let _ = self.rtc.handle_input(Input::Timeout(now));
    }
}

fn config() -> RtcConfig {
    let mut config = RtcConfig::new();
    let codecs = config.codec_config();
    codecs.clear();
    codecs.enable_opus(true, false);
    codecs.enable_vp8(true);
    codecs.enable_h264(true);
    config
}

impl Client {
    pub(crate) fn new(id: &str, now: Instant) -> Self {
        let (producer, channels) = Self::connection(now, None);
        Self {
            id: id.into(),
            room: "room".into(),
            socket: format!("{id}-1"),
            original: false,
            producer,
            sources: vec![],
            receivers: BTreeMap::new(),
            features: vec![],
            chats: vec![],
            channels,
            open: false,
            packets: vec![],
            signals: vec![],
            answers: 0,
            refusals: vec![],
            edit: None,
            edit_answers: None,
            certificate: None,
            streams: BTreeMap::new(),
            explicit: false,
            deaf: false,
            without_channels: false,
            number: 0,
            first_offer: Value::Null,
            added: vec![],
            ended: vec![],
            resumed: vec![],
            restart: false,
            pending: None,
            queue: VecDeque::new(),
        }
    }

    fn connection(now: Instant, certificate: Option<DtlsCert>) -> (Connection, (ChannelId, ChannelId)) {
        let config = match certificate {
            Some(certificate) => config().set_dtls_cert(certificate),
            None => config(),
        };
        let mut producer = Connection::new(config, now);
        let channel = |label: &str, id| ChannelConfig {
            label: label.into(),
            negotiated: Some(id),
            ..ChannelConfig::default()
        };
        let mut api = producer.rtc.direct_api();
        let channels = (
            api.create_data_channel(channel("chat", 100)),
            api.create_data_channel(channel("features", 110)),
        );
        (producer, channels)
    }

    pub(crate) fn microphone(&mut self) {
        self.audio("camera");
    }

    pub(crate) fn audio(&mut self, stream: &str) {
        self.added.push((MediaKind::Audio, stream.into(), vec![None]));
    }

    pub(crate) fn camera(&mut self, rids: &[Option<&str>]) {
        self.video("camera", rids);
    }

    pub(crate) fn video(&mut self, stream: &str, rids: &[Option<&str>]) {
        let rids = rids.iter().map(|rid| rid.map(Rid::from)).collect();
        self.added.push((MediaKind::Video, stream.into(), rids));
    }

    /// Stops sending something, at the next offer.
    pub(crate) fn end(&mut self, source: usize) {
        self.ended.push(source);
    }

    /// Goes on sending what it had ended, at the next offer.
    pub(crate) fn resume(&mut self, source: usize) {
        self.resumed.push(source);
    }

    /// Restarts ICE, at the next offer.
    pub(crate) fn restart(&mut self) {
        self.restart = true;
    }

    /// Reloads the page: everything but the id is new.
    pub(crate) fn refresh(&mut self, now: Instant, connection: &str) {
        let mut new = Self::new(&self.id, now);
        new.room.clone_from(&self.room);
        new.socket = connection.into();
        new.microphone();
        new.camera(&[None]);
        *self = new;
    }

    /// A new producer connection in the same page.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        (self.producer, self.channels) = Self::connection(now, self.certificate.clone());
        self.open = false;
        for source in std::mem::take(&mut self.sources) {
            let rids = source.encodings.iter().map(|encoding| encoding.rid).collect();
            self.added.push((source.kind, source.stream, rids));
        }
    }

    /// Closes its producer connection, as a page does that is left.
    pub(crate) fn hang_up(&mut self) {
        self.producer.rtc.close().unwrap();
    }

    /// Where all its packets come from.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let receivers = self.receivers.values().map(|receiver| receiver.connection.address);
        receivers.chain([self.producer.address]).collect()
    }

    /// On another network, with another address there.
    pub(crate) fn moved(&mut self, address: SocketAddr) {
        self.producer.rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        self.producer.moved = Some(address);
    }

    /// Offers what has changed.
    pub(crate) fn offer(&mut self, now: Instant) {
        let mut api = self.producer.rtc.sdp_api();
        if !self.open && !self.without_channels {
            // str0m adds the section for data channels with the first that is not negotiated beforehand.
            api.add_channel("unused".into());
        }
        for (kind, stream, rids) in self.added.drain(..) {
            let mut simulcast = Simulcast::new();
            for rid in rids.iter().flatten() {
                simulcast.add_send_layer(SimulcastLayer::new(rid));
            }
            let simulcast = rids[0].is_some().then_some(simulcast);
            let mid = api.add_media(kind, Direction::SendOnly, Some(stream.clone()), None, simulcast);
            let encodings =
                rids.iter().enumerate().map(|(place, rid)| Encoding::new(*rid, place, rids.len())).collect();
            self.sources.push(Source {
                mid,
                kind,
                stream,
                encodings,
                muted: false,
                loudness: -80,
                giant: false,
                next: now,
            });
        }
        for ended in self.ended.drain(..) {
            api.set_direction(self.sources[ended].mid, Direction::Inactive);
            self.sources[ended].muted = true;
        }
        for resumed in self.resumed.drain(..) {
            api.set_direction(self.sources[resumed].mid, Direction::SendOnly);
            self.sources[resumed].muted = false;
        }
        if std::mem::take(&mut self.restart) {
            api.ice_restart(true);
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        self.number += 1;
        let mut data = json!({
            "type": "producer", "sender": self.id, "roomId": self.room,
            "description": { "type": "offer", "sdp": edited(&offer.to_sdp_string(), self.edit) },
        });
        if !self.original {
            data["negotiation"] = self.number.into();
        }
        if !self.streams.is_empty() {
            let sources = self.sources.iter();
            let named = |source: &Source| Some((source.mid.to_string(), self.streams.get(&source.stream)?));
            data["streams"] = json!(sources.filter_map(named).collect::<BTreeMap<_, _>>());
        }
        if self.explicit {
            data["subscriptions"] = "explicit".into();
        }
        if self.number == 1 {
            self.first_offer = data.clone();
        }
        self.signals.push(data);
        self.drive(now);
    }

    pub(crate) fn send_chat(&mut self, chat: &Value) {
        self.queue.push_back((self.channels.0, chat.to_string()));
    }

    pub(crate) fn send_features(&mut self, features: &Value) {
        self.queue.push_back((self.channels.1, features.to_string()));
    }

    /// Takes a message that the gateway relayed.
    pub(crate) fn signal(&mut self, now: Instant, message: &Value) {
        let sdp = message["description"]["sdp"].as_str().unwrap_or_default();
        let number = message["negotiation"].as_u64();
        if message["type"] == "producer" {
            if !self.original && number != Some(self.number) {
                return;
            }
            let Some(pending) = self.pending.take() else { return };
            if message["description"]["type"] == "rollback" {
                return self.refusals.push(message["refused"].clone());
            }
            self.answers += 1;
            let answer = SdpAnswer::from_sdp_string(sdp).unwrap();
            self.producer.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        } else if !self.deaf {
            let remote = message["remotePeerId"].as_str().unwrap();
            self.take_offer(now, remote, number.unwrap(), (sdp, &message["streams"]));
        }
        self.drive(now);
    }

    fn take_offer(&mut self, now: Instant, remote: &str, number: u64, (sdp, streams): (&str, &Value)) {
        let fingerprint = sdp.lines().find(|line| line.starts_with("a=fingerprint")).unwrap().to_owned();
        if self.receivers.get(remote).is_none_or(|receiver| receiver.fingerprint != fingerprint) {
            if self.receivers.get(remote).is_some_and(|receiver| receiver.number > number) {
                return;
            }
            let connection = Connection::new(config(), now);
            let receiver = Receiver {
                connection,
                fingerprint,
                number: 0,
                tracks: vec![],
                offers: vec![],
                streams: vec![],
            };
            self.receivers.insert(remote.into(), receiver);
        }
        let receiver = self.receivers.get_mut(remote).unwrap();
        if number <= receiver.number {
            return;
        }
        receiver.number = number;
        receiver.offers.push(sdp.to_owned());
        receiver.streams.push(streams.clone());
        let offer = SdpOffer::from_sdp_string(sdp).unwrap();
        let answer = receiver.connection.rtc.sdp_api().accept_offer(offer).unwrap();
        let mut data = json!({
            "type": "consumer", "sender": self.id, "roomId": self.room, "remotePeerId": remote,
            "description": { "type": "answer", "sdp": edited(&answer.to_sdp_string(), self.edit_answers) },
        });
        if !self.original {
            data["negotiation"] = number.into();
        }
        self.signals.push(data);
    }

    /// Rolls a consumer connection back: the present one, or the one on which an offer was made.
    pub(crate) fn roll_back(&mut self, remote: &str, number: Option<u64>) {
        let mut data = json!({
            "type": "consumer", "sender": self.id, "roomId": self.room, "remotePeerId": remote,
            "description": { "type": "rollback", "sdp": "" },
        });
        if let Some(number) = number {
            data["negotiation"] = number.into();
        }
        self.signals.push(data);
    }

    pub(crate) fn receive(&mut self, now: Instant, destination: SocketAddr, bytes: &[u8]) {
        let connections = self.receivers.values_mut().map(|receiver| &mut receiver.connection);
        let mut mine = connections
            .chain([&mut self.producer])
            .filter(|connection| connection.address == destination || connection.moved == Some(destination));
        if let Some(connection) = mine.next() {
            world::receive(&mut connection.rtc, now, destination, bytes);
            drop(mine);
            self.drive(now);
        }
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        if self.producer.timeout <= now {
            self.producer.input(now);
        }
        for receiver in self.receivers.values_mut().filter(|receiver| receiver.connection.timeout <= now) {
            receiver.connection.input(now);
        }
        if self.producer.connected {
            for place in 0..self.sources.len() {
                self.send(now, place);
            }
        }
        while self.open
            && let Some((channel, text)) = self.queue.pop_front()
        {
            // A message that is too long is refused here already.
            let _ = self.producer.rtc.channel(channel).unwrap().write(false, text.as_bytes());
        }
        self.drive(now);
    }

    fn drive(&mut self, now: Instant) {
        while let Some(event) = self.producer.poll(&mut self.packets) {
            match event {
                Event::ChannelOpen(id, _) if id == self.channels.1 => self.open = true,
                Event::ChannelData(data) => {
                    let message = serde_json::from_slice(&data.data).unwrap();
                    let chat = data.id == self.channels.0;
                    if chat { &mut self.chats } else { &mut self.features }.push(message);
                }
                Event::KeyframeRequest(request) => {
                    for source in self.sources.iter_mut().filter(|source| source.mid == request.mid) {
                        for encoding in
                            source.encodings.iter_mut().filter(|encoding| encoding.rid == request.rid)
                        {
                            encoding.requests.push(now);
                            encoding.key |= !encoding.stubborn;
                        }
                    }
                }
                _ => {}
            }
        }
        for receiver in self.receivers.values_mut() {
            while let Some(event) = receiver.connection.poll(&mut self.packets) {
                match event {
                    Event::MediaAdded(added) => receiver.tracks.push(Incoming {
                        mid: added.mid,
                        kind: added.kind,
                        open: added.direction.is_receiving(),
                        got: vec![],
                    }),
                    Event::MediaChanged(changed) => {
                        for track in receiver.tracks.iter_mut().filter(|track| track.mid == changed.mid) {
                            track.open = changed.direction.is_receiving();
                        }
                    }
                    Event::RtpPacket(packet) => receiver.take(now, &packet),
                    _ => {}
                }
            }
        }
    }

    fn send(&mut self, now: Instant, place: usize) {
        let source = &mut self.sources[place];
        if source.muted || source.next > now {
            return;
        }
        let audio = source.kind == MediaKind::Audio;
        let (millis, ticks) = if audio { (20, 960) } else { (50, 4_500) };
        source.next = now + Duration::from_millis(millis);
        let codec = if audio { Codec::Opus } else { Codec::Vp8 };
        let params = self.producer.rtc.codec_config().params();
        let pt = params.iter().find(|params| params.spec().codec == codec).unwrap().pt();
        let (loudness, giant) = (source.loudness, source.giant);
        let mid = source.mid;
        for (layer, encoding) in source.encodings.iter_mut().enumerate() {
            let rid = encoding.rid;
            if encoding.off {
                encoding.time = encoding.time.wrapping_add(ticks);
                continue;
            }
            for (mut payload, marker) in encoding.frame(audio, u8::try_from(layer).unwrap()) {
                if giant {
                    payload.resize(1_850, 1);
                }
                let values = ExtensionValues {
                    audio_level: audio.then_some(loudness),
                    voice_activity: audio.then_some(loudness > -50),
                    video_orientation: (!audio).then_some(str0m::rtp::VideoOrientation::Deg90),
                    ..ExtensionValues::default()
                };
                let write = RtpWrite::new(pt, encoding.seq.into(), encoding.time, now, payload);
                let write = write.marker(marker).nackable(true).ext_vals(values);
                encoding.seq += 1;
                if let Some(stream) = self.producer.rtc.direct_api().stream_tx_by_mid(mid, rid) {
                    stream.write_rtp(write);
                }
                self.producer.input(now);
                while let Some(event) = self.producer.poll(&mut self.packets) {
                    if let Event::KeyframeRequest(request) = event
                        && (request.mid, request.rid) == (mid, rid)
                    {
                        encoding.requests.push(now);
                        encoding.key |= !encoding.stubborn;
                    }
                }
            }
            encoding.time = encoding.time.wrapping_add(ticks);
        }
    }
}

impl Encoding {
    fn new(rid: Option<Rid>, place: usize, of: usize) -> Self {
        Self {
            rid,
            // 64, 256 and 1,024 kbit/s at 20 frames a second; one alone has 256.
            size: if of == 1 { 1_600 } else { 400 << (2 * place) },
            seq: 100 + 1_000 * place as u64,
            time: 7_000_000 * (1 + u32::try_from(place).unwrap()),
            picture: (0x7ff0 + 3_000 * u16::try_from(place).unwrap()) & 0x7fff,
            base_layer: 250 - 70 * u8::try_from(place).unwrap(),
            key: true,
            requests: vec![],
            stubborn: false,
            off: false,
            frames: 0,
        }
    }

    /// So many packets were sent before.
    pub(crate) fn skip(&mut self, packets: u64) {
        self.seq += packets;
    }

    /// The packets of the next frame.
    fn frame(&mut self, audio: bool, layer: u8) -> Vec<(Vec<u8>, bool)> {
        self.frames += 1;
        if audio {
            return vec![(vec![layer; 40], false)];
        }
        let key = std::mem::take(&mut self.key);
        self.picture = (self.picture + 1) & 0x7fff;
        self.base_layer = self.base_layer.wrapping_add(1);
        let sizes = std::iter::repeat_n(1_000, self.size / 1_000).chain([self.size % 1_000 + 20]);
        let count = self.size / 1_000 + 1;
        let packets = sizes.enumerate().map(|(place, size)| {
            let start = if place == 0 { 0x90 } else { 0x80 };
            let [high, low] = self.picture.to_be_bytes();
            let mut payload =
                vec![start, 0xe0, 0x80 | high, low, self.base_layer, 0x20, u8::from(!key), layer];
            payload.resize(size, 0);
            (payload, place + 1 == count)
        });
        packets.collect()
    }
}

impl Receiver {
    fn take(&mut self, now: Instant, packet: &RtpPacket) {
        let ssrc = packet.header.ssrc;
        let Some(mid) = self.connection.rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid()) else {
            return;
        };
        let Some(track) = self.tracks.iter_mut().find(|track| track.mid == mid) else { return };
        let payload = &packet.payload;
        let video = track.kind == MediaKind::Video;
        track.got.push(Got {
            at: now,
            seq: *packet.seq_no,
            time: packet.header.timestamp,
            picture: if video { u16::from_be_bytes([payload[2] & 0x7f, payload[3]]) } else { 0 },
            base_layer: if video { payload[4] } else { 0 },
            key: video && payload[0] == 0x90 && payload[6] & 1 == 0,
            marker: packet.header.marker,
            layer: if video { payload[7] } else { payload[0] },
            orientation: packet.header.ext_vals.video_orientation.is_some(),
            size: payload.len(),
        });
    }

    pub(crate) fn track(&self, kind: MediaKind) -> Option<&Incoming> {
        self.tracks.iter().find(|track| track.kind == kind && track.open)
    }

    pub(crate) fn video(&self) -> &[Got] {
        self.track(MediaKind::Video).map(|track| track.got.as_slice()).unwrap_or_default()
    }

    pub(crate) fn audio(&self) -> &[Got] {
        self.track(MediaKind::Audio).map(|track| track.got.as_slice()).unwrap_or_default()
    }

    /// Requests a key frame, as a decoder does after losses.
    pub(crate) fn ask_key_frame(&mut self, now: Instant) {
        let mid = self.track(MediaKind::Video).unwrap().mid;
        let mut api = self.connection.rtc.direct_api();
        api.stream_rx_by_mid(mid, None).unwrap().request_keyframe(KeyframeRequestKind::Pli);
        self.connection.input(now);
    }
}
