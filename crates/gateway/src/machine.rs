//! What a function has from the machine that it runs on: its settings, the time, chance, and connections to AWS.
//!
//! A simulation (`crates/simulation`) runs functions on machines of its own.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use model::time::EpochMillis;
use rand::TryRng;
use rand::rngs::ThreadRng;

/// A machine that is not the real one.
pub trait Machine: fmt::Debug + Send + Sync {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The present, by this machine's clock.
    fn now(&self) -> EpochMillis;

    /// Bytes that nobody can foresee who does not know the simulation's seed.
    fn fill(&self, bytes: &mut [u8]);

    /// Where calls to AWS go.
    fn connector(&self) -> SharedHttpConnector;
}

tokio::task_local! {
    static MACHINE: Arc<dyn Machine>;
}

/// Runs a function, or a part of it, on a machine.
pub async fn on<F: Future>(machine: Arc<dyn Machine>, function: F) -> F::Output {
    MACHINE.scope(machine, function).await
}

/// Chance: the real machine's, cryptographically secure, or a simulation's.
#[derive(Debug)]
pub struct Chance(Source);

#[derive(Debug)]
enum Source {
    Thread(ThreadRng),
    Machine(Arc<dyn Machine>),
}

/// Where everything comes from that is drawn: ids, secrets, jitter, and who is chosen.
#[must_use]
pub fn chance() -> Chance {
    Chance(
        simulated(|machine| Source::Machine(Arc::clone(machine)))
            .unwrap_or_else(|| Source::Thread(rand::rng())),
    )
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match &mut self.0 {
            Source::Thread(rng) => rng.try_fill_bytes(bytes),
            Source::Machine(machine) => {
                machine.fill(bytes);
                Ok(())
            }
        }
    }
}

/// An environment variable; `None` also if it is empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = simulated(|machine| machine.variable(name)).unwrap_or_else(|| std::env::var(name).ok());
    value.filter(|value| !value.is_empty())
}

/// The present.
pub(crate) fn now() -> EpochMillis {
    simulated(|machine| machine.now()).unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        EpochMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// Where calls to AWS go instead.
pub(crate) fn connector() -> Option<SharedHttpConnector> {
    simulated(|machine| machine.connector())
}

fn simulated<T>(ask: impl FnOnce(&Arc<dyn Machine>) -> T) -> Option<T> {
    MACHINE.try_with(ask).ok()
}
