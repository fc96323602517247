//! Streams, with another call in between.

use arbiter_tests::until;
use model::outcome::StreamsChanged;
use model::session::event::StreamEvent;
use model::session::notice::Destroyed;
use model::session::stream::Mute;
use model::session::stream::{Stream, StreamId, Unchanged, VideoType};
use serde_json::json;

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

    async fn unpublish(&self, stamp: &Stamp, text: &str) -> StreamsChanged {
        let id = id(text);
        let end = |member: &mut model::member::Member, _: &Mute| {
            member.streams.unpublish(&id).map(|()| StreamEvent::Destroyed(Destroyed::ClientDisconnected))
        };
        self.store.change_streams(&room("s"), &id, Some(stamp), START, end).await.unwrap()
    }

    async fn streams_of(&self, peer_id: &str, now: EpochMillis) -> Option<Vec<StreamId>> {
        let member = self.store.member(&room("s"), &peer(peer_id), now).await.unwrap();
        member.map(|member| member.streams.ids())
    }
}

impl Tables {
    /// Runs `end`, and is quicker each time that it comes to its write, `times` times.
    async fn overtaken<T>(
        &self,
        times: usize,
        end: impl Future<Output = T>,
        quicker: impl AsyncFn(usize),
    ) -> T {
        let hold = json!({ "fault": "dynamodb", "operation": TRANSACT, "delayMs": 60_000, "times": 1 });
        let mut holding = self.stack.fault(hold.clone()).await;
        let overtake = async {
            for time in 1..=times {
                until("the write that is held back", async || {
                    (self.stack.admin("/faults").await[0]["fired"] == 1).then_some(())
                })
                .await;
                quicker(time).await;
                if time == times {
                    self.stack.no_fault(&holding).await;
                } else {
                    let next = self.stack.fault(hold.clone()).await;
                    self.stack.no_fault(&std::mem::replace(&mut holding, next)).await;
                }
            }
        };
        futures::join!(end, overtake).0
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

#[tokio::test]
async fn a_stay_ends_however_often_its_streams_change_meanwhile() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    let publish = async |time: usize| {
        let text = format!("stream{:02}~p", time.div_ceil(2));
        let changed = if time % 2 == 1 {
            tables.publish(&stamp, &text, START).await
        } else {
            tables.unpublish(&stamp, &text).await
        };
        assert!(is_changed(&changed), "{changed:?}");
    };
    let ended = tables.overtaken(11, tables.end(&stamp), publish).await;
    let Departed::Gone(ended) = ended else { panic!("{ended:?}") };
    assert_eq!(ended.streams, [id("stream06~p")]);
    assert_eq!(tables.count_of("s").await, 0);
}

/// Its publisher's own changes give way after two seconds, and are no failure of ours.
#[tokio::test]
async fn what_others_do_to_a_stream_is_done_however_long_its_publisher_is_quicker() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    let one = id("abcdefgh~p");
    assert!(is_changed(&tables.publish(&stamp, "abcdefgh~p", START).await));
    let slowly = async |time: usize| {
        let text = format!("stream{time:02}~p");
        assert!(is_changed(&tables.publish(&stamp, &text, START).await));
        tokio::time::sleep(Duration::from_millis(2100)).await;
    };
    let mute =
        |member: &mut model::member::Member, _: &Mute| member.streams.mute(&one).map(|()| StreamEvent::Muted);
    let session = room("s");
    let others = tables.store.change_streams(&session, &one, None, START, mute);
    let others = tables.overtaken(1, others, slowly).await.unwrap();
    assert!(is_changed(&others), "{others:?}");
    let slowly = async |_| {
        assert!(is_changed(&tables.unpublish(&stamp, "stream01~p").await));
        tokio::time::sleep(Duration::from_millis(2100)).await;
    };
    let own = tables.overtaken(1, tables.unpublish(&stamp, "abcdefgh~p"), slowly).await;
    assert_eq!(own, StreamsChanged::Contended);
    assert_eq!(tables.streams_of("p", START).await.unwrap(), [one]);
}
