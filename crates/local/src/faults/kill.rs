//! The process of a function is killed.

use serde::{Deserialize, Serialize};

use super::kind::Kind;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kill {
    /// It dies when its call of AWS with this number has been executed and not yet answered; 0: when it is handed the
    /// invocation.
    after_calls: usize,
}

impl Kind for Kill {
    const NAME: &'static str = "kill";
    const MEMBERS: &'static [&'static str] = &["afterCalls"];
    /// The calls that the invocation has made.
    type Site = usize;

    fn strikes(&self, calls: &usize) -> bool {
        self.after_calls == *calls
    }

    fn check(&self, function: Option<&str>) -> Result<(), &'static str> {
        if function.is_none() { Err("name the function") } else { Ok(()) }
    }
}
