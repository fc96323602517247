//! The rows of connections that are nobody yet.

use model::item::Connection;
use model::life::Life;

use super::Store;
use super::write::{Write, Written, connection_key};
use crate::failure::Failure;

impl Store {
    /// Writes the row of a new connection.
    ///
    /// Race: API Gateway may deliver `$connect` again; the second put is refused, so that it cannot wipe an
    /// identity that was written since. Both are answered alike.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn connect(&self, connection: &Connection) -> Result<(), Failure> {
        let key = connection_key(&connection.life.connection_id);
        let put = Write::put(&self.connections, key, connection).when("attribute_not_exists(#connectionId)");
        match self.put(put).await? {
            Written::Done | Written::Refused => Ok(()),
        }
    }

    /// Deletes the row of a connection that is nobody.
    ///
    /// Race: an identify may have come between the read and this. Then nothing is deleted, and the caller has to
    /// read again: [`Written::Refused`].
    pub(super) async fn forget(&self, life: &Life) -> Result<Written, Failure> {
        let delete = Write::delete(&self.connections, connection_key(&life.connection_id))
            .when("attribute_not_exists(#kind)");
        self.delete(delete).await
    }

    /// Deletes the row of a connection whose place in its room is somebody else's by now.
    pub(super) async fn forget_whoever(&self, life: &Life) -> Result<(), Failure> {
        match self.delete(Write::delete(&self.connections, connection_key(&life.connection_id))).await? {
            Written::Done | Written::Refused => Ok(()),
        }
    }
}
