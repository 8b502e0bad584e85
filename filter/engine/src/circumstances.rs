//! What a call carries beside its principal.

use std::net::{IpAddr, SocketAddr};

use crate::id::Time;

/// What a call carries beside its principal, and rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The id of the one workspace that the call belongs to.
    pub workspace: &'a str,
    /// Where its peer is. `None`: that is not known.
    pub source: Option<IpAddr>,
    /// When it is judged.
    pub now: Time,
}

/// The address in a peer's `ip:port`, as proxies write it. An IPv4 address that is mapped into IPv6
/// (RFC 4291 section 2.5.5.2) comes back as the IPv4 address.
pub fn peer_address(peer: &str) -> Option<IpAddr> {
    let peer: SocketAddr = peer.parse().ok()?;
    Some(peer.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_spelling_of_a_peer() {
        for (peer, expected) in [
            ("10.0.0.7:41234", Some("10.0.0.7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("[::ffff:10.0.0.7]:443", Some("10.0.0.7")),
            ("10.0.0.7", None),
            ("10.0.0.07:1", None),
            ("/run/peer.sock", None),
            ("", None),
        ] {
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(peer_address(peer), expected, "{peer}");
        }
    }
}
