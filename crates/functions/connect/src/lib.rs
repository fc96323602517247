//! `$connect`: a socket opens, and is written down; it has yet to identify.

use gateway::auth::Denied;
use gateway::clock::Clock;
use gateway::config;
use gateway::edge::{Admission, Connect};
use gateway::failure::Failure;
use gateway::store::Store;
use gateway::tickets::Tickets;
use model::connection::Connection;
use model::room::CONNECTION_LEASE;
use model::secret::SecretHash;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables.
    pub store: Store,
    /// Who may connect from where.
    pub origins: Origins,
    /// `ConnectTickets`.
    pub tickets: Tickets,
    /// The time.
    pub clock: Clock,
}

/// `AllowedOrigins`. It keeps other people's pages from using a visitor's browser; it is no authentication.
#[derive(Debug)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Takes the list; `*` admits all.
    #[must_use]
    pub fn new(list: Vec<String>) -> Self {
        Self(list)
    }

    /// Whether a socket with this `Origin` header may open. Programs that are no browsers send none.
    #[must_use]
    pub fn admit(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| self.0.iter().any(|entry| entry == "*" || entry == origin))
    }
}

impl Deps {
    /// Reads the settings and opens the connection to DynamoDB.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the keys could not be read.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        let store = Store::from_env(&aws)?;
        let tickets = Tickets::from_env(&aws).await?;
        let origins = Origins::new(config::list("ALLOWED_ORIGINS")?);
        store.warm_up().await;
        Ok(Self { store, origins, tickets, clock: Clock::System })
    }
}

/// Writes the connection down, if it may open, which no table is asked for. The room that its ticket names is kept for its
/// identify. The token that an SFU was started with is kept as a hash, to be compared when it
/// identifies.
///
/// # Errors
/// When DynamoDB fails; the upgrade is then refused, and the client tries again.
pub async fn connect(deps: &Deps, connect: Connect) -> Result<Admission, Failure> {
    if !deps.origins.admit(connect.origin.as_deref()) {
        return Ok(Admission::Forbidden);
    }
    let Connect { token, ticket, .. } = &connect;
    let admits = match deps.tickets.admit(ticket.as_deref(), token.as_deref(), deps.clock.now()).await {
        Ok(admits) => admits,
        // `Busy` is said of projects' tokens only.
        Err(Denied::Unauthorized | Denied::Busy) => return Ok(Admission::Unauthorized),
        Err(Denied::Failed(failure)) => return Err(failure),
    };
    let row = Connection {
        expires_at: connect.stamp.connected_at.plus(CONNECTION_LEASE).seconds(),
        stamp: connect.stamp,
        identity: None,
        admits,
        person: None,
        shared: false,
        sfu_token_hash: connect.token.as_deref().map(SecretHash::of),
    };
    deps.store.connect(&row).await?;
    Ok(Admission::Admitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlisted_origin_is_not_admitted() {
        let origins = Origins::new(vec!["https://a.example".into(), "https://b.example".into()]);
        assert!(origins.admit(Some("https://b.example")));
        assert!(origins.admit(None));
        for other in ["https://a.example.evil", "http://a.example", "null", ""] {
            assert!(!origins.admit(Some(other)), "{other}");
        }
        assert!(Origins::new(vec!["*".into()]).admit(Some("https://c.example")));
    }
}
