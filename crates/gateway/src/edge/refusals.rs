//! Sockets that are refused again and again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use model::error::Error as Refusal;
use model::id::ConnectionId;
use tokio::time::Instant;

/// So many refusals within [`WITHIN`] are borne of what no honest client sends.
const MOST: u32 = 50;
/// So many of what an application's users may do: as many as the signals that somebody may send, by default.
const MOST_OF_USERS: u32 = 600;
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
    senders: u32,
    users: u32,
}

/// Whose doing a refusal is.
enum Doing {
    /// Of the program that has sent the request.
    Senders,
    /// Of an application's user, who is told about it.
    Users,
    /// Nobody's: it is not to be punished.
    Nobodys,
}

impl Refusals {
    /// Takes notice of a refusal; `true` if it is one too many.
    pub(super) fn too_many(&self, connection: &ConnectionId, refusal: &Refusal, now: Instant) -> bool {
        let doing = Doing::of(refusal);
        if matches!(doing, Doing::Nobodys) {
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
        let fresh = Window { began: now, senders: 0, users: 0 };
        let window = kept.entry(connection.clone()).or_insert(fresh);
        if is_over(window) {
            *window = fresh;
        }
        match doing {
            Doing::Senders => window.senders += 1,
            Doing::Users => window.users += 1,
            Doing::Nobodys => {}
        }
        window.senders > MOST || window.users > MOST_OF_USERS
    }
}

impl Doing {
    fn of(refusal: &Refusal) -> Self {
        match refusal {
            // A text too long, a button too many, and what somebody has done too often or has too much of.
            Refusal::Forbidden(_)
            | Refusal::TooLarge { .. }
            | Refusal::InvalidSignal(_)
            | Refusal::RateExceeded(_)
            | Refusal::ConnectionLimitExceeded(_)
            | Refusal::StreamLimitExceeded => Self::Users,
            // Somebody else has gone, or takes no more; a pool has changed; our side has failed.
            Refusal::PeerNotFound
            | Refusal::TooManyRequests
            | Refusal::SfuUnavailable
            | Refusal::RoomNeeded
            | Refusal::RoomClaimed
            | Refusal::IssueNotStored(_)
            | Refusal::Internal(_) => Self::Nobodys,
            Refusal::BadJson
            | Refusal::UnknownAction
            | Refusal::MissingType
            | Refusal::BadMessage { .. }
            | Refusal::ConnectionNotFound
            | Refusal::Unauthorized(_)
            | Refusal::RoomNotFound
            | Refusal::RoomClosed
            | Refusal::AlreadyIdentified
            | Refusal::PeerInUse
            | Refusal::Superseded
            | Refusal::RelayedSessionFull
            | Refusal::StreamNotFound
            | Refusal::EncryptionSecretMissing => Self::Senders,
        }
    }
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
    fn of_what_users_do_more_is_borne_and_not_without_end() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for _ in 0..MOST_OF_USERS / 2 {
            assert!(!refusals.too_many(&socket(1), &Refusal::Forbidden("x"), now));
            assert!(!refusals.too_many(&socket(1), &Refusal::RateExceeded("x"), now));
            assert!(!refusals.too_many(&socket(1), &Refusal::TooManyRequests, now), "a receiver's");
        }
        for _ in 0..MOST {
            assert!(!refusals.too_many(&socket(1), &Refusal::BadJson, now), "each has its own bound");
        }
        assert!(refusals.too_many(&socket(1), &Refusal::Forbidden("x"), now));
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
