//! The tracks in the SFU's own offers.

use super::places::several_of_a_kind;

/// Replaces the stream and track ids (`a=msid`) in each section of str0m's offer by those of `tracks`, one
/// per section. str0m writes the ids that a section had first, even where nothing is sent any more, so that
/// two sections might have the same, which browsers refuse.
pub(crate) fn with_tracks<'a>(sdp: &str, tracks: impl Iterator<Item = Option<(&'a str, &'a str)>>) -> String {
    let mut tracks = tracks.fuse();
    let mut offer = String::with_capacity(sdp.len());
    let lines = || sdp.split_inclusive("\r\n");
    let kinds = lines().filter(|line| line.starts_with("m=") && !line.contains(" 0 "));
    let everywhere = several_of_a_kind(kinds.map(|line| line.split(' ').next()));
    let is_candidate =
        |line: &&str| line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates");
    let candidates: Vec<&str> = lines().filter(is_candidate).collect();
    // str0m writes candidates in the first section only.
    let (mut sections, mut closed) = (0, false);
    for line in lines() {
        if line.starts_with("m=") {
            (sections, closed) = (sections + 1, line.contains(" 0 "));
        }
        let is_ids = line.starts_with("a=msid:") || (line.starts_with("a=ssrc:") && line.contains(" msid:"));
        let is_source = line.starts_with("a=ssrc:") || line.starts_with("a=ssrc-group:");
        if !(is_ids || closed && is_source) {
            offer.push_str(line);
        }
        if line.starts_with("a=mid:") {
            if everywhere && sections > 1 && !closed {
                offer.extend(candidates.iter().copied());
            }
            // A section without a track keeps its SSRCs, and a pair of these must have a track's id: libwebrtc refuses it without,
            // and never again shows what comes from an SSRC that was not named for a while.
            let mid = line.trim_end().trim_start_matches("a=mid:");
            let ids = tracks.next().flatten().or((!closed).then_some(("-", mid)));
            if let Some((stream, track)) = ids {
                for words in ["a=msid:", stream, " ", track, "\r\n"] {
                    offer.push_str(words);
                }
            }
        }
    }
    offer
}
