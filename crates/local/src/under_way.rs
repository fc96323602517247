//! What has come in and is not done: a test that waits until nothing is under way knows that everything has settled.

use std::sync::Arc;

/// Counts pieces of work: messages, also while a fault holds them back, and the ends of sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Arc<()>);

/// A piece of work, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Piece {
    _counted: Arc<()>,
}

impl UnderWay {
    /// Another piece of work.
    pub(crate) fn begin(&self) -> Piece {
        Piece { _counted: Arc::clone(&self.0) }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_until_it_is_dropped() {
        let under_way = UnderWay::default();
        let piece = under_way.begin();
        let _other = under_way.begin();
        assert_eq!(under_way.count(), 2);
        drop(piece);
        assert_eq!(under_way.count(), 1);
    }
}
