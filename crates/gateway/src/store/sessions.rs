//! What is stored of sessions beside their members.

use model::id::RoomId;
use model::key::Key;
use model::session::Session;
use model::session::issue::Issue;

use super::tables::Store;
use super::write::{Write, Written, room_key};
use crate::failure::Failure;

impl Store {
    /// Writes a new session.
    ///
    /// # Errors
    /// When DynamoDB fails, or the id is taken: it holds 96 random bits.
    pub async fn create_session(&self, id: &RoomId, session: &Session) -> Result<(), Failure> {
        let put =
            Write::put(&self.rooms, room_key(Key::session(id)), session).when("attribute_not_exists(#pk)");
        match self.put(put).await? {
            Written::Done => Ok(()),
            Written::Refused => Err(Failure::new("dynamodb:PutItem", "the session's id is taken")),
        }
    }

    /// Stores an issue under its name, a random one.
    ///
    /// # Errors
    /// When DynamoDB fails, or the name is taken.
    pub async fn report_issue(&self, name: &str, issue: &Issue) -> Result<(), Failure> {
        let put =
            Write::put(&self.rooms, room_key(Key::issue(name)), issue).when("attribute_not_exists(#pk)");
        match self.put(put).await? {
            Written::Done => Ok(()),
            Written::Refused => Err(Failure::new("dynamodb:PutItem", "the issue's name is taken")),
        }
    }
}
