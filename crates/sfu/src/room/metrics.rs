//! Counters and gauges.

use str0m::stats::PeerStats;

/// Counted since the start.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Datagrams, and frames of ICE-TCP.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Packets that belonged to no connection.
    pub strays: u64,
    /// Media packets given to a receiver.
    pub forwarded: u64,
    /// Media packets of streams that a receiver was not given: they are muted, not published, or not subscribed to.
    pub withheld: u64,
    /// Streams of which the gateway has been told that no media comes.
    pub streams_over: u64,
    /// Key frames that receivers asked for.
    pub key_frames_wanted: u64,
    /// Key frames that producers were asked for.
    pub key_frames_asked: u64,
    /// Changes from one encoding to another.
    pub switches: u64,
    /// Messages for the gateway.
    pub signals_out: u64,
    /// Messages of the gateway that could not be read.
    pub unreadable: u64,
    /// Messages that the gateway could not deliver.
    pub refused: u64,
    /// Descriptions of clients that were refused.
    pub bad_descriptions: u64,
    /// Consumer connections that were replaced.
    pub rebuilds: u64,
    /// Producer connections that came up.
    pub joins: u64,
    /// Peers that were removed.
    pub departures: u64,
    /// Chat messages broadcast.
    pub chats: u64,
    /// Losses that receivers reported, as a sum of fractions …
    pub loss_sum: f64,
    /// … of so many reports.
    pub loss_reports: u64,
    /// Round trips, as a sum of seconds …
    pub round_trip_sum: f64,
    /// … of so many measurements.
    pub round_trips: u64,
    pub(crate) sweeps: u64,
}

/// Present now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Peers, whether their media is up or not.
    pub peers: usize,
    /// Connections on which peers send.
    pub producers: usize,
    /// Connections on which they receive.
    pub consumers: usize,
}

impl Counters {
    pub(crate) fn peer(&mut self, stats: &PeerStats) {
        if let Some(loss) = stats.egress_loss_fraction {
            self.loss_sum += f64::from(loss);
            self.loss_reports += 1;
        }
        if let Some(trip) = stats.rtt {
            self.round_trip_sum += trip.as_secs_f64();
            self.round_trips += 1;
        }
    }
}
