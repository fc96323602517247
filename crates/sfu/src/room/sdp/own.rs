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
    let (mut sections, mut closed, mut empty) = (0, false, false);
    for line in lines() {
        if line.starts_with("m=") {
            (sections, closed, empty) = (sections + 1, line.contains(" 0 "), false);
        }
        let is_ids = line.starts_with("a=msid:") || (line.starts_with("a=ssrc:") && line.contains(" msid:"));
        // libwebrtc refuses a pair of SSRCs without a track.
        let is_source = line.starts_with("a=ssrc:") || line.starts_with("a=ssrc-group:");
        if !(is_ids || empty && is_source) {
            offer.push_str(line);
        }
        if line.starts_with("a=mid:") {
            if everywhere && sections > 1 && !closed {
                offer.extend(candidates.iter().copied());
            }
            let ids = tracks.next().flatten();
            empty = ids.is_none();
            if let Some((stream, track)) = ids {
                for words in ["a=msid:", stream, " ", track, "\r\n"] {
                    offer.push_str(words);
                }
            }
        }
    }
    offer
}
