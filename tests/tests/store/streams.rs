//! Streams, with another call in between.

use model::outcome::StreamsChanged;
use model::session::event::StreamEvent;
use model::session::stream::Mute;
use model::session::stream::{Stream, StreamId, Unchanged, VideoType};

use super::races::TRANSACT;
use super::*;

pub(super) fn id(text: &str) -> StreamId {
    StreamId::try_from(text.to_owned()).unwrap()
}

impl Tables {
    pub(super) async fn publish(&self, stamp: &Stamp, text: &str, now: EpochMillis) -> StreamsChanged {
        let id = id(text);
        let stream = Stream {
            since: now,
            name: String::new(),
            has_audio: true,
            has_video: true,
            video_type: VideoType::Camera,
            dimensions: None,
            layout_class_list: vec![],
            mute: 0,
        };
        let begin = |member: &mut model::member::Member, _: &Mute| {
            member.streams.publish(&id, stream.clone()).map(|()| StreamEvent::Created)
        };
        self.store.change_streams(&room("s"), &id, Some(stamp), now, begin).await.unwrap()
    }

    async fn streams_of(&self, peer_id: &str, now: EpochMillis) -> Option<Vec<StreamId>> {
        let member = self.store.member(&room("s"), &peer(peer_id), now).await.unwrap();
        member.map(|member| member.streams.ids())
    }
}

pub(super) fn is_changed(changed: &StreamsChanged) -> bool {
    matches!(changed, StreamsChanged::Changed(..))
}

#[tokio::test]
async fn a_stream_that_begins_while_its_stay_ends_ends_with_it_or_never_begins() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    let publish = tables.publish(&stamp, "abcdefgh~p", START);
    let (ended, published) = tables.meanwhile(TRANSACT, 1, tables.end(&stamp), publish).await;
    assert!(is_changed(&published), "{published:?}");
    let Departed::Gone(ended) = ended else { panic!("{ended:?}") };
    assert_eq!(ended.streams, [id("abcdefgh~p")]);
    assert_eq!(tables.count_of("s").await, 0);

    let (stamp, _) = tables.joined("b", "q", START).await;
    let publish = tables.publish(&stamp, "abcdefgh~q", START);
    let (published, ended) = tables.meanwhile(TRANSACT, 1, publish, tables.end(&stamp)).await;
    assert_eq!(published, StreamsChanged::NotThere);
    assert!(matches!(ended, Departed::Gone(ended) if ended.streams.is_empty()));
}

#[tokio::test]
async fn of_two_that_want_to_be_the_eighth_one_is_refused() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    for n in 0..7 {
        assert!(is_changed(&tables.publish(&stamp, &format!("stream{n:02}~p"), START).await));
    }
    let (one, other) =
        (tables.publish(&stamp, "theotheA~p", START), tables.publish(&stamp, "theotheB~p", START));
    let (late, first) = tables.meanwhile(TRANSACT, 1, one, other).await;
    assert!(is_changed(&first), "{first:?}");
    assert!(matches!(late, StreamsChanged::Unchanged(_, Unchanged::TooMany)), "{late:?}");
    assert_eq!(tables.streams_of("p", START).await.unwrap().len(), 8);
}

#[tokio::test]
async fn an_older_socket_publishes_nothing_any_more_and_its_streams_stay() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (older, _) = tables.joined("a", "p", START).await;
    assert!(is_changed(&tables.publish(&older, "abcdefgh~p", START).await));
    let publish = tables.publish(&older, "ijklmnop~p", START);
    let (late, (newer, member)) =
        tables.meanwhile(TRANSACT, 1, publish, tables.joined("b", "p", minutes(1))).await;
    assert_eq!(late, StreamsChanged::NotThere);
    assert_eq!(member.streams.ids(), [id("abcdefgh~p")], "the stay goes on");
    assert!(is_changed(&tables.publish(&newer, "ijklmnop~p", minutes(1)).await));
}

#[tokio::test]
async fn the_streams_of_a_stay_whose_lease_has_ended_end_when_another_begins() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    assert!(is_changed(&tables.publish(&stamp, "abcdefgh~p", START).await));
    let later = minutes(131);
    let newer = tables.connection("b", later, None).await;
    // The clock of whoever publishes is behind: its stream begins after the newcomer has read the place.
    let publish = tables.publish(&stamp, "ijklmnop~p", START);
    let (joined, published) =
        tables.meanwhile(TRANSACT, 2, tables.enter(&newer, "p", "s", later), publish).await;
    assert!(is_changed(&published), "{published:?}");
    let Joined::Member { member, previous: PreviousHolder::Expired(ended) } = joined else {
        panic!("{joined:?}")
    };
    assert_eq!(ended.streams, [id("abcdefgh~p"), id("ijklmnop~p")]);
    assert_eq!(member.streams.ids(), []);
    assert_eq!(tables.streams_of("p", later).await, Some(vec![]));
}
