//! Makes one stream of several: a receiver gets each track as a single stream, whichever encoding is chosen
//! and whichever connection its producer sends on.
//!
//! Sequence numbers, timestamps and the counters of VP8 go on where they were when the source changes, and a
//! change of source waits for a key frame.

use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::rtp::{Ssrc, Vp8Descriptor, Vp8Patch};

use super::ids::LinkId;

/// A stream of a producer: its connection and its SSRC there.
pub(crate) type Source = (LinkId, Ssrc);

pub(crate) struct Packet<'a> {
    pub(crate) source: Source,
    /// Extended sequence number.
    pub(crate) seq: u64,
    pub(crate) time: u32,
    /// When it came.
    pub(crate) at: Instant,
    pub(crate) codec: Codec,
    /// A decoder can begin with it.
    pub(crate) key: bool,
    pub(crate) payload: &'a [u8],
}

/// What a packet becomes.
#[derive(Debug, PartialEq)]
pub(crate) struct Rewritten {
    /// Begins below 65,536: a receiver cannot know of an earlier rollover (RFC 3711 §3.3.1).
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) vp8: Option<Vp8Patch>,
}

/// The stream to one receiver of one track.
#[derive(Debug, Default)]
pub(crate) struct Rewriter {
    current: Option<Current>,
    /// The source that is to be sent instead, from its next key frame on.
    wanted: Option<Source>,
    last: Last,
}

/// The source that is being sent.
#[derive(Debug)]
struct Current {
    source: Source,
    seq: Offset<u64>,
    time: Offset<u32>,
    picture: Offset<u16>,
    base_layer: Offset<u8>,
}

/// Where a counter was when the source became current, in the source's terms and in the receiver's.
#[derive(Debug)]
struct Offset<T> {
    from: T,
    to: T,
}

/// The highest counters that the receiver has been sent.
#[derive(Debug, Default)]
struct Last {
    seq: u64,
    time: u32,
    at: Option<Instant>,
    picture: u16,
    base_layer: u8,
}

impl Rewriter {
    /// The source that is being sent.
    pub(crate) fn current(&self) -> Option<Source> {
        self.current.as_ref().map(|current| current.source)
    }

    /// The source that is being waited for.
    pub(crate) fn wanted(&self) -> Option<Source> {
        self.wanted
    }

    /// Another source is to be sent. Answers whether it needs a key frame for that.
    pub(crate) fn want(&mut self, source: Source) -> bool {
        self.wanted = (self.current() != Some(source)).then_some(source);
        self.wanted.is_some()
    }

    /// Pauses the stream. It resumes as with another source, even with the same one: the receiver could
    /// neither decode pictures that depend on ones it was not sent, nor may it request the packets that were
    /// left out.
    pub(crate) fn pause(&mut self) {
        (self.current, self.wanted) = (None, None);
    }

    /// The packet as it goes to the receiver, or nothing if it does not.
    pub(crate) fn rewrite(&mut self, packet: &Packet<'_>, clock: u32) -> Option<Rewritten> {
        let vp8 = (packet.codec == Codec::Vp8).then(|| Vp8Descriptor::parse(packet.payload).ok()).flatten();
        if self.wanted == Some(packet.source) && packet.key {
            self.switch(packet, vp8.as_ref(), clock);
        }
        let current = self.current.as_ref().filter(|current| current.source == packet.source)?;
        // Packets older than the key frame with which the source began are not for this receiver.
        let seq = current.seq.to + packet.seq.checked_sub(current.seq.from)?;
        let time = current.time.to.wrapping_add(packet.time.wrapping_sub(current.time.from));
        let newest = seq > self.last.seq || self.last.at.is_none();
        if newest {
            (self.last.seq, self.last.time, self.last.at) = (seq, time, Some(packet.at));
        }
        let vp8 = match vp8 {
            Some(descriptor) => {
                let patched = Patched::new(&descriptor, current);
                if newest {
                    self.last.picture = patched.picture.unwrap_or(self.last.picture);
                    self.last.base_layer = patched.base_layer.unwrap_or(self.last.base_layer);
                }
                patched.build(&descriptor)
            }
            None => None,
        };
        Some(Rewritten { seq, time, vp8 })
    }

    fn switch(&mut self, packet: &Packet<'_>, vp8: Option<&Vp8Descriptor>, clock: u32) {
        let elapsed = self.last.at.map(|at| packet.at.saturating_duration_since(at));
        let time = elapsed.map_or(packet.time, |elapsed| self.last.time.wrapping_add(ticks(elapsed, clock)));
        self.current = Some(Current {
            source: packet.source,
            seq: Offset { from: packet.seq, to: self.last.seq + 1 },
            time: Offset { from: packet.time, to: time },
            picture: Offset {
                from: vp8.and_then(Vp8Descriptor::picture_id).unwrap_or_default(),
                to: self.last.picture.wrapping_add(1),
            },
            base_layer: Offset {
                from: vp8.and_then(Vp8Descriptor::tl0_pic_idx).unwrap_or_default(),
                to: self.last.base_layer.wrapping_add(1),
            },
        });
        self.wanted = None;
    }
}

/// `elapsed` as RTP time. At least 1, or two frames would have the same timestamp.
fn ticks(elapsed: Duration, clock: u32) -> u32 {
    let ticks = elapsed.as_micros() * u128::from(clock) / 1_000_000;
    u32::try_from(ticks % (1 << 32)).unwrap_or_default().max(1)
}

/// The counters of VP8 (RFC 7741 §4.2) in the receiver's terms.
struct Patched {
    picture: Option<u16>,
    base_layer: Option<u8>,
}

impl Patched {
    fn new(descriptor: &Vp8Descriptor, current: &Current) -> Self {
        let moved = |id: u16| current.picture.to.wrapping_add(id.wrapping_sub(current.picture.from)) & 0x7fff;
        let layer =
            |index: u8| current.base_layer.to.wrapping_add(index.wrapping_sub(current.base_layer.from));
        Self { picture: descriptor.picture_id().map(moved), base_layer: descriptor.tl0_pic_idx().map(layer) }
    }

    fn build(&self, descriptor: &Vp8Descriptor) -> Option<Vp8Patch> {
        let patch = |mask: u16| {
            let mut patch = descriptor.patch();
            if let Some(picture) = self.picture {
                patch = patch.picture_id(picture & mask);
            }
            if let Some(base_layer) = self.base_layer {
                patch = patch.tl0_pic_idx(base_layer);
            }
            patch.build().ok()
        };
        // A sender that counts to 127 only gets the lower bits of the same count.
        patch(0x7fff).or_else(|| patch(0x7f))
    }
}
