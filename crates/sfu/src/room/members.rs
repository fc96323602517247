//! What the gateway says of a session's members: the streams that each has published, and those to which it has subscribed.
//! It may say so before a member's first offer, and whoever is not at the SFU for a while keeps it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::id::PeerId;
use model::time::EpochMillis;
use str0m::media::MediaKind;

use super::ids::StreamId;
use super::limits::{MAX_MEMBERS, MAX_STREAMS, MAX_UNKNOWN_STREAMS};
use super::signal::Published;

/// Audio, video, both or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) audio: bool,
    pub(crate) video: bool,
}

impl Kinds {
    pub(crate) fn has(self, kind: MediaKind) -> bool {
        if kind.is_audio() { self.audio } else { self.video }
    }

    fn any(self) -> bool {
        self.audio || self.video
    }
}

/// Which of two words about one member's streams is the newer: that about the newer stay, and of one stay's the one with the
/// greater version. A stay counts from 1, whichever sockets it is on: its member may come back on an older one, and a newer stay
/// may be on the same. `None`, of an earlier gateway, is older than all.
pub(crate) type Order = (Option<EpochMillis>, u64);

/// A published stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// What of it is switched on.
    kinds: Kinds,
    /// When a packet of it last came, or since when it could have.
    quiet: Instant,
    /// A packet of it has come.
    heard: bool,
    /// The gateway has been told that none comes.
    reported: bool,
}

/// What the SFU sees of a stream's publisher.
#[derive(Clone, Copy)]
pub(crate) struct Sight {
    /// When a packet of the stream last came on the present connection.
    pub(crate) last: Option<Instant>,
    /// That connection is up.
    pub(crate) up: bool,
    /// Signaling is gone: whether the stream ends with it is for the gateway to say.
    pub(crate) lost: bool,
}

impl Stream {
    /// Whether the gateway is to be told now that nothing comes. Answered once.
    pub(crate) fn is_over(&mut self, now: Instant, sight: Sight, first: Duration, gap: Duration) -> bool {
        self.heard |= sight.last.is_some();
        self.quiet = self.quiet.max(sight.last.unwrap_or(self.quiet));
        // A connection that has failed may be about to be restarted, and is no media that stopped.
        if !self.kinds.any() || sight.lost || (self.heard && !sight.up) {
            self.quiet = now;
        }
        let limit = if self.heard { gap } else { first };
        let over = !self.reported && now.saturating_duration_since(self.quiet) >= limit;
        self.reported |= over;
        over
    }
}

/// What is known of one of them.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// The place in the order in which the members became known.
    number: u64,
    /// The last word about its streams. `None`: there has been none.
    order: Option<Order>,
    pub(crate) streams: Vec<Stream>,
    /// To which streams it has subscribed, and to what of each, the oldest first.
    subscriptions: Vec<(StreamId, Kinds)>,
}

impl Member {
    /// Whether this kind of a stream of the member's is to be forwarded at all.
    pub(crate) fn publishes(&self, id: &StreamId, kind: MediaKind) -> bool {
        self.streams.iter().any(|stream| stream.id == *id && stream.kinds.has(kind))
    }

    pub(crate) fn subscribes(&self, id: &StreamId, kind: MediaKind) -> bool {
        self.subscriptions.iter().any(|(known, kinds)| known == id && kinds.has(kind))
    }

    /// Whether this word is no news.
    pub(crate) fn knows(&self, order: Order) -> bool {
        self.order.is_some_and(|known| known >= order)
    }

    /// Takes all that the member publishes. Answers which streams have ended.
    pub(crate) fn publish(&mut self, now: Instant, order: Order, published: Vec<Published>) -> Vec<StreamId> {
        self.order = Some(order);
        let mut before = std::mem::take(&mut self.streams);
        for Published { stream_id, has_audio, has_video } in published.into_iter().take(MAX_STREAMS) {
            let known = before.iter().position(|stream| stream.id == stream_id);
            let known = known.map(|place| before.swap_remove(place));
            let kinds = Kinds { audio: has_audio, video: has_video };
            let new = || Stream { id: stream_id, kinds, quiet: now, heard: false, reported: false };
            self.streams.push(Stream { kinds, ..known.unwrap_or_else(new) });
        }
        before.into_iter().map(|stream| stream.id).collect()
    }

    /// The member's stay that began then has ended, or whichever it was, and its streams with it. Answers which.
    fn end(&mut self, began: Option<EpochMillis>) -> Vec<StreamId> {
        let ended = began.map(|began| (Some(began), u64::MAX));
        if ended.is_some_and(|ended| self.knows(ended)) {
            return vec![];
        }
        // Nothing that was said before is news any more.
        self.order = ended.or(self.order);
        self.streams.drain(..).map(|stream| stream.id).collect()
    }
}

/// Those of whom the gateway has said something, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: HashMap<PeerId, Member>,
    last: u64,
}

impl Members {
    pub(crate) fn get(&self, id: &PeerId) -> Option<&Member> {
        self.by_id.get(id)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerId, &mut Member)> {
        self.by_id.iter_mut()
    }

    /// The last word about a member's streams.
    pub(crate) fn order(&self, id: &PeerId) -> Option<Order> {
        self.get(id)?.order
    }

    /// A member of whom something is said. The oldest of those who are not at the SFU gives its place to it, if there are too
    /// many.
    pub(crate) fn entry(&mut self, id: &PeerId, is_here: impl Fn(&PeerId) -> bool) -> &mut Member {
        if self.by_id.len() >= MAX_MEMBERS && !self.by_id.contains_key(id) {
            let away = self.by_id.iter().filter(|(id, _)| !is_here(id));
            let oldest = away.min_by_key(|(_, member)| member.number).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| self.by_id.remove(&oldest));
        }
        self.last += 1;
        self.by_id.entry(id.clone()).or_insert_with(|| Member { number: self.last, ..Member::default() })
    }

    /// A member wants these kinds of a stream from now on. Of streams that are not known (yet) only a few are remembered.
    pub(crate) fn subscribe(&mut self, id: &PeerId, stream: StreamId, kinds: Kinds) {
        let Some(member) = self.by_id.get_mut(id) else { return };
        let mut subscriptions = std::mem::take(&mut member.subscriptions);
        subscriptions.retain(|(known, _)| *known != stream);
        if kinds.any() {
            subscriptions.push((stream, kinds));
        }
        let unknown = || subscriptions.iter().enumerate().filter(|(_, (stream, _))| !self.is_known(stream));
        let oldest = unknown().next().map(|(place, _)| place);
        if let Some(oldest) = oldest.filter(|_| unknown().count() > MAX_UNKNOWN_STREAMS) {
            subscriptions.remove(oldest);
        }
        if let Some(member) = self.by_id.get_mut(id) {
            member.subscriptions = subscriptions;
        }
    }

    fn is_known(&self, id: &StreamId) -> bool {
        let publisher = id.publisher().and_then(|publisher| self.get(&publisher));
        publisher.is_some_and(|member| member.streams.iter().any(|stream| stream.id == *id))
    }

    /// Nobody is subscribed to a stream that has ended.
    pub(crate) fn unsubscribe_all(&mut self, ended: &[StreamId]) {
        for member in self.by_id.values_mut().filter(|_| !ended.is_empty()) {
            member.subscriptions.retain(|(stream, _)| !ended.contains(stream));
        }
    }

    /// A member's stay that began then has ended, or whichever it was. Answers which streams have ended with it.
    pub(crate) fn end(&mut self, id: &PeerId, began: Option<EpochMillis>) -> Vec<StreamId> {
        self.by_id.get_mut(id).map(|member| member.end(began)).unwrap_or_default()
    }

    /// Forgets a member who has left and has not come again.
    pub(crate) fn remove_ended(&mut self, id: &PeerId) {
        if self.get(id).is_some_and(|member| member.streams.is_empty()) {
            self.by_id.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: &str) -> PeerId {
        PeerId::try_from(id.to_owned()).unwrap()
    }

    fn stream(id: &str) -> StreamId {
        StreamId::try_from(id.to_owned()).unwrap()
    }

    const BOTH: Kinds = Kinds { audio: true, video: true };

    #[test]
    fn subscriptions_to_what_is_not_known_are_few_and_push_out_none_that_is() {
        let now = Instant::now();
        let mut members = Members::default();
        let known = stream("abcdefgh~anna");
        let order = (Some(EpochMillis(1)), 1);
        let published = Published { stream_id: known.clone(), has_audio: true, has_video: true };
        members.entry(&peer("anna"), |_| true).publish(now, order, vec![published]);
        members.entry(&peer("ben"), |_| true);
        members.subscribe(&peer("ben"), known.clone(), BOTH);
        let names = (10..30).map(|n| stream(&format!("unknow{n}~cleo")));
        for name in names.clone() {
            members.subscribe(&peer("ben"), name, BOTH);
        }
        let ben = members.get(&peer("ben")).unwrap();
        assert_eq!(ben.subscriptions.len(), 1 + MAX_UNKNOWN_STREAMS);
        assert!(ben.subscribes(&known, MediaKind::Audio));
        let kept = names.filter(|name| ben.subscribes(name, MediaKind::Video)).collect::<Vec<_>>();
        assert_eq!((kept.len(), &kept[0]), (MAX_UNKNOWN_STREAMS, &stream("unknow14~cleo")), "the newest");
    }

    #[test]
    fn members_who_are_not_here_are_forgotten_when_there_are_too_many() {
        let mut members = Members::default();
        for n in 0..MAX_MEMBERS + 10 {
            members.entry(&peer(&format!("peer{n}")), |id| *id == peer("peer0"));
        }
        assert_eq!(members.by_id.len(), MAX_MEMBERS);
        assert!(members.get(&peer("peer0")).is_some() && members.get(&peer("peer10")).is_none());
        assert!(members.get(&peer("peer11")).is_some());
    }
}
