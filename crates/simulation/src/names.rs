//! What things are called.

/// The endpoint of the management API. Every other service has [`SERVICES`].
pub(crate) const MANAGEMENT: &str = "http://management.test/prod";
pub(crate) const SERVICES: &str = "http://services.test";
pub(crate) const TIMERS: &str = "http://services.test/timers";
pub(crate) const REFILLS: &str = "http://services.test/refills";
pub(crate) const PROJECTS: &str = "simulated/project/";
pub(crate) const MAX_ROOMS: usize = 4;
/// The only project, and its secret.
pub(crate) const PROJECT: (&str, &str) = ("47000001", "secret-of-47000001-0123456789abcdef");
