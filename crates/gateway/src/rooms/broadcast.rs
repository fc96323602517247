//! One message to everybody in a room whom it concerns.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use model::codec::Codecs;
use model::connection::Identity;
use model::departure::Departure;
use model::encoding::Encoding;
use model::id::{PeerId, RoomId};
use model::member::Member;
use model::notice::Notice;
use model::outbox::Change;
use model::outcome::{Delivery, Ended};
use model::session::event::StreamEvent;
use model::session::member::{SessionConnection, Stay};
use model::session::notice::Destroyed;
use model::session::stream::{Mute, MutedStream};
use model::session::stream::{NamedStream, PropertyChange};
use model::stamp::Stamp;

use super::delivery::{self, Met, Recipient};
use super::loss::CONCURRENT_RELEASES;
use crate::app::App;
use crate::failure::Failure;
use crate::store::Roster;

/// How many posts are under way at once.
pub(super) const CONCURRENT_POSTS: usize = 64;

/// What a room is told.
#[derive(Debug)]
pub(crate) struct Announcement {
    /// For its members.
    members: Option<Notice>,
    /// For those of them who do not want to hear who comes and goes, if that says so.
    suppressed: Option<Notice>,
    /// For its SFU.
    sfu: Option<Notice>,
    /// The peer that it is about, which is not told …
    about: Option<PeerId>,
    /// … but this, if anything.
    own: Option<Notice>,
    /// The socket of a client's stay that has ended.
    ended: Option<Stamp>,
    /// For the SFU in place of `sfu`, when the client has begun another stay on that very socket.
    rejoined: Option<Notice>,
    /// It says that somebody has come or gone, which not everybody in a session wants to hear.
    presence: bool,
    /// Who identifies after it finds it in the lists that it is answered with.
    listed: bool,
    /// What the room is owed until everybody has been told.
    change: Option<Change>,
}

impl Announcement {
    /// For all members.
    pub(crate) fn to_members(notice: Notice) -> Self {
        Self {
            members: Some(notice),
            suppressed: None,
            sfu: None,
            about: None,
            own: None,
            ended: None,
            rejoined: None,
            presence: false,
            listed: false,
            change: None,
        }
    }

    /// The room has an SFU, again or for the first time.
    pub(crate) fn sfu_connected(room: &RoomId, sfu: &Stamp) -> Self {
        let change = Some(Change::SfuConnected { sfu: sfu.clone() });
        Self { change, ..Self::to_members(Notice::SfuConnect { room_id: room.clone() }) }
    }

    /// Somebody has come into a session; `resumed`: as who had the place before, and lost it.
    pub(crate) fn created(connection: SessionConnection, resumed: bool) -> Self {
        let Stay { connection_id: peer_id, creation_time: joined_at } = connection.stay.clone();
        let about = Some(peer_id.clone());
        let change = Some(Change::Created { peer_id, joined_at, resumed });
        let members = Some(Notice::ConnectionCreated { connection, resumed });
        Self {
            members,
            suppressed: None,
            sfu: None,
            about,
            own: None,
            ended: None,
            rejoined: None,
            presence: true,
            listed: true,
            change,
        }
    }

    /// A member's streams have changed; `member` is it by now, if it is there still, and the same stay. `None` when nobody
    /// has to be told any more.
    pub(crate) fn streams(member: Option<&Member>, change: Change) -> Option<Self> {
        let Change::Streams { peer_id, version, stream_id, event, .. } = &change else { return None };
        let about = match event {
            // Its publisher knows nothing of that.
            StreamEvent::Destroyed(Destroyed::MediaStopped | Destroyed::ForceUnpublished) => None,
            StreamEvent::Created
            | StreamEvent::Destroyed(_)
            | StreamEvent::Muted
            | StreamEvent::Changed(_) => Some(peer_id.clone()),
        };
        let named = NamedStream { stream_id: stream_id.clone() };
        let changed = |changes| Notice::StreamPropertyChanged { stream: named, changes, version: *version };
        let members = match event {
            // As it is by now: what has changed since has a lower version then, or the same.
            StreamEvent::Created => member.and_then(|member| {
                let stream = member.streams.info(stream_id)?;
                Some(Notice::StreamCreated { stream, version: member.streams.version })
            }),
            StreamEvent::Destroyed(reason) => Some(Notice::StreamDestroyed {
                stream_ids: vec![stream_id.clone()],
                reason: *reason,
                version: Some(*version),
            }),
            StreamEvent::Muted => {
                Some(changed(vec![PropertyChange::HasAudio { old_value: true, new_value: false }]))
            }
            StreamEvent::Changed(properties) => Some(changed(properties.clone())),
        };
        // Who has switched its sound on since is not told that it is off.
        let silent = |member: &&Member| member.streams.live.get(stream_id).is_some_and(|one| !one.has_audio);
        let own = member.filter(silent).filter(|_| *event == StreamEvent::Muted).map(|member| {
            let (stream_id, version) = (stream_id.clone(), member.streams.version);
            Notice::MuteForced {
                active: None,
                mute_version: None,
                streams: vec![MutedStream { stream_id, version }],
            }
        });
        let sfu = member.map(|member| Self::streams_of(peer_id, member));
        if members.is_none() && sfu.is_none() {
            return None;
        }
        Some(Self {
            members,
            suppressed: None,
            sfu,
            about,
            own,
            ended: None,
            rejoined: None,
            presence: false,
            listed: true,
            change: Some(change),
        })
    }

    /// A session's mute was switched, and these streams have lost their sound by that.
    pub(super) fn muted(mute: &Mute, streams: &[MutedStream]) -> Self {
        let notice = Notice::MuteForced {
            active: Some(mute.active),
            mute_version: Some(mute.version),
            streams: streams.to_vec(),
        };
        let change = Some(Change::Muted { mute: mute.clone() });
        Self { change, listed: true, ..Self::to_members(notice) }
    }

    /// For a session's SFU: the streams of a member.
    pub(crate) fn streams_to_sfu(peer: &PeerId, member: &Member) -> Self {
        Self {
            members: None,
            suppressed: None,
            sfu: Some(Self::streams_of(peer, member)),
            about: None,
            own: None,
            ended: None,
            rejoined: None,
            presence: false,
            listed: false,
            change: None,
        }
    }

    /// What an SFU is told of a member.
    pub(super) fn streams_of(peer: &PeerId, member: &Member) -> Notice {
        Notice::Streams {
            client_id: peer.clone(),
            stamp: member.stamp.clone(),
            creation_time: member.joined_at,
            version: member.streams.version,
            streams: member.streams.forwarded(),
        }
    }

    /// Somebody is gone. A session's members hear it in OpenTok's words, an SFU as from any room. `sfu_grace` is how long
    /// clients are to wait for an SFU that is lost.
    pub(crate) fn ended(ended: &Ended, sfu_grace: Duration) -> Self {
        let Ended { stamp, identity, reason, streams, .. } = ended;
        let change = Some(Change::ended(ended));
        match identity {
            Identity::Client { peer_id, session, .. } => {
                let to_sfu = |rejoined| Notice::ClientDisconnect {
                    client_id: peer_id.clone(),
                    stamp: stamp.clone(),
                    creation_time: session.as_ref().map(|session| session.since),
                    reason: reason.of_room(),
                    rejoined,
                };
                let to_members = match session {
                    None => to_sfu(false),
                    Some(session) => {
                        let connection =
                            Stay { connection_id: peer_id.clone(), creation_time: session.since };
                        let (streams, reason) = (streams.clone(), (*reason).into());
                        Notice::ConnectionDestroyed { connection, streams, reason }
                    }
                };
                let suppressed = (!streams.is_empty()).then(|| Notice::StreamDestroyed {
                    stream_ids: streams.clone(),
                    reason: (*reason).into(),
                    version: None,
                });
                Self {
                    members: Some(to_members),
                    suppressed,
                    sfu: Some(to_sfu(false)),
                    about: Some(peer_id.clone()),
                    own: None,
                    ended: Some(stamp.clone()),
                    rejoined: session.is_some().then(|| to_sfu(true)),
                    presence: session.is_some(),
                    listed: session.is_some(),
                    change,
                }
            }
            Identity::Sfu { .. } => {
                let grace = match reason {
                    Departure::Left | Departure::Forced => Duration::ZERO,
                    Departure::Lost => sfu_grace,
                };
                let claim_after_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                let notice = Notice::SfuDisconnect { room_id: identity.room().clone(), claim_after_ms };
                Self { change, ..Self::to_members(notice) }
            }
        }
    }

    /// The same, for nobody but the SFU.
    pub(crate) fn sfu_alone(self) -> Self {
        Self { members: None, suppressed: None, own: None, ..self }
    }

    /// The same, but the room is owed the change as before: somebody else tells of it again.
    pub(crate) fn told_again(self) -> Self {
        Self { change: None, ..self }
    }

    /// Whom of `recipients` it concerns, and what each of them is told.
    ///
    /// Who has left may be there again on the same socket, by which SFUs and the members of a page know a peer: they would
    /// take the end of its former stay for that of this one. A session's SFU is told that it is that of the former: what was
    /// published then is over.
    fn notices<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> impl Iterator<Item = (&'a Recipient, &'a Notice)> + Clone {
        let back = self.ended.as_ref();
        let back = back.is_some_and(|ended| recipients.iter().any(|there| there.socket.stamp == *ended));
        recipients.iter().filter_map(move |recipient| {
            let notice = match &recipient.identity {
                Identity::Sfu { .. } if back => self.rejoined.as_ref(),
                Identity::Sfu { .. } => self.sfu.as_ref(),
                Identity::Client { peer_id, .. } => {
                    let notice =
                        if self.presence && recipient.suppressed { &self.suppressed } else { &self.members };
                    let notice = if self.about.as_ref() == Some(peer_id) { &self.own } else { notice };
                    notice.as_ref().filter(|_| self.presence || !back)
                }
            };
            notice.map(|notice| (recipient, notice))
        })
    }
}

/// What is told, as itself, to those who speak an encoding. Who is told the same is told the very same notice.
type Audience<'a> = (*const Notice, &'a Encoding);

fn audience<'a>(recipient: &'a Recipient, notice: &Notice) -> Audience<'a> {
    (std::ptr::from_ref(notice), &recipient.socket.encoding)
}

/// What each audience is told, written once.
fn texts<'a>(
    codecs: Codecs,
    concerned: impl Iterator<Item = (&'a Recipient, &'a Notice)>,
) -> HashMap<Audience<'a>, String> {
    let mut texts = HashMap::new();
    for (recipient, notice) in concerned {
        let Entry::Vacant(text) = texts.entry(audience(recipient, notice)) else { continue };
        match delivery::encode(codecs, &recipient.socket.encoding, notice) {
            Ok(encoded) => drop(text.insert(encoded)),
            Err(failure) => undelivered(recipient, &failure),
        }
    }
    texts
}

/// Everybody in a room who can be posted to. The SFU comes first: nobody else can end somebody's media.
pub(crate) fn recipients(room: &RoomId, roster: &Roster) -> Vec<Recipient> {
    let members = roster.members.iter().filter_map(|(peer, member)| Recipient::member(peer, room, member));
    roster.sfu.clone().map(|sfu| Recipient::sfu(room, sfu)).into_iter().chain(members).collect()
}

/// Posts the announcements, one after the other, to everybody whom they concern, at most [`CONCURRENT_POSTS`] at once: a
/// recipient that is slow, throttled or gone neither fails nor delays the others. What all have been told of is owed no more.
///
/// Race: a recipient may turn out to be gone. If it has come back on another socket since it was looked up, it is told there,
/// unless it has found the change in a list: what is told late might have been undone since, and its end told to the socket
/// that was lost. Else it is removed, and announced in turn. Who has come since the recipients were looked up may have found it in its list:
/// they are looked up again, so that whoever could have seen it hears that it is gone.
///
pub(crate) async fn broadcast(
    app: &App,
    room: &RoomId,
    mut recipients: Vec<Recipient>,
    mut announcements: Vec<Announcement>,
) -> Told {
    let mut told = Told { all: true, missed: None };
    loop {
        let mut ended = Vec::new();
        for announcement in &announcements {
            let Posted { gone, all, missed } = post_to_each(app, &recipients, announcement).await;
            for (found_gone, end) in gone {
                recipients.retain(|recipient| recipient.socket.stamp != found_gone);
                ended.push(Announcement::ended(&end, app.sfu_grace));
            }
            told.all &= all;
            told.missed = told.missed.or(missed);
            if let Some(change) = announcement.change.as_ref().filter(|_| all) {
                settle(app, room, change).await;
            }
        }
        if ended.is_empty() {
            return told;
        }
        announcements = ended;
        match app.store.roster(room, app.clock.now()).await {
            Ok(roster) => recipients = self::recipients(room, &roster),
            // They are owed it: others will look again.
            Err(failure) => {
                tracing::error!(room.id = %room, %failure, "Room not told");
                return Told { all: false, ..told };
            }
        }
    }
}

/// The room is owed a change no more.
pub(super) async fn settle(app: &App, room: &RoomId, change: &Change) {
    if let Err(failure) = app.store.settle(room, change).await {
        tracing::error!(room.id = %room, %failure, "Change will be told again");
    }
}

/// What telling a room came to.
#[derive(Debug)]
pub(crate) struct Told {
    /// Everybody has been told of everything who could be.
    pub(crate) all: bool,
    /// Why somebody missed it whose socket was found closed: where it is could not be found out, or a signal not be kept.
    pub(crate) missed: Option<Failure>,
}

/// What posting one announcement came to.
struct Posted {
    /// The recipients that are gone and whose places this has freed, by the stamps that they were looked up with.
    gone: Vec<(Stamp, Ended)>,
    /// As [`Told::all`]: no post has failed, and no socket was busy.
    all: bool,
    /// As [`Told::missed`].
    missed: Option<Failure>,
}

/// Posts one announcement. First everybody is posted to, and only then is seen to those who are gone: their places take
/// transactions, for which nobody who is there should have to wait.
async fn post_to_each(app: &App, recipients: &[Recipient], announcement: &Announcement) -> Posted {
    let (all, missed) = (AtomicBool::new(true), &OnceLock::new());
    let not_all = || all.store(false, Ordering::Relaxed);
    let (not_all, failed) = (&not_all, &|recipient: &Recipient, failure: &Failure| {
        not_all();
        undelivered(recipient, failure);
    });
    let concerned = announcement.notices(recipients);
    let texts = texts(app.codecs, concerned.clone());
    let posts = concerned.filter_map(|(recipient, notice)| {
        let text = texts.get(&audience(recipient, notice))?;
        Some(async move {
            match delivery::post(app, &recipient.socket.stamp, text).await {
                Ok(Delivery::Delivered) => None,
                Ok(Delivery::Gone(_)) => Some((recipient, notice)),
                Ok(delivery @ (Delivery::Busy | Delivery::TooLarge)) => {
                    // What is too large will be so the next time.
                    if delivery == Delivery::Busy {
                        not_all();
                    }
                    let connection = &recipient.socket.stamp.connection_id;
                    tracing::warn!(connection.id = %connection, ?delivery, "Notice not delivered");
                    None
                }
                Err(failure) => {
                    failed(recipient, &failure);
                    None
                }
            }
        })
    });
    let gone: Vec<_> =
        stream::iter(posts).buffer_unordered(CONCURRENT_POSTS).filter_map(async |gone| gone).collect().await;
    let ended = gone.into_iter().map(|(recipient, notice)| async move {
        let (stamp, notice) = (recipient.socket.stamp.clone(), (!announcement.listed).then_some(notice));
        match delivery::follow(app, Met::Gone(stamp), recipient.identity.clone(), notice).await {
            Ok(Delivery::Gone(Some(ended))) => Some((recipient.socket.stamp.clone(), ended)),
            Ok(Delivery::Busy) => {
                not_all();
                None
            }
            Ok(Delivery::Delivered | Delivery::Gone(None) | Delivery::TooLarge) => None,
            Err(failure) => {
                failed(recipient, &failure);
                missed.get_or_init(|| failure);
                None
            }
        }
    });
    let gone = stream::iter(ended).buffer_unordered(CONCURRENT_RELEASES).filter_map(async |ended| ended);
    let gone = gone.collect().await;
    Posted { gone, all: all.load(Ordering::Relaxed), missed: missed.get().cloned() }
}

fn undelivered(recipient: &Recipient, failure: &Failure) {
    tracing::error!(connection.id = %recipient.socket.stamp.connection_id, %failure, "Notice not delivered");
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::codec::{Codec, Message};
    use model::connection::Socket;
    use model::id::ConnectionId;
    use model::time::EpochMillis;

    use super::*;

    /// A codec that counts what it writes.
    struct Counting(Encoding, AtomicUsize);

    static JSON: Counting = Counting(Encoding::JSON, AtomicUsize::new(0));
    static WORDS: Counting = Counting(Encoding::new("words"), AtomicUsize::new(0));
    static CODECS: [&dyn Codec; 2] = [&JSON, &WORDS];

    impl Codec for Counting {
        fn encoding(&self) -> Encoding {
            self.0.clone()
        }

        fn decode<'a>(&self, _text: &'a str) -> Message<'a> {
            unreachable!("nobody sends anything")
        }

        fn encode(&self, _notice: &Notice) -> String {
            format!("{:?} {}", self.0, self.1.fetch_add(1, Ordering::Relaxed))
        }
    }

    #[test]
    fn a_notice_is_written_once_in_each_encoding_of_those_whom_it_concerns() {
        let room_id = RoomId::try_from("r".to_owned()).unwrap();
        let recipient = |name: &str, encoding: &Encoding| {
            let stamp = Stamp { connected_at: EpochMillis(1), connection_id: ConnectionId::new(name.into()) };
            let peer_id = PeerId::try_from(name.to_owned()).unwrap();
            let identity =
                Identity::Client { peer_id, room_id: room_id.clone(), session: None, resumption: None };
            Recipient { socket: Socket { stamp, encoding: encoding.clone() }, identity, suppressed: false }
        };
        let smoke = Encoding::new("smoke signals");
        let all =
            [&JSON.0, &WORDS.0, &JSON.0, &WORDS.0, &WORDS.0, &smoke].map(|encoding| recipient("p", encoding));
        let notice = Notice::SfuConnect { room_id: room_id.clone() };
        let texts = texts(Codecs::new(&CODECS), all.iter().map(|recipient| (recipient, &notice)));
        assert_eq!([&JSON.1, &WORDS.1].map(|written| written.load(Ordering::Relaxed)), [1, 1]);
        let read =
            all.each_ref().map(|recipient| texts.get(&audience(recipient, &notice)).map(String::as_str));
        let (json, words) = (Some(r#"Encoding("json") 0"#), Some(r#"Encoding("words") 0"#));
        assert_eq!(read, [json, words, json, words, words, None]);
    }
}
