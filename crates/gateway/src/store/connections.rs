//! The rows of connections that have not identified.

use model::connection::Connection;
use model::room::IDENTIFY_WITHIN;
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::tables::Store;
use super::write::{Write, Written, connection_key};
use crate::failure::Failure;

impl Store {
    /// Writes the row of a new connection.
    ///
    /// Race: API Gateway may deliver `$connect` again; the second put is refused, so that it cannot wipe an
    /// identity that was written since. Both are answered alike.
    pub async fn connect(&self, connection: &Connection) -> Result<(), Failure> {
        let key = connection_key(&connection.stamp.connection_id);
        let put = Write::put(&self.connections, key, connection).when("attribute_not_exists(#connectionId)");
        match self.put(put).await? {
            Written::Done | Written::Refused => Ok(()),
        }
    }

    /// Whether a connection has been open for longer than [`IDENTIFY_WITHIN`] and has never identified: one read, when it is
    /// that old. One that has identified and left may do so again; one that has lost its row may not.
    pub async fn is_overdue(&self, stamp: &Stamp, now: EpochMillis) -> Result<bool, Failure> {
        if stamp.connected_at.plus(IDENTIFY_WITHIN) > now {
            return Ok(false);
        }
        let row = self.connection(&stamp.connection_id).await?;
        Ok(row.is_none_or(|row| row.identity.is_none() && row.person.is_none()))
    }

    /// Deletes the row of a connection that has not identified.
    ///
    /// Race: an identify may have come between the read and this. Then nothing is deleted, and the caller has to
    /// read again: [`Written::Refused`].
    pub(super) async fn delete_unidentified(&self, stamp: &Stamp) -> Result<Written, Failure> {
        let delete = Write::delete(&self.connections, connection_key(&stamp.connection_id))
            .when("attribute_not_exists(#kind)");
        self.delete(delete).await
    }

    /// Deletes the row of a connection, whoever it is: its place in its room is somebody else's by now.
    pub(super) async fn delete_connection(&self, stamp: &Stamp) -> Result<(), Failure> {
        match self.delete(Write::delete(&self.connections, connection_key(&stamp.connection_id))).await? {
            Written::Done | Written::Refused => Ok(()),
        }
    }
}
