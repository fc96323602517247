//! The tracks in the SFU's own offers.

/// Says of each media section of an offer which track is sent in it, in place of what str0m says: it keeps the ids that a
/// section had first, and repeats those of sections in which nothing is sent any more, so that two might have the same,
/// which browsers refuse. `tracks` has the stream and the track of each section, in their order.
pub(crate) fn with_tracks<'a>(sdp: &str, tracks: impl Iterator<Item = Option<(&'a str, &'a str)>>) -> String {
    let mut tracks = tracks.fuse();
    let mut offer = String::with_capacity(sdp.len());
    for line in sdp.split_inclusive("\r\n") {
        let is_ids = line.starts_with("a=msid:") || (line.starts_with("a=ssrc:") && line.contains(" msid:"));
        if !is_ids {
            offer.push_str(line);
        }
        if line.starts_with("a=mid:")
            && let Some((stream, track)) = tracks.next().flatten()
        {
            for words in ["a=msid:", stream, " ", track, "\r\n"] {
                offer.push_str(words);
            }
        }
    }
    offer
}
