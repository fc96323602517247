//! The WebSocket API of a template, with what serves it.

use std::sync::Arc;

use super::event::Place;
use super::journal::Journal;
use crate::lambda::Lambda;
use crate::options::Limits;
use crate::state::State;
use crate::template::stack::WebSocketApi;
use crate::throttle::Throttle;

pub(crate) struct Api {
    pub(crate) definition: WebSocketApi,
    /// `host:port`.
    pub(crate) domain: String,
    pub(crate) limits: Limits,
    pub(crate) throttle: Throttle,
    pub(crate) journal: Journal,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) state: Arc<State>,
}

impl Api {
    pub(crate) fn place(&self) -> Place<'_> {
        Place { api: &self.definition, domain: &self.domain }
    }
}
