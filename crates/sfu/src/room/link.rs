//! One WebRTC connection, isolated from the others.
//!
//! str0m asserts what it takes for granted, as its documentation says, and recommends `catch_unwind` to
//! servers. An [`Rtc`] has no threads, locks or globals, and nothing of ours is inside it: after a panic it
//! is dropped as a whole, and nothing half-changed is left. So a panic ends its connection, and no other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::net::Receive;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use str0m::net::{Protocol, TcpType, Transmit};

use super::demux::Demux;
use super::settings::Settings;

/// How often connections report losses and round trips.
pub(crate) const STATISTICS: Duration = Duration::from_secs(5);

pub(crate) struct Link {
    /// `None` when it has ended: closed, failed, or panicked.
    rtc: Option<Rtc>,
    /// When it is to be given the time.
    pub(crate) deadline: Option<Instant>,
    /// When a packet last came that it accepted.
    pub(crate) last_packet: Instant,
    /// When it was made.
    pub(crate) born: Instant,
    /// DTLS is up.
    pub(crate) connected: bool,
    /// ICE has been up since then.
    pub(crate) ice: bool,
    /// What checks name it by: another after each ICE restart.
    pub(crate) ufrag: String,
    /// Assigns the packets that str0m cannot.
    pub(crate) demux: Demux,
}

/// What comes out of a connection.
#[expect(clippy::large_enum_variant, reason = "moved once, at every packet: a box would cost more")]
pub(crate) enum Step {
    Transmit(Transmit),
    Event(Event),
}

/// Why str0m did not take a description.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("the connection has ended")]
    Ended,
    /// Without str0m's own words: they may quote the description.
    #[error("the description was not accepted")]
    Description,
}

impl Link {
    pub(crate) fn new(config: RtcConfig, settings: &Settings, now: Instant) -> Self {
        let make = || {
            let mut rtc = config.set_ice_lite(true).set_rtp_mode(true).build(now);
            let candidates = settings.addresses.iter().flat_map(|address| {
                let tcp = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive);
                [Candidate::host(*address, Protocol::Udp), tcp.build()]
            });
            for candidate in candidates.flatten() {
                rtc.add_local_candidate(candidate);
            }
            rtc
        };
        let rtc = catch_unwind(AssertUnwindSafe(make)).ok();
        let mut link = Self {
            rtc,
            deadline: Some(now),
            last_packet: now,
            born: now,
            connected: false,
            ice: false,
            ufrag: String::new(),
            demux: Demux::default(),
        };
        link.read_ufrag();
        link
    }

    fn read_ufrag(&mut self) {
        let read = |rtc: &mut Rtc| rtc.direct_api().local_ice_credentials().ufrag;
        self.ufrag = self.with(read).unwrap_or_default();
    }

    /// Calls into the connection, if it lives.
    pub(crate) fn with<T>(&mut self, call: impl FnOnce(&mut Rtc) -> T) -> Option<T> {
        let rtc = self.rtc.as_mut()?;
        let result = catch_unwind(AssertUnwindSafe(|| call(rtc))).ok();
        if result.is_none() {
            tracing::error!("a connection panicked and is dropped");
            self.end();
        }
        result
    }

    /// Drops what is left of the connection.
    fn end(&mut self) {
        let rtc = self.rtc.take();
        self.connected = false;
        self.deadline = None;
        // What panicked once may do so again.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(rtc)));
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.rtc.is_some()
    }

    /// Whether a packet is this connection's. Asked inside `catch_unwind` too: no packet may end the process.
    pub(crate) fn accepts(&mut self, input: &Input<'_>) -> bool {
        self.with(|rtc| rtc.accepts(input)).unwrap_or(false)
    }

    /// Takes a packet, parsed and as its bytes.
    pub(crate) fn receive(&mut self, now: Instant, packet: Receive<'_>, bytes: &[u8]) {
        self.last_packet = now;
        let mut demux = std::mem::take(&mut self.demux);
        if !demux.lanes.is_empty() {
            self.with(|rtc| demux.look(now, rtc, bytes));
        }
        self.demux = demux;
        self.input(Input::Receive(now, packet));
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.input(Input::Timeout(now));
    }

    fn input(&mut self, input: Input<'_>) {
        if !matches!(self.with(|rtc| rtc.handle_input(input)), Some(Ok(()))) {
            self.end();
        }
    }

    /// The next thing that comes out, or nothing: then `deadline` says when to ask again.
    pub(crate) fn poll(&mut self) -> Option<Step> {
        match self.with(Rtc::poll_output)? {
            Ok(Output::Transmit(transmit)) => Some(Step::Transmit(transmit)),
            Ok(Output::Event(event)) => {
                self.note(&event);
                Some(Step::Event(event))
            }
            Ok(Output::Timeout(deadline)) => {
                self.deadline = Some(deadline);
                if !self.with(|rtc| rtc.is_alive()).unwrap_or(false) {
                    self.end();
                }
                None
            }
            Err(_) => {
                self.end();
                None
            }
        }
    }

    fn note(&mut self, event: &Event) {
        if let Event::IceConnectionStateChange(state) = event {
            self.ice = matches!(state, IceConnectionState::Connected | IceConnectionState::Completed);
        } else if matches!(event, Event::Connected) {
            self.connected = true;
        } else if matches!(event, Event::Closed) {
            self.connected = false;
        }
    }

    /// Takes a client's offer and answers it.
    pub(crate) fn accept_offer(&mut self, sdp: &str) -> Result<String, Failed> {
        let accept = |rtc: &mut Rtc| {
            let offer = SdpOffer::from_sdp_string(sdp).ok()?;
            rtc.sdp_api().accept_offer(offer).ok().map(|answer| answer.to_sdp_string())
        };
        let answer = self.with(accept).ok_or(Failed::Ended)?.ok_or(Failed::Description);
        self.read_ufrag();
        answer
    }

    /// Takes a client's answer.
    pub(crate) fn accept_answer(
        &mut self,
        pending: str0m::change::SdpPendingOffer,
        sdp: &str,
    ) -> Result<(), Failed> {
        let accept = |rtc: &mut Rtc| {
            let answer = SdpAnswer::from_sdp_string(sdp).ok()?;
            rtc.sdp_api().accept_answer(pending, answer).ok()
        };
        self.with(accept).ok_or(Failed::Ended)?.ok_or(Failed::Description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_its_connection_alone() {
        let now = Instant::now();
        let settings =
            Settings::new("room".to_owned().try_into().unwrap(), vec!["127.0.0.1:9".parse().unwrap()]);
        let [mut one, mut other] = [(); 2].map(|()| Link::new(RtcConfig::new(), &settings, now));
        assert!(one.with(|_| -> () { panic!("an assertion of the library's") }).is_none());
        assert!(!one.is_alive() && one.deadline.is_none() && one.poll().is_none());
        assert!(matches!(one.accept_offer("v=0"), Err(Failed::Ended)));
        other.tick(now);
        while other.poll().is_some() {}
        assert!(other.is_alive() && other.deadline.is_some());
    }
}
