//! A mailbox at its bound.

use futures::future::join_all;
use model::outcome::Kept;
use model::session::mailbox::{ClosedMailbox, MAX_BYTES, MAX_SIGNALS, Mailbox};
use model::session::notice::ReceivedSignal;

use super::*;

fn lost() -> ConnectionId {
    ConnectionId::new("lost".into())
}

impl Tables {
    async fn say(&self, id: &str) -> Kept {
        self.say_so_much(id, 8).await
    }

    async fn say_so_much(&self, id: &str, length: usize) -> Kept {
        self.store.keep_signal(&lost(), &signal(id, length), START).await.unwrap()
    }

    async fn mailbox(&self) -> Mailbox {
        let closed = [ClosedMailbox { lost: lost(), closed_at: START }];
        self.store.mailboxes(&closed).await.unwrap().remove(0)
    }
}

fn signal(id: &str, length: usize) -> ReceivedSignal {
    let (kind, data) = (String::new(), "x".repeat(length));
    ReceivedSignal { id: id.into(), kind, data, from: None, seq: None, to: None }
}

#[tokio::test]
async fn of_signals_that_come_at_once_those_that_have_room_are_kept_and_the_others_counted() {
    let tables = Tables::new().await;
    for n in 0..MAX_SIGNALS - 2 {
        assert_eq!(tables.say(&n.to_string()).await, Kept::Kept);
    }
    let names = ["a", "b", "c", "d", "e"];
    let all = join_all(names.map(|name| tables.say(name))).await;
    assert_eq!(all.iter().filter(|kept| **kept == Kept::Kept).count(), 2, "{all:?}");
    let mailbox = tables.mailbox().await;
    assert_eq!((mailbox.signals.len(), mailbox.missed, mailbox.closed), (MAX_SIGNALS, 3, false));
    // The answer to its write was lost, and it is written again.
    assert_eq!(tables.say("0").await, Kept::Kept);
    assert_eq!(tables.mailbox().await.missed, 3);
}

#[tokio::test]
async fn a_mailbox_is_full_to_the_byte_and_nothing_is_kept_after_what_did_not_fit() {
    let tables = Tables::new().await;
    let envelope = serde_json::to_string(&signal("0", 0)).unwrap().len();
    let half = MAX_BYTES / 2 - envelope;
    assert_eq!(tables.say_so_much("0", half).await, Kept::Kept);
    assert_eq!(tables.say_so_much("1", half).await, Kept::Kept, "the last byte");
    assert_eq!(tables.mailbox().await.signals.len(), 2);

    let tables = Tables::new().await;
    assert_eq!(tables.say_so_much("0", half).await, Kept::Kept);
    assert_eq!(tables.say_so_much("1", half + 1).await, Kept::Full, "a byte too much");
    assert_eq!(tables.say("2").await, Kept::Full, "there is room for it, and a gap before it");
    let mailbox = tables.mailbox().await;
    assert_eq!((mailbox.signals.len(), mailbox.missed), (1, 2));
}
