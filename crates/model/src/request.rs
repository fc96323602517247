//! Everything that may be asked for on a socket, whatever the encoding.

use serde::Deserialize;
use serde::de::value::{Error as Unknown, StrDeserializer};

use crate::handshake::Handshake;
use crate::identify::Identify;
use crate::leave::Leave;
use crate::roster::AskRoster;
use crate::session::issue::ReportIssue;
use crate::session::moderation::{ForceDisconnect, ForceMuteAll, ForceMuteStream, ForceUnpublish};
use crate::session::signal::SendSignal;
use crate::session::stream::{Publish, Subscribe, Unpublish, UpdateStream};

/// A request, read and checked by itself: not yet against who sends it.
#[derive(Debug)]
pub enum Request<'a> {
    /// Who the connection says it is.
    Identify(Identify),
    /// Something to be relayed.
    Handshake(Handshake<'a>),
    /// The sender goes on purpose.
    Leave(Leave),
    /// A signal to a session.
    Signal(SendSignal),
    /// A moderator ends somebody's stay.
    ForceDisconnect(ForceDisconnect),
    /// A moderator mutes somebody's stream.
    ForceMuteStream(ForceMuteStream),
    /// A moderator mutes the streams that there are, and those to come.
    ForceMuteAll(ForceMuteAll),
    /// A moderator lets streams begin with sound again.
    DisableForceMute,
    /// A moderator ends somebody's stream.
    ForceUnpublish(ForceUnpublish),
    /// Something went wrong at a client.
    ReportIssue(ReportIssue),
    /// A stream begins.
    Publish(Publish),
    /// A stream ends.
    Unpublish(Unpublish),
    /// A stream is not what it was.
    UpdateStream(UpdateStream),
    /// What the sender wants of somebody's stream; by `unsubscribe`: nothing.
    Subscribe(Subscribe),
    /// An SFU asks who is there.
    Roster(AskRoster),
    /// The keepalive.
    Ping,
}

/// The name of a request, which is that of its variant in `camelCase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// [`Request::Identify`], of an SFU or a client of a room.
    Identify,
    /// [`Request::Identify`], of a client of a session: no other name, but other fields.
    #[serde(skip)]
    Enter,
    /// [`Request::Handshake`]
    Handshake,
    /// [`Request::Leave`]
    Leave,
    /// [`Request::Signal`]
    Signal,
    /// [`Request::ForceDisconnect`]
    ForceDisconnect,
    /// [`Request::ForceMuteStream`]
    ForceMuteStream,
    /// [`Request::ForceMuteAll`]
    ForceMuteAll,
    /// [`Request::DisableForceMute`]
    DisableForceMute,
    /// [`Request::ForceUnpublish`]
    ForceUnpublish,
    /// [`Request::ReportIssue`]
    ReportIssue,
    /// [`Request::Publish`]
    Publish,
    /// [`Request::Unpublish`]
    Unpublish,
    /// [`Request::UpdateStream`]
    UpdateStream,
    /// [`Request::Subscribe`]
    Subscribe,
    /// [`Request::Subscribe`], to nothing.
    Unsubscribe,
    /// [`Request::Roster`]
    Roster,
    /// [`Request::Ping`]
    Ping,
}

impl Action {
    /// The action of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::deserialize(StrDeserializer::<Unknown>::new(name)).ok()
    }

    /// Whether its sender speaks to a session, as far as the action alone tells: what only sessions know is sent to
    /// one, also by those who have not entered it yet, and an identify enters what it names.
    #[must_use]
    pub fn names_session(self) -> Option<bool> {
        match self {
            Self::Enter
            | Self::Signal
            | Self::ForceDisconnect
            | Self::ForceMuteStream
            | Self::ForceMuteAll
            | Self::DisableForceMute
            | Self::ForceUnpublish
            | Self::ReportIssue
            | Self::Publish
            | Self::Unpublish
            | Self::UpdateStream
            | Self::Subscribe
            | Self::Unsubscribe => Some(true),
            Self::Identify | Self::Roster | Self::Ping => Some(false),
            Self::Handshake | Self::Leave => None,
        }
    }
}
