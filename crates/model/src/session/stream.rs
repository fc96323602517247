//! Streams: what a member of a session sends, as the others know it. They are a part of their member
//! (docs/adr/0021), so that they end with its stay.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{InvalidId, PeerId};
use crate::time::EpochMillis;

/// How many streams a member may have.
pub const MAX_STREAMS: usize = 8;
/// The longest name of a stream, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 1024;
/// The largest width or height, in pixels.
pub const MAX_PIXELS: u16 = 16_384;
/// How many streams a mute of all may leave out.
pub const MAX_EXCLUDED: usize = 100;
/// How many ids of streams that have ended are remembered: a request that comes late brings none of them back.
const REMEMBERED: usize = 16;
const NAME_LENGTH: usize = 8;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A stream's id: 8 of `A-Za-z0-9`, `~`, and the id of the peer that publishes it. Whoever has it finds the member with one
/// read, and an SFU can tell whose it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId {
    name: String,
    peer: PeerId,
}

impl StreamId {
    /// The id of a new stream of `peer`, from random bits.
    #[must_use]
    pub fn from_bits(mut random: u64, peer: PeerId) -> Self {
        let mut letter = || {
            let at = usize::try_from(random % 62).unwrap_or_default();
            random /= 62;
            LETTERS.get(at).map_or('A', |letter| char::from(*letter))
        };
        Self { name: (0..NAME_LENGTH).map(|_| letter()).collect(), peer }
    }

    /// Who publishes it.
    #[must_use]
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }
}

impl TryFrom<String> for StreamId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let (name, peer) = text.split_once('~').ok_or(InvalidId)?;
        if name.len() != NAME_LENGTH || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidId);
        }
        Ok(Self { name: name.to_owned(), peer: PeerId::try_from(peer.to_owned())? })
    }
}

impl From<StreamId> for String {
    fn from(id: StreamId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.name, self.peer)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a stream's pictures come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoType {
    /// A camera.
    #[default]
    Camera,
    /// A screen.
    Screen,
    /// Anything else.
    Custom,
}

/// The size of a stream's pictures, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Width.
    pub width: u16,
    /// Height.
    pub height: u16,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stream {
    /// When it was published.
    pub since: EpochMillis,
    /// What its publisher calls it.
    pub name: String,
    /// Whether it has sound.
    pub has_audio: bool,
    /// Whether it has pictures.
    pub has_video: bool,
    /// What the pictures come from.
    pub video_type: VideoType,
    /// How large they are, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Dimensions>,
    /// Its layout classes, which the project's server may change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layout_class_list: Vec<String>,
    /// The version of its session's mute that it is up to: that of a [`Mute`] which does not concern it any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mute: u64,
}

/// `publish {streamId?, name?, hasAudio?, hasVideo?, videoType?, videoDimensions?}`
#[derive(Debug, PartialEq, Eq)]
pub struct Publish {
    /// The id, if the client has made it.
    pub id: Option<StreamId>,
    /// What it is called.
    pub name: String,
    /// Whether it has sound.
    pub has_audio: bool,
    /// Whether it has pictures.
    pub has_video: bool,
    /// What the pictures come from.
    pub video_type: VideoType,
    /// How large they are.
    pub dimensions: Option<Dimensions>,
}

/// `unpublish {streamId, roomId?}`
#[derive(Debug, PartialEq, Eq)]
pub struct Unpublish {
    /// Which stream.
    pub id: StreamId,
    /// From an SFU: the room that it serves.
    pub room: Option<crate::id::RoomId>,
}

/// `updateStream {streamId, hasAudio?, hasVideo?, videoType?, videoDimensions?}`: what is absent stays as it is.
#[derive(Debug, PartialEq, Eq)]
pub struct UpdateStream {
    /// Which stream.
    pub id: StreamId,
    /// Whether it has sound.
    pub has_audio: Option<bool>,
    /// Whether it has pictures.
    pub has_video: Option<bool>,
    /// What the pictures come from.
    pub video_type: Option<VideoType>,
    /// How large they are.
    pub dimensions: Option<Dimensions>,
}

/// `subscribe {streamId, hasAudio?, hasVideo?}`; `unsubscribe` wants neither.
#[derive(Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Which stream.
    pub id: StreamId,
    /// Whether its sound is wanted.
    pub has_audio: bool,
    /// Whether its pictures are wanted.
    pub has_video: bool,
}

/// A property of a stream that its publisher has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "changedProperty", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PropertyChange {
    /// It has sound, or none any more.
    HasAudio {
        /// Before.
        old_value: bool,
        /// Now.
        new_value: bool,
    },
    /// It has pictures, or none any more.
    HasVideo {
        /// Before.
        old_value: bool,
        /// Now.
        new_value: bool,
    },
    /// What the pictures come from.
    VideoType {
        /// Before.
        old_value: VideoType,
        /// Now.
        new_value: VideoType,
    },
    /// How large the pictures are.
    VideoDimensions {
        /// Before, if it was known.
        old_value: Option<Dimensions>,
        /// Now.
        new_value: Dimensions,
    },
}

/// The streams of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// Those that live.
    #[serde(rename = "streams", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub live: BTreeMap<StreamId, Stream>,
    /// Grows with each change of them, within one stay.
    #[serde(rename = "streamsVersion", default, skip_serializing_if = "is_zero")]
    pub version: u64,
    /// The last of those that have ended within the stay.
    #[serde(rename = "endedStreams", default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<StreamId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(version: &u64) -> bool {
    *version == 0
}

/// A stream, as clients know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamInfo {
    /// Which one.
    pub stream_id: StreamId,
    /// Whose it is.
    pub connection_id: PeerId,
    /// When it was published.
    pub creation_time: EpochMillis,
    /// What its publisher calls it.
    pub name: String,
    /// Whether it has sound.
    pub has_audio: bool,
    /// Whether it has pictures.
    pub has_video: bool,
    /// What the pictures come from.
    pub video_type: VideoType,
    /// How large they are, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_dimensions: Option<Dimensions>,
    /// Its layout classes.
    pub layout_class_list: Vec<String>,
}

impl StreamInfo {
    /// The stream of this id.
    #[must_use]
    pub fn of(id: &StreamId, stream: &Stream) -> Self {
        let stream = stream.clone();
        Self {
            stream_id: id.clone(),
            connection_id: id.peer().clone(),
            creation_time: stream.since,
            name: stream.name,
            has_audio: stream.has_audio,
            has_video: stream.has_video,
            video_type: stream.video_type,
            video_dimensions: stream.dimensions,
            layout_class_list: stream.layout_class_list,
        }
    }
}

/// A stream in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedStream {
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamInfo,
    /// The version of its publisher's streams with which it is so.
    pub version: u64,
}

/// A stream, as far as an SFU has to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForwardedStream {
    /// Which one.
    pub stream_id: StreamId,
    /// Whether its sound is forwarded.
    pub has_audio: bool,
    /// Whether its pictures are.
    pub has_video: bool,
}

/// A stream by nothing but its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedStream {
    /// Which one.
    pub stream_id: StreamId,
}

/// Why streams are left as they are.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// They are what was asked for already.
    Already,
    /// The member has as many as it may have.
    TooMany,
    /// There is no such stream, or no more.
    NotFound,
}

impl Streams {
    /// A stream begins. Who asks again, because the answer was lost, changes nothing.
    ///
    /// # Errors
    /// [`Unchanged`]; an id of a stream that has ended is found no more.
    pub fn publish(&mut self, id: &StreamId, stream: Stream) -> Result<(), Unchanged> {
        if self.live.contains_key(id) {
            return Err(Unchanged::Already);
        }
        if self.ended.contains(id) {
            return Err(Unchanged::NotFound);
        }
        if self.live.len() >= MAX_STREAMS {
            return Err(Unchanged::TooMany);
        }
        self.live.insert(id.clone(), stream);
        Ok(())
    }

    /// A stream ends.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub fn unpublish(&mut self, id: &StreamId) -> Result<(), Unchanged> {
        if self.live.remove(id).is_none() {
            return Err(if self.ended.contains(id) { Unchanged::Already } else { Unchanged::NotFound });
        }
        let forgotten = (self.ended.len() + 1).saturating_sub(REMEMBERED);
        self.ended.drain(..forgotten);
        self.ended.push(id.clone());
        Ok(())
    }

    /// Properties of a stream change; answers with those that are others now. `mute` is its session's: who switches the sound on
    /// again, knowing of that, is not muted by it any more.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub fn update(&mut self, update: &UpdateStream, mute: &Mute) -> Result<Vec<PropertyChange>, Unchanged> {
        let stream = self.live.get_mut(&update.id).ok_or(Unchanged::NotFound)?;
        let mut changes = Vec::new();
        if let Some(new_value) = update.has_audio.filter(|new| *new != stream.has_audio) {
            changes.push(PropertyChange::HasAudio { old_value: stream.has_audio, new_value });
            stream.has_audio = new_value;
            if new_value {
                stream.mute = stream.mute.max(mute.version);
            }
        }
        if let Some(new_value) = update.has_video.filter(|new| *new != stream.has_video) {
            changes.push(PropertyChange::HasVideo { old_value: stream.has_video, new_value });
            stream.has_video = new_value;
        }
        if let Some(new_value) = update.video_type.filter(|new| *new != stream.video_type) {
            changes.push(PropertyChange::VideoType { old_value: stream.video_type, new_value });
            stream.video_type = new_value;
        }
        if let Some(new_value) = update.dimensions.filter(|new| Some(*new) != stream.dimensions) {
            changes.push(PropertyChange::VideoDimensions { old_value: stream.dimensions, new_value });
            stream.dimensions = Some(new_value);
        }
        if changes.is_empty() { Err(Unchanged::Already) } else { Ok(changes) }
    }

    /// A stream loses its sound.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub fn mute(&mut self, id: &StreamId) -> Result<(), Unchanged> {
        let stream = self.live.get_mut(id).ok_or(Unchanged::NotFound)?;
        if !std::mem::take(&mut stream.has_audio) {
            return Err(Unchanged::Already);
        }
        Ok(())
    }

    /// A stream loses its sound by a mute of the session.
    ///
    /// # Errors
    /// [`Unchanged`]: it does not concern the stream.
    pub fn mute_by(&mut self, id: &StreamId, mute: &Mute) -> Result<(), Unchanged> {
        let stream = self.live.get_mut(id).ok_or(Unchanged::NotFound)?;
        if !mute.concerns(id, stream) {
            return Err(Unchanged::Already);
        }
        (stream.has_audio, stream.mute) = (false, mute.version);
        Ok(())
    }

    /// Those that a mute of the session concerns lose their sound; `false` if there are none.
    pub fn mute_all(&mut self, mute: &Mute) -> bool {
        let mut changed = false;
        for (_, stream) in self.live.iter_mut().filter(|(id, stream)| mute.concerns(id, stream)) {
            (stream.has_audio, stream.mute) = (false, mute.version);
            changed = true;
        }
        changed
    }

    /// Those that are without sound by a mute of the session.
    pub fn muted_by(&self, mute: &Mute) -> impl Iterator<Item = MutedStream> {
        let held = self.live.iter().filter(|(_, stream)| mute.holds(stream));
        held.map(|(id, _)| MutedStream { stream_id: id.clone(), version: self.version })
    }

    /// A stream gets other layout classes.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub fn set_layout_classes(&mut self, id: &StreamId, classes: &[String]) -> Result<(), Unchanged> {
        let stream = self.live.get_mut(id).ok_or(Unchanged::NotFound)?;
        if stream.layout_class_list == classes {
            return Err(Unchanged::Already);
        }
        stream.layout_class_list = classes.to_vec();
        Ok(())
    }

    /// Those that live, by their ids.
    #[must_use]
    pub fn ids(&self) -> Vec<StreamId> {
        self.live.keys().cloned().collect()
    }

    /// A stream as clients know it.
    #[must_use]
    pub fn info(&self, id: &StreamId) -> Option<StreamInfo> {
        self.live.get(id).map(|stream| StreamInfo::of(id, stream))
    }

    /// All of them, as a newcomer is told of them.
    pub fn listed(&self) -> impl Iterator<Item = ListedStream> {
        let listed =
            |(id, stream)| ListedStream { stream: StreamInfo::of(id, stream), version: self.version };
        self.live.iter().map(listed)
    }

    /// All of them, as an SFU is told of them.
    #[must_use]
    pub fn forwarded(&self) -> Vec<ForwardedStream> {
        let forwarded = |(id, stream): (&StreamId, &Stream)| ForwardedStream {
            stream_id: id.clone(),
            has_audio: stream.has_audio,
            has_video: stream.has_video,
        };
        self.live.iter().map(forwarded).collect()
    }
}

/// A session's mute: a moderator has switched the sound of its streams off, of those that there were and of those to come.
///
/// Each stream knows the version that it is up to ([`Stream::mute`]): the one that it was published under, by which it was
/// muted, or that its publisher knew when it switched its sound on again. A mute concerns those of lower versions, however late
/// it is carried out, and concerns each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Grows each time that it is switched on or off; 0: never yet.
    pub version: u64,
    /// What is published now begins without sound.
    pub active: bool,
    /// The streams that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<StreamId>,
}

impl Mute {
    /// The mute after this one.
    #[must_use]
    pub fn next(&self, active: bool, excluded: Vec<StreamId>) -> Self {
        Self { version: self.version + 1, active, excluded }
    }

    /// Whether a stream has sound that it is to lose by this.
    #[must_use]
    pub fn concerns(&self, id: &StreamId, stream: &Stream) -> bool {
        self.active && stream.has_audio && stream.mute < self.version && !self.excluded.contains(id)
    }

    /// Whether a stream is without sound by this.
    #[must_use]
    pub fn holds(&self, stream: &Stream) -> bool {
        self.active && !stream.has_audio && stream.mute == self.version
    }
}

/// A stream that was muted by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MutedStream {
    /// Which one.
    pub stream_id: StreamId,
    /// A version of its publisher's streams with which it has no sound.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StreamId {
        StreamId::try_from(text.to_owned()).unwrap()
    }

    fn stream() -> Stream {
        Stream {
            since: EpochMillis(7),
            name: "n".into(),
            has_audio: true,
            has_video: true,
            video_type: VideoType::Camera,
            dimensions: None,
            layout_class_list: vec!["focus".into()],
            mute: 0,
        }
    }

    #[test]
    fn an_id_names_its_publisher() {
        let made = StreamId::from_bits(u64::MAX, PeerId::try_from("p=".to_owned()).unwrap());
        assert_eq!(id(&made.to_string()), made);
        assert_eq!(made.peer().as_str(), "p=");
        for bad in
            ["", "~p", "abcdefg~p", "abcdefghi~p", "abcdefg-~p", "abcdefgh~", "abcdefgh~p~q", "abcdefghp"]
        {
            assert_eq!(StreamId::try_from(bad.to_owned()), Err(InvalidId), "{bad}");
        }
    }

    #[test]
    fn a_stream_begins_once_and_ends_once() {
        let mut streams = Streams::default();
        let first = id("abcdefgh~p");
        assert_eq!(streams.publish(&first, stream()), Ok(()));
        assert_eq!(streams.publish(&first, stream()), Err(Unchanged::Already));
        assert_eq!(streams.unpublish(&first), Ok(()));
        assert_eq!(streams.unpublish(&first), Err(Unchanged::Already));
        assert_eq!(streams.publish(&first, stream()), Err(Unchanged::NotFound), "a late request");
        assert_eq!(streams.unpublish(&id("zzzzzzzz~p")), Err(Unchanged::NotFound));
        for n in 0..20 {
            let one = id(&format!("stream{n:02}~p"));
            assert_eq!(streams.publish(&one, stream()), Ok(()));
            assert_eq!(streams.unpublish(&one), Ok(()));
        }
        assert_eq!(streams.ended.len(), REMEMBERED);
        for n in 0..MAX_STREAMS {
            assert_eq!(streams.publish(&id(&format!("another{n}~p")), stream()), Ok(()));
        }
        assert_eq!(streams.publish(&id("onetoomn~p"), stream()), Err(Unchanged::TooMany));
        assert_eq!(
            streams.publish(&id("another0~p"), stream()),
            Err(Unchanged::Already),
            "also at the limit"
        );
    }

    #[test]
    fn only_what_is_another_value_is_a_change() {
        let mut streams = Streams::default();
        let own = id("abcdefgh~p");
        streams.publish(&own, stream()).unwrap();
        let mut update = UpdateStream {
            id: own,
            has_audio: Some(true),
            has_video: Some(false),
            video_type: None,
            dimensions: Some(Dimensions { width: 2, height: 1 }),
        };
        let changes = serde_json::to_string(&streams.update(&update, &Mute::default()).unwrap()).unwrap();
        assert_eq!(
            changes,
            r#"[{"changedProperty":"hasVideo","oldValue":true,"newValue":false},{"changedProperty":"videoDimensions","oldValue":null,"newValue":{"width":2,"height":1}}]"#
        );
        assert_eq!(streams.update(&update, &Mute::default()), Err(Unchanged::Already));
        update.id = id("zzzzzzzz~p");
        assert_eq!(streams.update(&update, &Mute::default()), Err(Unchanged::NotFound));
    }

    #[test]
    fn a_mute_concerns_each_stream_once_and_none_that_has_come_after_it() {
        let mut streams = Streams::default();
        let [first, left_out, silent] = ["abcdefg1~p", "abcdefg2~p", "abcdefg3~p"].map(id);
        for one in [&first, &left_out, &silent] {
            streams.publish(one, stream()).unwrap();
        }
        assert_eq!(streams.mute(&silent), Ok(()));
        assert_eq!(streams.mute(&silent), Err(Unchanged::Already));
        assert_eq!(streams.mute(&id("zzzzzzzz~p")), Err(Unchanged::NotFound));
        let mute = Mute::default().next(true, vec![left_out.clone()]);
        assert!(streams.mute_all(&mute));
        let sound = |streams: &Streams| {
            [&first, &left_out, &silent].map(|one| streams.live.get(one).unwrap().has_audio)
        };
        assert_eq!(sound(&streams), [false, true, false]);
        let muted: Vec<_> = streams.muted_by(&mute).map(|muted| muted.stream_id).collect();
        assert_eq!(muted, std::slice::from_ref(&first));
        // Both have switched their sound on again, knowing of the mute: carried out once more it does nothing.
        for one in [&first, &silent] {
            let on = UpdateStream {
                id: one.clone(),
                has_audio: Some(true),
                has_video: None,
                video_type: None,
                dimensions: None,
            };
            streams.update(&on, &mute).unwrap();
        }
        assert!(!streams.mute_all(&mute));
        assert_eq!(sound(&streams), [true; 3]);
        assert!(
            !streams.mute_all(&mute.next(false, vec![])),
            "to switch it off gives nobody's sound back, or takes it"
        );
        assert!(streams.mute_all(&mute.next(true, vec![])));
        assert_eq!(sound(&streams), [false; 3]);
    }
}
