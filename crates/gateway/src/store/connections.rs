//! The rows of connections that have not identified.

use model::connection::Connection;
use model::stamp::Stamp;

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
