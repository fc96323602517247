//! Every socket is cut, again and again.

use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::Kind;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cut {
    every_ms: u64,
}

impl Kind for Cut {
    const NAME: &'static str = "cut";
    const MEMBERS: &'static [&'static str] = &["everyMs"];
    type Site = Infallible;

    fn strikes(&self, nowhere: &Infallible) -> bool {
        match *nowhere {}
    }

    fn check(&self, _: Option<&str>) -> Result<(), &'static str> {
        if self.every_ms == 0 { Err("everyMs is above 0") } else { Ok(()) }
    }

    fn interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.every_ms))
    }
}
