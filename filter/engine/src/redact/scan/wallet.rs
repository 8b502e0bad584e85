//! Addresses of Bitcoin and Ethereum.

use sha2::{Digest as _, Sha256};

use super::{
    bytes::{at, part},
    hunt::Hunt,
    words::Topics,
};
use crate::redact::Detector;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

impl Hunt<'_> {
    /// Whether a word is one, and noted.
    pub(super) fn wallet(&mut self, start: usize, end: usize) -> bool {
        let word = part(self.bytes, start..end);
        let is_one = match (at(word, 0), word.len()) {
            (b'1' | b'3', 25..=35) => base58check(word),
            (b'b' | b't' | b'B', 14..=90) => {
                (word.starts_with(b"bc1") || word.starts_with(b"tb1") || word.starts_with(b"BC1"))
                    && bech32(word)
            }
            (b'0', 42) => {
                at(word, 1) | 0x20 == b'x'
                    && part(word, 2..42).iter().all(u8::is_ascii_hexdigit)
                    && !self.label(start).nearest.has(Topics::HASH)
            }
            _ => false,
        };
        is_one && self.found(Detector::CryptoWallet, start..end)
    }
}

/// 25 bytes in base 58, the last four of which are a checksum.
fn base58check(word: &[u8]) -> bool {
    let mut decoded = [0_u8; 25];
    for byte in word {
        let Some(digit) = memchr::memchr(*byte, BASE58) else {
            return false;
        };
        let mut carry = u32::try_from(digit).unwrap_or(0);
        for place in decoded.iter_mut().rev() {
            carry = carry.wrapping_add(u32::from(*place).wrapping_mul(58));
            *place = carry.to_le_bytes().first().copied().unwrap_or(0);
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (payload, checksum) = decoded.split_at_checked(21).unwrap_or_default();
    let digest = Sha256::digest(Sha256::digest(payload));
    digest.starts_with(checksum)
}

/// BIP 173 and BIP 350, of the Bitcoin networks.
fn bech32(word: &[u8]) -> bool {
    let lower = word.iter().any(u8::is_ascii_lowercase);
    if lower && word.iter().any(u8::is_ascii_uppercase) {
        return false;
    }
    let mut check = 1_u32;
    let mut mix = |value: u32| {
        const GENERATORS: [u32; 5] = [
            0x3B6A_57B2,
            0x2650_8E6D,
            0x1EA1_19FA,
            0x3D42_33DD,
            0x2A14_62B3,
        ];
        let top = check >> 25;
        check = ((check & 0x1FF_FFFF) << 5) ^ value;
        for (bit, generator) in GENERATORS.iter().enumerate() {
            if (top >> bit) & 1 == 1 {
                check ^= generator;
            }
        }
    };
    let prefix = part(word, 0..2).to_ascii_lowercase();
    for byte in &prefix {
        mix(u32::from(byte >> 5));
    }
    mix(0);
    for byte in &prefix {
        mix(u32::from(byte & 31));
    }
    for byte in word.iter().skip(3) {
        match memchr::memchr(byte.to_ascii_lowercase(), BECH32) {
            Some(value) => mix(u32::try_from(value).unwrap_or(0)),
            None => return false,
        }
    }
    matches!(check, 1 | 0x2BC8_30A3)
}
