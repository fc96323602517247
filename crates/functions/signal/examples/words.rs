//! The `signal` function for clients that speak another encoding than PROTOCOL's: it is only another codec at the edge.
//! A request is `{"action": "signal", "words": "NAME TYPE TEXT…"}`, an answer is words as well, and so is what members
//! hear whose places say that they speak `words`.
//!
//! `tests/tests/scenarios/codec.rs` runs it.

use gateway::{edge, logging};
use model::codec::json::Json;
use model::codec::{Codec, Codecs, Message};
use model::encoding::Encoding;
use model::error::Error;
use model::id::RequestId;
use model::notice::Notice;
use model::request::{Action, Request};
use model::session::signal::{SendSignal, Signal};
use signal::{deps, signal};

struct Words;

impl Codec for Words {
    fn encoding(&self) -> Encoding {
        Encoding::new("words")
    }

    fn decode<'a>(&self, text: &'a str) -> Message<'a> {
        let words = text.split('"').nth(7).unwrap_or_default();
        let mut words = words.splitn(3, ' ').map(str::to_owned);
        let request_id = words.next().and_then(RequestId::new);
        let (kind, data) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let signal = Signal::new(kind, data).map_err(Error::InvalidSignal);
        let request = signal.map(|signal| Request::Signal(SendSignal { signal, to: None }));
        Message { request_id, action: Some(Action::Signal), request }
    }

    fn encode(&self, notice: &Notice) -> String {
        if let Notice::Ack { request_id } = notice {
            return format!("{} done", request_id.as_str());
        }
        if let Notice::Error { request_id: Some(request_id), code, .. } = notice {
            return format!("{} refused {code}", request_id.as_str());
        }
        if let Notice::Signal { signal } = notice {
            return format!("{} {}", signal.kind, signal.data);
        }
        notice.to_json()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let mut deps = deps().await?;
    deps.app.codecs = Codecs::new(&[&Json, &Words]);
    edge::serve_messages_in(&Words, &deps.app, async |sender, request| {
        let Request::Signal(request) = request else { return Err(Error::UnknownAction) };
        signal(&deps, sender, request).await
    })
    .await
}
