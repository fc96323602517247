//! Percentiles, and how figures are written.

use std::time::Duration;

/// A sorted sample.
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// Takes any values.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Takes durations, in milliseconds.
    pub(crate) fn of_times(times: impl IntoIterator<Item = Duration>) -> Self {
        Self::new(times.into_iter().map(|time| time.as_secs_f64() * 1e3))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest value that `permille` of 1,000 values do not exceed (nearest rank); `None` of an empty sample,
    /// or one too small to have such a percentile at all.
    pub(crate) fn at(&self, permille: usize) -> Option<f64> {
        let rank = (self.0.len() * permille).div_ceil(1000);
        let exists = permille <= 500 || permille == 1000 || self.0.len() * (1000 - permille) >= 1000;
        self.0.get(rank.max(1) - 1).copied().filter(|_| exists)
    }

    fn text(value: Option<f64>) -> String {
        value.map_or_else(|| "–".into(), |value| format!("{value:.2}"))
    }

    pub(crate) fn p50(&self) -> String {
        Self::text(self.at(500))
    }

    pub(crate) fn p99(&self) -> String {
        Self::text(self.at(990))
    }

    pub(crate) fn p999(&self) -> String {
        Self::text(self.at(999))
    }

    pub(crate) fn min(&self) -> String {
        Self::text(self.0.first().copied())
    }

    pub(crate) fn max(&self) -> String {
        Self::text(self.0.last().copied())
    }
}

/// A number with commas between the thousands.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_and_only_where_there_are_enough_values() {
        let sample = Sample::new((1..=1000).rev().map(f64::from));
        assert_eq!(
            (sample.p50(), sample.p99(), sample.p999()),
            ("500.00".into(), "990.00".into(), "999.00".into())
        );
        assert_eq!(Sample::new([2.0, 1.0]).p50(), "1.00");
        assert_eq!(Sample::new([2.0, 1.0]).p99(), "–");
        assert_eq!(Sample::new([]).p50(), "–");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([7, 1000, 123_456].map(grouped), ["7", "1,000", "123,456"]);
    }
}
