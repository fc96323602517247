//! The STUN binding request (RFC 8489), and the reflexive address in its response.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const MAPPED_ADDRESS: u16 = 0x0001;

pub(super) fn request(id: [u8; 12]) -> Vec<u8> {
    [&BINDING_REQUEST[..], &[0, 0], &MAGIC, &id].concat()
}

/// The address in the answer to the request of that id.
pub(super) fn response(bytes: &[u8], id: [u8; 12]) -> Option<SocketAddr> {
    let (head, mut attributes) = bytes.split_at_checked(20)?;
    let ours = [&MAGIC[..], &id].concat();
    if !head.starts_with(&BINDING_SUCCESS) || !head.ends_with(&ours) {
        return None;
    }
    let mut plain = None;
    while let Some(([kind_high, kind_low, high, low], rest)) = attributes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let value = rest.get(..length)?;
        match u16::from_be_bytes([*kind_high, *kind_low]) {
            XOR_MAPPED_ADDRESS => return address(value, &ours),
            MAPPED_ADDRESS => plain = address(value, &[0; 16]),
            _ => {}
        }
        attributes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    plain
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
}
