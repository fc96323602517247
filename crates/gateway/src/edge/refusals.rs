//! Sockets that are refused again and again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use model::error::Error as Refusal;
use model::id::ConnectionId;
use tokio::time::Instant;

/// So many refusals within [`WITHIN`] are borne.
const MOST: u32 = 50;
const WITHIN: Duration = Duration::from_mins(1);
/// How many sockets are kept in mind.
const MAX_KEPT: usize = 1024;

/// How often each socket has been refused lately, by this copy of this function: others count for themselves, so that a
/// socket is borne for longer where many copies run.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<ConnectionId, Window>>);

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    refusals: u32,
}

impl Refusals {
    /// Takes notice of a refusal; `true` if it is one too many.
    pub(super) fn too_many(&self, connection: &ConnectionId, refusal: &Refusal, now: Instant) -> bool {
        if !is_senders(refusal) {
            return false;
        }
        let Ok(mut kept) = self.0.lock() else { return false };
        let is_over = |window: &Window| now.duration_since(window.began) >= WITHIN;
        if kept.len() >= MAX_KEPT && !kept.contains_key(connection) {
            kept.retain(|_, window| !is_over(window));
            let oldest = kept.iter().min_by_key(|(_, window)| window.began).map(|(socket, _)| socket.clone());
            if let Some(oldest) = oldest.filter(|_| kept.len() >= MAX_KEPT) {
                kept.remove(&oldest);
            }
        }
        let fresh = Window { began: now, refusals: 0 };
        let window = kept.entry(connection.clone()).or_insert(fresh);
        if is_over(window) {
            *window = fresh;
        }
        window.refusals += 1;
        window.refusals > MOST
    }
}

/// Whether a refusal is the sender's own doing. That a receiver is not there is nobody's, and what may succeed later is
/// not to be punished.
fn is_senders(refusal: &Refusal) -> bool {
    // What an application's users may do, and are told about: that somebody is gone, a text too long, a button too many.
    let is_users = matches!(
        refusal,
        Refusal::PeerNotFound | Refusal::Forbidden(_) | Refusal::TooLarge { .. } | Refusal::InvalidSignal(_)
    );
    let is_nobodys = matches!(refusal, Refusal::RoomNeeded | Refusal::RoomClaimed);
    !is_users && !is_nobodys && !refusal.retryable()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(number: usize) -> ConnectionId {
        ConnectionId::new(format!("c{number}="))
    }

    #[test]
    fn a_socket_is_borne_for_a_while_and_its_own_refusals_only() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for _ in 0..MOST {
            assert!(!refusals.too_many(&socket(1), &Refusal::BadJson, now));
        }
        assert!(!refusals.too_many(&socket(1), &Refusal::PeerNotFound, now));
        assert!(!refusals.too_many(&socket(1), &Refusal::SfuUnavailable, now));
        assert!(!refusals.too_many(&socket(2), &Refusal::BadJson, now));
        assert!(refusals.too_many(&socket(1), &Refusal::BadJson, now));
        assert!(!refusals.too_many(&socket(1), &Refusal::BadJson, now + WITHIN));
    }

    #[test]
    fn the_memory_is_bounded_and_the_longest_known_goes_first() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        for number in 0..=MAX_KEPT {
            let at = start + Duration::from_millis(u64::try_from(number).unwrap());
            assert!(!refusals.too_many(&socket(number), &Refusal::BadJson, at));
        }
        let kept = refusals.0.lock().unwrap();
        assert!(kept.len() == MAX_KEPT && !kept.contains_key(&socket(0)) && kept.contains_key(&socket(1)));
    }
}
