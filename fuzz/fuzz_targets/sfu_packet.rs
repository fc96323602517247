//! Packets from anywhere: each behind a byte with its length.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use arbiter_fuzz::sfu::{Sfu, let_connections_fall};
use arbiter_sfu::room::Protocol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: let_connections_fall(), |bytes: &[u8]| {
    let mut sfu = Sfu::new();
    let source = SocketAddr::from(([192, 0, 2, 1], 9));
    let mut rest = bytes;
    while let Some((length, packets)) = rest.split_first() {
        let (packet, after) = packets.split_at(packets.len().min(usize::from(*length)));
        for proto in [Protocol::Udp, Protocol::Tcp] {
            sfu.room.handle_packet(sfu.now, proto, source, packet);
        }
        sfu.pass(Duration::from_millis(20));
        rest = after;
    }
});
