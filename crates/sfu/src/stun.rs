//! STUN (RFC 8489): the binding request, the reflexive address in its response, and whom a check is for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// The bytes before the attributes.
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const USERNAME: u16 = 0x0006;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const MAPPED_ADDRESS: u16 = 0x0001;

pub(crate) fn request(id: [u8; 12]) -> Vec<u8> {
    [&BINDING_REQUEST[..], &[0, 0], &MAGIC, &id].concat()
}

/// The address in the answer to the request of that id.
pub(crate) fn response(bytes: &[u8], id: [u8; 12]) -> Option<SocketAddr> {
    let (head, rest) = bytes.split_at_checked(HEADER)?;
    let ours = [&MAGIC[..], &id].concat();
    if !head.starts_with(&BINDING_SUCCESS) || !head.ends_with(&ours) {
        return None;
    }
    let mut plain = None;
    for (kind, value) in attributes(rest) {
        match kind {
            XOR_MAPPED_ADDRESS => return address(value, &ours),
            MAPPED_ADDRESS => plain = address(value, &[0; 16]),
            _ => {}
        }
    }
    plain
}

/// The ufrag of the agent that a connectivity check is sent to: what its USERNAME has before the colon
/// (RFC 8445 §7.2.2). Nothing for what has none, and for other packets of the port (RFC 7983 §7).
pub(crate) fn addressee(packet: &[u8]) -> Option<&str> {
    let ([0 | 1, ..], rest) = packet.split_at_checked(HEADER)? else { return None };
    let (_, username) = attributes(rest).find(|(kind, _)| *kind == USERNAME)?;
    std::str::from_utf8(username).ok()?.split_once(':').map(|(addressee, _)| addressee)
}

/// Types and values, as far as they can be read.
fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let ([kind_high, kind_low, high, low], after) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_be_bytes([*kind_high, *kind_low]), after.get(..length)?))
    })
}

/// An address whose port and IP are combined with `mask`.
fn address(value: &[u8], mask: &[u8]) -> Option<SocketAddr> {
    let ([_, family, port @ ..], ip) = value.split_first_chunk::<4>()?;
    let clear =
        |bytes: &[u8]| -> Vec<u8> { bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect() };
    let port = u16::from_be_bytes(clear(port).try_into().ok()?);
    let ip = clear(ip);
    let ip = match family {
        1 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?)),
        2 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample response of RFC 5769 §2.2.
    const SAMPLE: &[u8] = &[
        0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
        0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    ];
    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    #[test]
    fn the_sample_of_the_standard_is_read() {
        assert_eq!(response(SAMPLE, ID), Some("192.0.2.1:32853".parse().unwrap()));
    }

    #[test]
    fn another_s_answer_and_a_broken_one_are_not() {
        assert_eq!(response(SAMPLE, [0; 12]), None);
        for length in 0..SAMPLE.len() {
            assert_eq!(response(&SAMPLE[..length], ID), None, "{length}");
        }
        assert_eq!(response(&request(ID), ID), None);
    }

    /// The sample request of RFC 5769 §2.1, up to its USERNAME.
    const CHECK: &[u8] = &[
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
        0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
        0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
        0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20,
    ];

    #[test]
    fn a_check_names_its_addressee() {
        assert_eq!(addressee(CHECK), Some("evtj"));
        let end = CHECK.len() - 3;
        assert!((0..end).all(|length| addressee(&CHECK[..length]).is_none()), "cut off");
        for (place, byte) in [(0, 0x80), (CHECK.len() - 8, b';'), (CHECK.len() - 12, 0xff)] {
            let mut other = CHECK.to_vec();
            other[place] = byte;
            assert_eq!(addressee(&other), None, "no STUN, no colon, no text: {place}");
        }
        assert_eq!(addressee(&request(ID)), None);
    }
}
