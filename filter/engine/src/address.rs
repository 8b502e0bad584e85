//! Ranges of network addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// A range of addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3). IPv4 addresses that are
/// mapped into IPv6 are the IPv4 addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRange {
    network: IpAddr,
    prefix_bits: u8,
}

/// Text that is no range.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressRangeError {
    /// Not an address, `/` and a number of bits.
    #[error("is no address range")]
    Syntax,
    /// More bits than an address has.
    #[error("has a longer prefix than its addresses")]
    Prefix,
    /// Bits beyond the prefix are set, so that it says two things.
    #[error("has bits set beyond its prefix")]
    HostBits,
}

const MAPPED_BITS: u8 = 96;

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (address, prefix) = text.split_once('/').ok_or(AddressRangeError::Syntax)?;
        let address: IpAddr = address
            .parse()
            .map_err(|_no_address| AddressRangeError::Syntax)?;
        let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || (prefix.len() > 1 && prefix.starts_with('0')) {
            return Err(AddressRangeError::Syntax);
        }
        let prefix: u8 = prefix
            .parse()
            .map_err(|_too_long| AddressRangeError::Prefix)?;
        let (network, prefix_bits) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if prefix >= MAPPED_BITS => {
                (mapped, prefix.saturating_sub(MAPPED_BITS))
            }
            _ => (address, prefix),
        };
        if prefix_bits > width(network) {
            return Err(AddressRangeError::Prefix);
        }
        let range = Self {
            network,
            prefix_bits,
        };
        if left_aligned(network) & !range.mask() == 0 {
            Ok(range)
        } else {
            Err(AddressRangeError::HostBits)
        }
    }
}

impl AddressRange {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.network)
            && left_aligned(address) & self.mask() == left_aligned(self.network)
    }

    /// The bits of the prefix, from the left.
    fn mask(&self) -> u128 {
        let rest = u128::BITS.saturating_sub(self.prefix_bits.into());
        u128::MAX.checked_shl(rest).unwrap_or(0)
    }
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The bits of an address, from the left.
fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << MAPPED_BITS,
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_range_whatever_family_it_is_written_in() {
        for (range, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.6", false),
        ] {
            let range: AddressRange = range.parse().unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                expected,
                "{range} {address}"
            );
        }
        for (text, expected) in [
            ("10.0.0.0", AddressRangeError::Syntax),
            ("10.0.0.0/", AddressRangeError::Syntax),
            ("10.0.0.0/08", AddressRangeError::Syntax),
            ("10.0.0/8", AddressRangeError::Syntax),
            ("10.0.0.0/33", AddressRangeError::Prefix),
            ("::/129", AddressRangeError::Prefix),
            ("::/300", AddressRangeError::Prefix),
            ("10.0.0.1/8", AddressRangeError::HostBits),
        ] {
            assert_eq!(text.parse::<AddressRange>(), Err(expected), "{text}");
        }
    }
}
