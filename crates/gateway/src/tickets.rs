//! Who may open a socket (`ConnectTickets`), decided without a table: `$connect` is the one route that strangers meet.

use aws_config::SdkConfig;
use model::claims::LEEWAY_SECONDS;
use model::id::RoomId;
use model::ticket::{Admits, MAX_TICKET_BYTES, TicketClaims};
use model::time::EpochMillis;

use crate::auth::{Denied, Keys};
use crate::config;
use crate::failure::Failure;

/// An SFU's end is not known when it is started, and its room is over when it is gone: the year 2100.
const SFU_EXP: u64 = 4_102_444_800;

/// The stack's `ConnectTickets`.
#[derive(Debug)]
pub enum Tickets {
    /// Anybody may open a socket.
    Open,
    /// A ticket is needed, which one of these keys has signed.
    Required(Keys),
}

impl Tickets {
    /// Reads `CONNECT_TICKETS` and, for `yes`, the keys in the secret `TICKET_SECRET_ARN`.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the secret could not be read.
    pub async fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        if config::flag("CONNECT_TICKETS")? {
            Ok(Self::Required(Keys::read(config, "TICKET_SECRET_ARN").await?))
        } else {
            Ok(Self::Open)
        }
    }

    /// Where a ticket admits its bearer to; anywhere (`None`), if none is needed. `client` is the `ticket` of the URL, `sfu`
    /// its `token`: an SFU's secret is its ticket as well.
    ///
    /// # Errors
    /// [`Denied::Unauthorized`] without a ticket, or with one that is forged, over, too long or another kind's.
    pub async fn admit(
        &self,
        client: Option<&str>,
        sfu: Option<&str>,
        now: EpochMillis,
    ) -> Result<Option<Admits>, Denied> {
        let Self::Required(keys) = self else { return Ok(None) };
        let ticket = client.or(sfu).filter(|ticket| ticket.len() <= MAX_TICKET_BYTES);
        let claims: TicketClaims = keys.verify(ticket.ok_or(Denied::Unauthorized)?).await?;
        let is_sfus = matches!(claims.admits, Admits::Sfu(_));
        // Both clocks may be off by the leeway.
        let latest = EpochMillis(now.0.saturating_add(LEEWAY_SECONDS * 1000));
        if is_sfus == client.is_some() || !claims.is_short(latest) {
            return Err(Denied::Unauthorized);
        }
        Ok(Some(claims.admits))
    }

    /// The secret of a room's SFU, from one that is random: where tickets are needed it is signed.
    ///
    /// # Errors
    /// When there is no key.
    pub async fn for_sfu(&self, room: &RoomId, secret: String) -> Result<String, Failure> {
        #[derive(serde::Serialize)]
        struct Claims<'a> {
            #[serde(flatten)]
            ticket: TicketClaims,
            jti: &'a str,
        }
        match self {
            Self::Open => Ok(secret),
            Self::Required(keys) => {
                let ticket = TicketClaims { exp: SFU_EXP, admits: Admits::Sfu(room.clone()) };
                keys.sign(&Claims { ticket, jti: &secret }).await
            }
        }
    }
}
