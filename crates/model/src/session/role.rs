//! What a token's role allows.

use serde::{Deserialize, Serialize};

/// The role of a connection in its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Receives.
    Subscriber,
    /// Sends, receives and signals.
    #[default]
    Publisher,
    /// Sends.
    PublisherOnly,
    /// Does everything, and ends what others do.
    Moderator,
}

/// What a connection may do: 1 or 0, as OpenTok's clients know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Send streams.
    pub publish: u8,
    /// Receive streams.
    pub subscribe: u8,
    /// Send signals.
    pub signal: u8,
    /// End a connection of somebody else.
    pub force_disconnect: u8,
    /// End a stream of somebody else.
    pub force_unpublish: u8,
    /// Mute a stream of somebody else.
    pub force_mute: u8,
}

/// Something that a role may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Anything that every member of a session may do.
    Belong,
    /// To send media.
    Publish,
    /// To receive media.
    Subscribe,
    /// To send signals.
    Signal,
    /// To end a connection of somebody else.
    ForceDisconnect,
    /// To end a stream of somebody else.
    ForceUnpublish,
    /// To mute streams of others.
    ForceMute,
}

impl Permission {
    /// The roles that have it.
    #[must_use]
    pub fn roles(self, subscribers_may_signal: bool) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| role.may(self, subscribers_may_signal)).collect()
    }
}

impl Role {
    /// Whether the role allows something; of the setting, see [`Role::capabilities`].
    #[must_use]
    pub fn may(self, permission: Permission, subscribers_may_signal: bool) -> bool {
        let can = self.capabilities(subscribers_may_signal);
        match permission {
            Permission::Belong => true,
            Permission::Publish => can.publish == 1,
            Permission::Subscribe => can.subscribe == 1,
            Permission::Signal => can.signal == 1,
            Permission::ForceDisconnect => can.force_disconnect == 1,
            Permission::ForceUnpublish => can.force_unpublish == 1,
            Permission::ForceMute => can.force_mute == 1,
        }
    }

    /// Every role.
    pub const ALL: [Self; 4] = [Self::Subscriber, Self::Publisher, Self::PublisherOnly, Self::Moderator];

    /// What the role allows. OpenTok's documents let subscribers only subscribe; a stack's setting may let them signal
    /// as well.
    #[must_use]
    pub fn capabilities(self, subscribers_may_signal: bool) -> Capabilities {
        let moderates = u8::from(self == Self::Moderator);
        Capabilities {
            publish: u8::from(self != Self::Subscriber),
            subscribe: u8::from(self != Self::PublisherOnly),
            signal: match self {
                Self::Publisher | Self::Moderator => 1,
                Self::PublisherOnly => 0,
                Self::Subscriber => u8::from(subscribers_may_signal),
            },
            force_disconnect: moderates,
            force_unpublish: moderates,
            force_mute: moderates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// publish, subscribe, signal, and the three of moderation.
    fn bits(role: Role, subscribers_may_signal: bool) -> [u8; 6] {
        let can = role.capabilities(subscribers_may_signal);
        [can.publish, can.subscribe, can.signal, can.force_disconnect, can.force_unpublish, can.force_mute]
    }

    #[test]
    fn a_role_allows_what_opentoks_documents_say() {
        for setting in [false, true] {
            assert_eq!(bits(Role::Publisher, setting), [1, 1, 1, 0, 0, 0]);
            assert_eq!(bits(Role::PublisherOnly, setting), [1, 0, 0, 0, 0, 0]);
            assert_eq!(bits(Role::Moderator, setting), [1, 1, 1, 1, 1, 1]);
        }
        assert_eq!(bits(Role::Subscriber, false), [0, 1, 0, 0, 0, 0]);
        assert_eq!(bits(Role::Subscriber, true), [0, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn roles_and_capabilities_have_opentoks_names() {
        let names = [Role::Subscriber, Role::Publisher, Role::PublisherOnly, Role::Moderator];
        assert_eq!(
            serde_json::to_string(&names).unwrap(),
            r#"["subscriber","publisher","publisheronly","moderator"]"#
        );
        assert_eq!(
            serde_json::to_string(&Role::default().capabilities(false)).unwrap(),
            r#"{"publish":1,"subscribe":1,"signal":1,"forceDisconnect":0,"forceUnpublish":0,"forceMute":0}"#
        );
    }
}
