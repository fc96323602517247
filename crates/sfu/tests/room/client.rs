//! A client of the media protocol, as `docs/MEDIA.md` describes it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use super::world;

/// A peer connection of a client.
pub struct Connection {
    pub rtc: Rtc,
    pub address: SocketAddr,
    pub connected: bool,
    pub ice: Option<IceConnectionState>,
    timeout: Instant,
}

/// Something that a client sends.
pub struct Source {
    pub mid: Mid,
    pub kind: MediaKind,
    pub stream: String,
    pub encodings: Vec<Encoding>,
    pub muted: bool,
    pub loudness: i8,
    next: Instant,
}

pub struct Encoding {
    pub rid: Option<Rid>,
    /// Bytes of a frame.
    pub size: usize,
    seq: u64,
    time: u32,
    picture: u16,
    base_layer: u8,
    key: bool,
    /// Key frames that were asked for.
    pub requests: Vec<Instant>,
    /// Key frames are not sent, though they are asked for.
    pub stubborn: bool,
    pub frames: u32,
}

/// A connection on which a client receives.
pub struct Receiver {
    pub connection: Connection,
    pub fingerprint: String,
    number: u64,
    pub tracks: Vec<Incoming>,
    pub offers: Vec<String>,
}

pub struct Incoming {
    pub mid: Mid,
    pub kind: MediaKind,
    pub open: bool,
    pub got: Vec<Got>,
}

/// A packet that came.
#[derive(Clone, Debug)]
pub struct Got {
    pub at: Instant,
    pub seq: u64,
    pub time: u32,
    pub picture: u16,
    pub base_layer: u8,
    pub key: bool,
    pub marker: bool,
    /// Which encoding it was.
    pub layer: u8,
    pub orientation: bool,
}

pub struct Client {
    pub id: String,
    pub connection_id: Option<String>,
    /// A client of the original work: no numbers, no connection id.
    pub original: bool,
    pub producer: Connection,
    pub sources: Vec<Source>,
    pub receivers: BTreeMap<String, Receiver>,
    pub features: Vec<Value>,
    pub chats: Vec<Value>,
    pub channels: (ChannelId, ChannelId),
    pub open: bool,
    pub packets: Vec<(SocketAddr, Vec<u8>)>,
    pub signals: Vec<Value>,
    pub answers: usize,
    /// Consumer offers are not answered.
    pub deaf: bool,
    pub number: u64,
    added: Vec<(MediaKind, String, Vec<Option<Rid>>)>,
    ended: Vec<usize>,
    restart: bool,
    pending: Option<SdpPendingOffer>,
    queue: VecDeque<(ChannelId, String)>,
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
        Self { rtc, address, connected: false, ice: None, timeout: now }
    }

    fn poll(&mut self, packets: &mut Vec<(SocketAddr, Vec<u8>)>) -> Option<Event> {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => packets.push((self.address, transmit.contents.to_vec())),
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
    pub fn new(id: &str, now: Instant) -> Self {
        let (producer, channels) = Self::connection(now);
        Self {
            id: id.into(),
            connection_id: Some(format!("{id}-1")),
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
            deaf: false,
            number: 0,
            added: vec![],
            ended: vec![],
            restart: false,
            pending: None,
            queue: VecDeque::new(),
        }
    }

    fn connection(now: Instant) -> (Connection, (ChannelId, ChannelId)) {
        let mut producer = Connection::new(config(), now);
        let channel = |label: &str, id| ChannelConfig {
            label: label.into(),
            negotiated: Some(id),
            ..ChannelConfig::default()
        };
        let mut api = producer.rtc.direct_api();
        let channels = (api.create_data_channel(channel("chat", 100)), api.create_data_channel(channel("features", 110)));
        (producer, channels)
    }

    pub fn microphone(&mut self) {
        self.added.push((MediaKind::Audio, "camera".into(), vec![None]));
    }

    pub fn camera(&mut self, rids: &[Option<&str>]) {
        self.video("camera", rids);
    }

    pub fn video(&mut self, stream: &str, rids: &[Option<&str>]) {
        let rids = rids.iter().map(|rid| rid.map(Rid::from)).collect();
        self.added.push((MediaKind::Video, stream.into(), rids));
    }

    /// Stops sending something, at the next offer.
    pub fn end(&mut self, source: usize) {
        self.ended.push(source);
    }

    /// Restarts ICE, at the next offer.
    pub fn restart(&mut self) {
        self.restart = true;
    }

    /// Loaded anew: everything is another, but for who it is.
    pub fn refresh(&mut self, now: Instant, connection: &str) {
        let mut new = Self::new(&self.id, now);
        new.connection_id = Some(connection.into());
        new.microphone();
        new.camera(&[None]);
        *self = new;
    }

    /// A new producer connection in the same page.
    pub fn reconnect(&mut self, now: Instant) {
        (self.producer, self.channels) = Self::connection(now);
        self.open = false;
        for source in std::mem::take(&mut self.sources) {
            let rids = source.encodings.iter().map(|encoding| encoding.rid).collect();
            self.added.push((source.kind, source.stream, rids));
        }
    }

    /// Offers what has changed.
    pub fn offer(&mut self, now: Instant) {
        let mut api = self.producer.rtc.sdp_api();
        if self.sources.is_empty() && self.added.is_empty() {
            api.add_channel("unused".into());
        } else if self.number == 0 || !self.open {
            api.add_channel("unused".into());
        }
        for (kind, stream, rids) in self.added.drain(..) {
            let mut simulcast = Simulcast::new();
            for rid in rids.iter().flatten() {
                simulcast.add_send_layer(SimulcastLayer::new(rid));
            }
            let simulcast = rids[0].is_some().then_some(simulcast);
            let mid = api.add_media(kind, Direction::SendOnly, Some(stream.clone()), None, simulcast);
            let encodings = rids.iter().enumerate().map(|(place, rid)| Encoding::new(*rid, place, rids.len())).collect();
            self.sources.push(Source { mid, kind, stream, encodings, muted: false, loudness: -80, next: now });
        }
        for ended in self.ended.drain(..) {
            api.set_direction(self.sources[ended].mid, Direction::Inactive);
            self.sources[ended].muted = true;
        }
        if std::mem::take(&mut self.restart) {
            api.ice_restart(true);
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        self.number += 1;
        let mut data = json!({
            "type": "producer", "sender": self.id, "roomId": "room",
            "description": { "type": "offer", "sdp": offer.to_sdp_string() },
        });
        if !self.original {
            data["negotiation"] = self.number.into();
            data["connectionId"] = self.connection_id.clone().into();
        }
        self.signals.push(data);
        self.drive(now);
    }

    pub fn say(&mut self, chat: &Value) {
        self.queue.push_back((self.channels.0, chat.to_string()));
    }

    pub fn tell(&mut self, features: &Value) {
        self.queue.push_back((self.channels.1, features.to_string()));
    }

    /// Takes a message that the gateway relayed.
    pub fn signal(&mut self, now: Instant, message: &Value) {
        let sdp = message["description"]["sdp"].as_str().unwrap_or_default();
        let number = message["negotiation"].as_u64();
        if message["type"] == "producer" {
            if !self.original && number != Some(self.number) {
                return;
            }
            let Some(pending) = self.pending.take() else { return };
            self.answers += 1;
            let answer = SdpAnswer::from_sdp_string(sdp).unwrap();
            self.producer.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        } else if !self.deaf {
            let remote = message["remotePeerId"].as_str().unwrap();
            self.take_offer(now, remote, number.unwrap(), sdp);
        }
        self.drive(now);
    }

    fn take_offer(&mut self, now: Instant, remote: &str, number: u64, sdp: &str) {
        let fingerprint = sdp.lines().find(|line| line.starts_with("a=fingerprint")).unwrap().to_owned();
        if self.receivers.get(remote).is_none_or(|receiver| receiver.fingerprint != fingerprint) {
            if self.receivers.get(remote).is_some_and(|receiver| receiver.number > number) {
                return;
            }
            let connection = Connection::new(config(), now);
            let receiver = Receiver { connection, fingerprint, number: 0, tracks: vec![], offers: vec![] };
            self.receivers.insert(remote.into(), receiver);
        }
        let receiver = self.receivers.get_mut(remote).unwrap();
        if number <= receiver.number {
            return;
        }
        receiver.number = number;
        receiver.offers.push(sdp.to_owned());
        let offer = SdpOffer::from_sdp_string(sdp).unwrap();
        let answer = receiver.connection.rtc.sdp_api().accept_offer(offer).unwrap();
        let mut data = json!({
            "type": "consumer", "sender": self.id, "roomId": "room", "remotePeerId": remote,
            "description": { "type": "answer", "sdp": answer.to_sdp_string() },
        });
        if !self.original {
            data["negotiation"] = number.into();
        }
        self.signals.push(data);
    }

    /// Gives a consumer connection back.
    pub fn roll_back(&mut self, remote: &str) {
        self.signals.push(json!({
            "type": "consumer", "sender": self.id, "roomId": "room", "remotePeerId": remote,
            "description": { "type": "rollback", "sdp": "" },
        }));
    }

    pub fn receive(&mut self, now: Instant, destination: SocketAddr, bytes: &[u8]) {
        let connections = self.receivers.values_mut().map(|receiver| &mut receiver.connection);
        for connection in connections.chain([&mut self.producer]) {
            if connection.address == destination {
                world::receive(&mut connection.rtc, now, destination, bytes);
                self.drive(now);
                return;
            }
        }
    }

    pub fn tick(&mut self, now: Instant) {
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
            assert!(self.producer.rtc.channel(channel).unwrap().write(false, text.as_bytes()).unwrap());
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
                        for encoding in source.encodings.iter_mut().filter(|encoding| encoding.rid == request.rid) {
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
        let (pace, ticks) = if audio { (20, 960) } else { (50, 4_500) };
        source.next = now + Duration::from_millis(pace);
        let codec = if audio { Codec::Opus } else { Codec::Vp8 };
        let params = self.producer.rtc.codec_config().params();
        let pt = params.iter().find(|params| params.spec().codec == codec).unwrap().pt();
        let loudness = source.loudness;
        let mid = source.mid;
        for (layer, encoding) in source.encodings.iter_mut().enumerate() {
            let rid = encoding.rid;
            for (payload, marker) in encoding.frame(audio, u8::try_from(layer).unwrap()) {
                let values = ExtensionValues {
                    audio_level: audio.then_some(loudness),
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
            picture: 0x7ff0 + u16::try_from(place).unwrap(),
            base_layer: 250,
            key: true,
            requests: vec![],
            stubborn: false,
            frames: 0,
        }
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
            let mut payload = vec![start, 0xe0, 0x80 | high, low, self.base_layer, 0x20, u8::from(!key), layer];
            payload.resize(size, 0);
            (payload, place + 1 == count)
        });
        packets.collect()
    }
}

impl Receiver {
    fn take(&mut self, now: Instant, packet: &RtpPacket) {
        let ssrc = packet.header.ssrc;
        let Some(mid) = self.connection.rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid()) else { return };
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
        });
    }

    pub fn track(&self, kind: MediaKind) -> Option<&Incoming> {
        self.tracks.iter().find(|track| track.kind == kind && track.open)
    }

    pub fn video(&self) -> &[Got] {
        self.track(MediaKind::Video).map(|track| track.got.as_slice()).unwrap_or_default()
    }

    pub fn audio(&self) -> &[Got] {
        self.track(MediaKind::Audio).map(|track| track.got.as_slice()).unwrap_or_default()
    }

    /// Asks for a key frame, as a decoder that lost its way does.
    pub fn ask_key_frame(&mut self, now: Instant) {
        let mid = self.track(MediaKind::Video).unwrap().mid;
        let mut api = self.connection.rtc.direct_api();
        api.stream_rx_by_mid(mid, None).unwrap().request_keyframe(KeyframeRequestKind::Pli);
        self.connection.input(now);
    }
}
