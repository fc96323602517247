//! The connection on which a peer receives another one.

use std::time::{Duration, Instant};

use str0m::RtcConfig;
use str0m::bwe::Bitrate;
use str0m::change::{SdpApi, SdpPendingOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt};

use super::codecs;
use super::ids::{LinkId, StreamId};
use super::limits::{MAX_OFFER_BYTES, MAX_SECTIONS};
use super::link::{Failed, Link, STATISTICS};
use super::producer::{Producer, Track};
use super::rewrite::Rewriter;
use super::sdp::{self, Description, H264, Places};
use super::settings::Settings;
use super::signal::Offer;

/// The bandwidth of a new connection, until it is estimated: bits a second.
const FIRST_ESTIMATE: u64 = 1_000_000;
/// How long an answer may take; the pause doubles with each repetition.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How often an offer is repeated before the connection is replaced.
pub(crate) const MAX_REPEATS: u32 = 2;

pub(crate) struct Consumer {
    pub(crate) link: LinkId,
    /// The number of the last offer.
    pub(crate) number: u64,
    /// That of the first on this connection.
    pub(crate) first: Option<u64>,
    pub(crate) outstanding: Option<Outstanding>,
    /// The producer's tracks have changed since the last offer.
    pub(crate) stale: bool,
    /// How many connections of this pair in a row did not come up.
    pub(crate) failures: u32,
    /// When it is to be replaced.
    pub(crate) rebuild: Option<Instant>,
    pub(crate) built: Instant,
    pub(crate) sections: Vec<Section>,
    /// What can be sent on the connection.
    codecs: Vec<Codec>,
    h264: H264,
    /// The receiver has rejected every section.
    pub(crate) declined: bool,
    /// The estimated bandwidth to the receiver, in bits a second.
    pub(crate) estimate: u64,
    /// What the bandwidth estimator was last given: the current and the desired bit rate.
    pub(crate) asked: (u64, u64),
    /// Nothing is sent on the connection: its estimator is put to sleep, and pads nothing.
    pub(crate) silent: bool,
}

/// An offer that has not been answered yet.
pub(crate) struct Outstanding {
    pending: SdpPendingOffer,
    offer: Offer,
    pub(crate) since: Instant,
    pub(crate) repeats: u32,
}

/// One media section: the stream in which a track is sent. When the track has ended, the section is used for
/// the next one of its kind, so that descriptions do not grow for ever.
pub(crate) struct Section {
    pub(crate) mid: Mid,
    kind: MediaKind,
    /// The producer's track that it carries.
    pub(crate) track: Option<Mid>,
    /// The stream and track id in the offer.
    ids: (String, String),
    /// The stream of the session that it was offered as a part of.
    pub(crate) session_stream: Option<StreamId>,
    /// The receiver has agreed to it.
    pub(crate) open: bool,
    /// The track is sent in it, if the receiver has agreed: its stream is published and subscribed to.
    pub(crate) flows: bool,
    /// The receiver has rejected it, which is for good (RFC 8829 §5.3.1).
    rejected: bool,
    /// The encoding that is to be sent: an index into the track's layers.
    pub(crate) layer: Option<usize>,
    pub(crate) rewriter: Rewriter,
    /// What the receiver has agreed to.
    pub(crate) codecs: Vec<(Codec, Pt)>,
}

impl Section {
    /// Packets are sent in it.
    pub(crate) fn is_sent(&self) -> bool {
        self.open && self.flows
    }

    /// Whether the track is to be sent from now on. Answers whether that is new.
    pub(crate) fn let_flow(&mut self, flows: bool) -> bool {
        if self.flows && !flows {
            self.rewriter.pause();
        }
        std::mem::replace(&mut self.flows, flows) != flows
    }
}

/// The link of a new consumer connection.
pub(crate) fn link(settings: &Settings, codecs: &[Codec], h264: H264, now: Instant) -> Link {
    let mut config = RtcConfig::new()
        .set_extension_map(codecs::consumer_extensions())
        .enable_bwe(Some(Bitrate::bps(FIRST_ESTIMATE)))
        .set_stats_interval(Some(STATISTICS));
    *config.codec_config() = codecs::only(codecs, h264);
    Link::new(config, settings, now)
}

impl Consumer {
    pub(crate) fn new(link: LinkId, (codecs, h264): (Vec<Codec>, H264), failures: u32, now: Instant) -> Self {
        Self {
            link,
            number: 0,
            first: None,
            outstanding: None,
            stale: true,
            failures,
            rebuild: None,
            built: now,
            sections: vec![],
            codecs,
            h264,
            declined: false,
            estimate: FIRST_ESTIMATE,
            asked: (0, 0),
            silent: false,
        }
    }

    /// Offers the producer's tracks as they are now. Nothing, if the receiver has that offer already or
    /// declined, or has an earlier offer to answer first.
    pub(crate) fn offer(
        &mut self,
        link: &mut Link,
        producer: &Producer,
        number: u64,
        now: Instant,
    ) -> Option<Offer> {
        if self.outstanding.is_some() || !self.stale || self.declined {
            return None;
        }
        self.stale = false;
        let sections = &mut self.sections;
        let (offer, pending) = link.with(|rtc| {
            let mut api = rtc.sdp_api();
            arrange(sections, &mut api, &producer.tracks);
            api.apply().map(|(offer, pending)| (offer.to_sdp_string(), pending))
        })??;
        let tracks = self.sections.iter();
        let tracks = tracks.map(|section| section.track.map(|_| (&*section.ids.0, &*section.ids.1)));
        let sdp = sdp::with_tracks(&offer, tracks);
        let streams = self.sections.iter().filter(|section| section.track.is_some());
        let streams = streams.filter_map(|s| Some((s.mid.to_string(), s.session_stream.clone()?))).collect();
        let offer = Offer { sdp, streams };
        self.number = number;
        self.first.get_or_insert(number);
        self.outstanding = Some(Outstanding { pending, offer: offer.clone(), since: now, repeats: 0 });
        Some(offer)
    }

    /// The outstanding offer, to be sent once more under a number of its own. `counts`: it is one of those after which the
    /// connection is replaced.
    pub(crate) fn repeat(&mut self, number: u64, now: Instant, counts: bool) -> Option<Offer> {
        let outstanding = self.outstanding.as_mut()?;
        outstanding.since = now;
        outstanding.repeats += u32::from(counts);
        self.number = number;
        Some(outstanding.offer.clone())
    }

    /// When the outstanding offer has been waited for long enough.
    pub(crate) fn answer_due(&self) -> Option<Instant> {
        let outstanding = self.outstanding.as_ref()?;
        Some(outstanding.since + ANSWER_WAIT * (1 << outstanding.repeats.min(4)))
    }

    /// Takes the answer to the outstanding offer.
    pub(crate) fn answer(&mut self, link: &mut Link, sdp: &str) -> Result<(), Failed> {
        let Some(outstanding) = self.outstanding.take() else { return Ok(()) };
        let places = Places::of_own(self.sections.iter().map(|section| (section.kind.into(), section.mid)));
        let answer = Description::answer(sdp).and_then(|answer| places.answer(&answer));
        let Some(answer) = answer.map_err(|_| Failed::Description)? else {
            self.declined = true;
            for section in &mut self.sections {
                section.open = false;
            }
            return Ok(());
        };
        link.accept_answer(outstanding.pending, &answer)?;
        let sections = &mut self.sections;
        link.with(|rtc| {
            let params = rtc.codec_config().params().to_vec();
            for section in sections {
                let Some(media) = rtc.media(section.mid) else { continue };
                section.open = media.direction().is_sending() && !media.disabled();
                section.rejected = media.disabled();
                section.codecs = agreed(&params, media.remote_pts());
            }
        })
        .ok_or(Failed::Ended)
    }

    /// Whether the connection can carry what the producer sends now.
    pub(crate) fn can_carry(&self, producer: &Producer) -> bool {
        let sent = || producer.tracks.iter().flat_map(|track| &track.codecs);
        let format = self.h264 == producer.agreed.h264 || !sent().any(|codec| *codec == Codec::H264);
        !self.declined && format && sent().all(|codec| self.codecs.contains(codec))
    }

    /// Whether a new connection would have a shorter description. One with as many live tracks would not.
    pub(crate) fn is_outgrown(&self, sdp: &str) -> bool {
        let outgrown = sdp.len() > MAX_OFFER_BYTES || self.sections.len() > MAX_SECTIONS;
        outgrown && self.sections.iter().any(|section| section.track.is_none())
    }

    /// Whether a rollback of the offer `number` is about this connection, and not an earlier one of the pair.
    /// Original clients send no number.
    pub(crate) fn is_meant(&self, number: Option<u64>) -> bool {
        number.is_none_or(|number| self.first.is_some_and(|first| number >= first))
    }

    /// The section in which a track is sent.
    pub(crate) fn section(&mut self, track: Mid) -> Option<&mut Section> {
        self.sections.iter_mut().find(|section| section.track == Some(track))
    }
}

fn agreed(params: &[PayloadParams], pts: &[Pt]) -> Vec<(Codec, Pt)> {
    let params = params.iter().filter(|params| pts.contains(&params.pt()));
    params.map(|params| (params.spec().codec, params.pt())).collect()
}

/// Makes the sections fit the tracks: closes those whose track has ended, and finds one for each new track.
fn arrange(sections: &mut Vec<Section>, api: &mut SdpApi<'_>, tracks: &[Track]) {
    for section in sections.iter_mut() {
        let goes_on = |mid: Mid| tracks.iter().any(|track| track.mid == mid && is(track, section));
        if section.track.is_some_and(|mid| !goes_on(mid)) {
            section.track = None;
            section.layer = None;
            section.rewriter.pause();
            if !section.rejected {
                api.set_direction(section.mid, Direction::Inactive);
            }
        }
    }
    for track in tracks {
        if sections.iter().any(|section| section.track == Some(track.mid)) {
            continue;
        }
        let ids = (track.stream.clone(), track.id.clone());
        let (session_stream, flows) = (track.session_stream.clone(), track.session_stream.is_none());
        let is_free = |section: &&mut Section| {
            section.track.is_none() && !section.rejected && section.kind == track.kind
        };
        match sections.iter_mut().find(is_free) {
            Some(section) => {
                (section.track, section.ids) = (Some(track.mid), ids);
                (section.session_stream, section.flows) = (session_stream, flows);
                api.set_direction(section.mid, Direction::SendOnly);
            }
            None => sections.push(added(api, track, ids)),
        }
    }
}

/// Whether a section was offered with this track's ids.
fn is(track: &Track, section: &Section) -> bool {
    section.ids.0 == track.stream
        && section.ids.1 == track.id
        && section.session_stream == track.session_stream
}

fn added(api: &mut SdpApi<'_>, track: &Track, ids: (String, String)) -> Section {
    let (stream, id) = (ids.0.clone(), ids.1.clone());
    let mid = api.add_media(track.kind, Direction::SendOnly, Some(stream), Some(id), None);
    Section {
        mid,
        kind: track.kind,
        track: Some(track.mid),
        ids,
        session_stream: track.session_stream.clone(),
        open: false,
        flows: track.session_stream.is_none(),
        rejected: false,
        layer: None,
        rewriter: Rewriter::default(),
        codecs: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::ids::{Pair, PeerKey};
    use crate::room::links::{Links, Role};

    fn consumer(tracks: &[Option<Mid>]) -> Consumer {
        let now = Instant::now();
        let settings =
            Settings::new("room".to_owned().try_into().unwrap(), vec!["127.0.0.1:9".parse().unwrap()]);
        let role = Role::Consumer(Pair { source: PeerKey(2), receiver: PeerKey(1) });
        let link = Links::default().insert(role, link(&settings, &[Codec::Opus], H264::COMMON, now));
        let mut consumer = Consumer::new(link, (vec![Codec::Opus], H264::COMMON), 0, now);
        consumer.sections.extend(tracks.iter().map(|track| Section {
            mid: Mid::from("0"),
            kind: MediaKind::Audio,
            track: *track,
            ids: (String::new(), String::new()),
            session_stream: None,
            open: true,
            flows: true,
            rejected: false,
            layer: None,
            rewriter: Rewriter::default(),
            codecs: vec![],
        }));
        consumer
    }

    #[test]
    fn a_description_is_outgrown_if_a_new_one_would_be_shorter() {
        let (long, track) = ("a".repeat(MAX_OFFER_BYTES + 1), Some(Mid::from("1")));
        assert!(consumer(&[track, None]).is_outgrown(&long));
        assert!(!consumer(&[track, None]).is_outgrown(&long[1..]));
        assert!(!consumer(&[track, track]).is_outgrown(&long), "or it would be replaced without end");
    }
}
