//! The room's lifecycle: when an unused or empty room is left, and when the process ends.

use std::time::{Duration, Instant};

use super::outbox::{About, Outbox};
use super::settings::Settings;
use super::signal;

/// How long a room that is being left waits for the gateway to acknowledge it.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

/// How the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The room has been left, or has been asked to end: status 0.
    Left,
    /// It cannot go on: status 1, and why.
    Failed(String),
}

#[derive(Debug)]
pub(crate) struct Lifecycle {
    room_idle: Duration,
    pool_idle: Duration,
    identify_limit: Duration,
    gateway_limit: Duration,
    /// Since when there is no gateway; at first, since the start.
    without_gateway: Option<Instant>,
    identified: bool,
    /// Somebody has been in the room, or the gateway says that it has been claimed.
    claimed: bool,
    /// Since when the room has been empty, or when the pool last said that it needs it.
    empty: Instant,
    /// The pool has been asked whether it needs the room.
    asked: bool,
    leaving: Option<Instant>,
    exit: Option<Exit>,
}

impl Lifecycle {
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            room_idle: settings.room_idle,
            pool_idle: settings.pool_idle,
            identify_limit: settings.identify_limit,
            gateway_limit: settings.gateway_limit,
            without_gateway: Some(now),
            identified: false,
            claimed: false,
            empty: now,
            asked: false,
            leaving: None,
            exit: None,
        }
    }

    pub(crate) fn gateway_opened(&mut self) {
        self.identified = true;
        self.without_gateway = None;
    }

    pub(crate) fn gateway_closed(&mut self, now: Instant) {
        self.without_gateway.get_or_insert(now);
    }

    /// Somebody is in the room, or was until now.
    pub(crate) fn used(&mut self, now: Instant) {
        self.claimed = true;
        self.empty = now;
    }

    /// The gateway has acknowledged `leave`.
    pub(crate) fn closed(&mut self) {
        self.exit.get_or_insert(Exit::Left);
    }

    /// The gateway has refused `leave`.
    pub(crate) fn refused(&mut self, now: Instant, code: &str) {
        if self.leaving.is_some() {
            return self.closed();
        }
        self.asked = false;
        self.empty = now;
        // `room_needed`, or an error: asked again after the same time.
        self.claimed = self.claimed || code == "room_claimed";
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Leaves the room whoever is in it. Without a gateway nobody has to acknowledge it.
    pub(crate) fn leave(&mut self, now: Instant, outbox: &mut Outbox) {
        if self.leaving.is_none() {
            self.leaving = Some(now);
            outbox.push(now, About::Leave, |request| signal::leave(request, false));
        }
        if self.without_gateway.is_some() {
            self.closed();
        }
    }

    pub(crate) fn sweep(&mut self, now: Instant, empty: bool, outbox: &mut Outbox) {
        if !empty {
            self.used(now);
        }
        let since = |moment: Instant| now.saturating_duration_since(moment);
        if let Some(leaving) = self.leaving {
            // A container that takes longer to stop is killed.
            if since(leaving) >= LEAVE_WAIT {
                self.closed();
            }
            return;
        }
        if let Some(without) = self.without_gateway {
            let (limit, sentence) = if self.identified {
                (self.gateway_limit, "the gateway has been away for too long")
            } else {
                (self.identify_limit, "the gateway did not take this SFU in time")
            };
            if since(without) >= limit {
                self.exit.get_or_insert(Exit::Failed(sentence.into()));
            }
        }
        if self.claimed && since(self.empty) >= self.room_idle {
            self.leave(now, outbox);
        } else if !self.claimed && !self.asked && since(self.empty) >= self.pool_idle {
            self.asked = true;
            outbox.push(now, About::Leave, |request| signal::leave(request, true));
        }
    }

    /// How the process is to end, if it is. Answered once.
    pub(crate) fn exit(&mut self) -> Option<Exit> {
        self.exit.take()
    }
}
