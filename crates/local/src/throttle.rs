//! Throttling of routes: a token bucket each, as a stage's settings say.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use crate::sync::lock;
use crate::template::stack::{Limit, Throttling};

/// The buckets of one API. A key is created at its first use, and only routes of the template are keys.
pub(crate) struct Throttle {
    /// `None`: everything is admitted.
    settings: Option<Throttling>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    pub(crate) fn new(settings: Option<Throttling>) -> Self {
        let settings = settings.filter(|settings| settings.default.is_some() || !settings.routes.is_empty());
        Self { settings, buckets: Mutex::default() }
    }

    /// Takes a token for `route`; false when there is none.
    pub(crate) fn admits(&self, route: &str) -> bool {
        self.admits_at(route, Instant::now())
    }

    fn admits_at(&self, route: &str, now: Instant) -> bool {
        let limit = self.settings.as_ref().and_then(|all| all.routes.get(route).copied().or(all.default));
        let Some(Limit { burst, rate }) = limit else { return true };
        let mut buckets = lock(&self.buckets);
        if !buckets.contains_key(route) {
            buckets.insert(route.to_owned(), Bucket { tokens: f64::from(burst), filled: now });
        }
        let Some(bucket) = buckets.get_mut(route) else { return true };
        let earned = now.saturating_duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + earned).min(f64::from(burst));
        bucket.filled = now;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_holds_a_burst_and_fills_at_its_rate() {
        let limit = Limit { burst: 2, rate: 10.0 };
        let routes = [("a".to_owned(), limit)].into();
        let throttle = Throttle::new(Some(Throttling { default: None, routes }));
        let start = Instant::now();
        let admitted = |ms| throttle.admits_at("a", start + Duration::from_millis(ms));
        assert_eq!([admitted(0), admitted(0), admitted(0)], [true, true, false]);
        assert_eq!([admitted(50), admitted(110), admitted(111)], [false, true, false]);
        assert!((0..100).all(|_| throttle.admits("b")));
        assert!(Throttle::new(None).admits("a"));
    }
}
