//! `roster`.

use super::envelope::Data;
use super::fields;
use crate::error::Error;
use crate::id::{InvalidId, PeerId};
use crate::json;
use crate::roster::{AskRoster, MAX_ASKED};

/// Reads `{roomId, peers}`.
///
/// # Errors
/// `bad_message` or `too_large`, which name the field.
pub(super) fn read(data: &Data<'_>) -> Result<AskRoster, Error> {
    let room = fields::required("roomId", fields::id(&data.object, "roomId")?)?;
    let listed = fields::required("peers", fields::get(&data.object, "peers")?)?;
    let listed = json::array(listed).filter(|listed| !listed.is_empty());
    let listed =
        listed.ok_or(Error::BadMessage { field: "peers", allowed: "must be an array of 1 to 64 ids" })?;
    if listed.len() > MAX_ASKED {
        return Err(Error::TooLarge { field: "peers", allowed: "at most 64 ids" });
    }
    let mut peers = Vec::with_capacity(listed.len());
    for id in listed {
        let id = json::text(id).ok_or(InvalidId).and_then(PeerId::try_from);
        let id = id.map_err(|InvalidId| Error::BadMessage {
            field: "peers",
            allowed: "must be ids: 1 to 128 characters of A-Z a-z 0-9 _ . : = -",
        })?;
        // DynamoDB refuses a batch that names an item twice.
        if peers.contains(&id) {
            return Err(Error::BadMessage { field: "peers", allowed: "must be different ids" });
        }
        peers.push(id);
    }
    Ok(AskRoster { room, peers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::envelope::Envelope;

    fn parse(data: &str) -> Result<AskRoster, String> {
        let body = format!(r#"{{"action":"roster","data":{data}}}"#);
        let envelope = Envelope::parse(&body).unwrap();
        read(&envelope.data().unwrap()).map_err(|error| format!("{} {}", error.code(), error.message()))
    }

    #[test]
    fn an_sfu_asks_for_some_of_its_people() {
        let asked = parse(r#"{"roomId":"r","peers":["p","q"]}"#).unwrap();
        assert_eq!((asked.room.as_str(), asked.peers.len(), asked.peers[1].as_str()), ("r", 2, "q"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = |n: usize| (0..n).map(|n| format!("\"p{n}\"")).collect::<Vec<_>>().join(",");
        assert!(parse(&format!(r#"{{"roomId":"r","peers":[{}]}}"#, many(64))).is_ok());
        let refused = |data: &str| parse(data).unwrap_err();
        let too_many = refused(&format!(r#"{{"roomId":"r","peers":[{}]}}"#, many(65)));
        assert_eq!(too_many, "too_large peers: at most 64 ids");
        assert_eq!(refused(r#"{"peers":["p"]}"#), "bad_message roomId: is required");
        assert_eq!(refused(r#"{"roomId":"r"}"#), "bad_message peers: is required");
        for peers in ["[]", "{}", r#""p""#] {
            let said = refused(&format!(r#"{{"roomId":"r","peers":{peers}}}"#));
            assert_eq!(said, "bad_message peers: must be an array of 1 to 64 ids", "{peers}");
        }
        for peers in [r#"["a b"]"#, "[7]", r#"["p",null]"#] {
            let said = refused(&format!(r#"{{"roomId":"r","peers":{peers}}}"#));
            assert!(said.starts_with("bad_message peers: must be ids"), "{said}");
        }
        assert_eq!(
            refused(r#"{"roomId":"r","peers":["p","\u0070"]}"#),
            "bad_message peers: must be different ids"
        );
    }
}
