//! What every kind of fault has to say.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of fault: its fields are the members that it takes in JSON.
pub(crate) trait Kind: Clone + DeserializeOwned + Serialize + Send + 'static {
    /// The value of the member `fault`.
    const NAME: &'static str;
    /// The members that it takes beside those that all faults take.
    const MEMBERS: &'static [&'static str];
    /// What is known where it may strike.
    type Site: ?Sized;

    fn strikes(&self, site: &Self::Site) -> bool;

    /// Checks what the types of the fields leave open; a fault may be limited to a function.
    ///
    /// # Errors
    ///
    /// What is wrong.
    fn check(&self, _function: Option<&str>) -> Result<(), &'static str> {
        Ok(())
    }

    /// For a fault that needs no site: the interval at which it strikes by itself.
    fn interval(&self) -> Option<Duration> {
        None
    }
}
