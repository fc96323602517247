//! What the targets have in common: the judge that the property tests use.

#[path = "../../crates/model/tests/parsing/accepted.rs"]
mod accepted;

pub mod sfu;

/// A fuzzer finds our sentences in the executable, and sends them.
const KNOWS_OUR_SENTENCES: bool = true;

/// Has every parser read `body` and checks what they say of it; see `accepted.rs`.
pub fn judge(body: &str) {
    accepted::accepted(body);
}

/// The same for a `data`, in a request with `action`.
pub fn judge_data(action: &str, data: &str) {
    judge(&format!(r#"{{"action":"{action}","requestId":"r","data":{data}}}"#));
}
