//! Sealed handles and values: what a server hands out to be shown again, bound to whom it was handed.
//!
//! A session id, a task id or a request state is a bearer of rights: whoever shows it gets the
//! conversation behind it. Clients get a sealed token in its place, which opens only for the same
//! principal at the same server, on whatever instance it is shown, without a table.
//!
//! So does a value that redaction takes out of what a server says and may have to put in again: its
//! token opens for the same principal at every server of the organization, and says which detector
//! found it. It knows the server that it came from, so the same value of two servers has two tokens.
//!
//! AES-SIV (RFC 5297) is deterministic: one handle has one token, and no randomness is needed.

use std::{collections::BTreeMap, fmt};

use aes_siv::{KeyInit as _, siv::Aes256Siv};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::principal::Principal;

/// Begins every token, with the version of its making.
const PREFIX: &str = "c1.";

/// Parts every domain of the bound data from another use of the same key.
const DOMAIN: &[u8] = b"chancery.handle.v1";

/// The same for values.
const VALUE_DOMAIN: &[u8] = b"chancery.value.v1";

/// Parts the key of hashes from the sealing key that it is made of.
const HASH_DOMAIN: &[u8] = b"chancery.hash.v1";

/// Bytes that are kept of a hash: two of a thousand million values are alike once in 37.
const HASH_BYTES: usize = 8;

/// Bytes of a sealing key.
pub const SEALING_KEY_BYTES: usize = 64;

/// A key that seals the handles of one organization.
#[derive(Clone, Eq, PartialEq)]
pub struct SealingKey([u8; SEALING_KEY_BYTES]);

impl SealingKey {
    /// Takes a key off the wire; `None` unless it has [`SEALING_KEY_BYTES`].
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// Shows nothing of the key.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

/// The sealing keys of every organization, the one that seals first. All of them open.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Keyring(BTreeMap<Box<str>, Vec<SealingKey>>);

impl Keyring {
    /// Sets an organization's keys.
    pub fn insert(&mut self, organization: &str, keys: Vec<SealingKey>) {
        self.0.insert(organization.into(), keys);
    }

    fn of(&self, organization: &str) -> &[SealingKey] {
        self.0.get(organization).map_or(&[], Vec::as_slice)
    }

    /// Whether handles of an organization can be sealed.
    pub fn holds(&self, organization: &str) -> bool {
        !self.of(organization).is_empty()
    }
}

/// What kind of handle it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handle {
    /// `Mcp-Session-Id`, before 2026-07-28.
    Session,
    /// A task's id.
    Task,
    /// `requestState`, since 2026-07-28.
    RequestState,
}

impl Handle {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Session => b"session",
            Self::Task => b"task",
            Self::RequestState => b"request_state",
        }
    }
}

/// Whom a handle is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The keys at hand.
    pub keys: &'a Keyring,
    /// The server's organization, `organizations/{o}`.
    pub organization: &'a str,
    /// The server's resource name.
    pub server: &'a str,
    /// Who was handed the handle, or shows it.
    pub principal: &'a Principal,
}

/// Why a handle is not what it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SealError {
    /// The organization's keys have not arrived yet.
    NoKey,
    /// It was not handed to this principal by this server, or is older than the keys.
    Foreign,
}

impl Binding<'_> {
    /// Seals a handle together with what must be known when it is shown again.
    ///
    /// # Errors
    /// [`SealError::NoKey`].
    pub fn seal(&self, handle: Handle, about: &str, id: &str) -> Result<String, SealError> {
        let text = self.encrypt(self.header(handle), about, id)?;
        Ok(format!("{PREFIX}{text}"))
    }

    /// Opens a token into what it is about and the server's own handle.
    ///
    /// # Errors
    /// Where it does not open here.
    pub fn open(&self, handle: Handle, token: &str) -> Result<(String, String), SealError> {
        // Without keys nothing can be said of a token, whatever it looks like.
        let text = token.strip_prefix(PREFIX).unwrap_or_default();
        self.decrypt(self.header(handle), text)
    }

    /// Seals a value that a detector, named by its id, found in what the server says.
    ///
    /// # Errors
    /// [`SealError::NoKey`].
    pub fn seal_value(&self, detector: &str, value: &str) -> Result<String, SealError> {
        let about = self.value_header(detector);
        self.encrypt([VALUE_DOMAIN, &about], self.server, value)
    }

    /// Opens a sealed value into the resource name of the server that it came from and itself.
    ///
    /// # Errors
    /// Where it does not open here.
    pub fn open_value(&self, detector: &str, sealed: &str) -> Result<(String, String), SealError> {
        let about = self.value_header(detector);
        self.decrypt([VALUE_DOMAIN, &about], sealed)
    }

    /// A hash of a value in hexadecimal, the same in all of the organization for as long as it has
    /// the same key.
    ///
    /// # Errors
    /// [`SealError::NoKey`].
    pub fn hash(&self, detector: &str, value: &str) -> Result<String, SealError> {
        let key = self.keys.of(self.organization).first();
        let key = key.ok_or(SealError::NoKey)?;
        let key = mac(&key.0, &[HASH_DOMAIN])?;
        // No id has a byte of nothing in it.
        let hash = mac(&key, &[detector.as_bytes(), b"\0", value.as_bytes()])?;
        let nibbles = hash
            .iter()
            .take(HASH_BYTES)
            .flat_map(|byte| [byte >> 4, byte & 0xF]);
        let digits = nibbles.map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('0'));
        Ok(digits.collect())
    }

    fn encrypt<const N: usize>(
        &self,
        header: [&[u8]; N],
        about: &str,
        text: &str,
    ) -> Result<String, SealError> {
        let key = self.keys.of(self.organization).first();
        let key = key.ok_or(SealError::NoKey)?;
        let content = content(about, text).ok_or(SealError::Foreign)?;
        let sealed = Aes256Siv::new(&key.0.into()).encrypt(header, &content);
        let sealed = sealed.map_err(|aes_siv::Error| SealError::Foreign)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn decrypt<const N: usize>(
        &self,
        header: [&[u8]; N],
        text: &str,
    ) -> Result<(String, String), SealError> {
        let keys = self.keys.of(self.organization);
        if keys.is_empty() {
            return Err(SealError::NoKey);
        }
        let sealed = URL_SAFE_NO_PAD.decode(text);
        let sealed = sealed.map_err(|_not_base64| SealError::Foreign)?;
        let opened = keys
            .iter()
            .find_map(|key| Aes256Siv::new(&key.0.into()).decrypt(header, &sealed).ok());
        opened.as_deref().and_then(parts).ok_or(SealError::Foreign)
    }

    /// What a token must be shown with, beside the key: each a component of its own in RFC 5297.
    fn header(&self, handle: Handle) -> [&[u8]; 7] {
        let [is_known, issuer, user, agent] = self.bearer();
        let (handle, server) = (handle.as_bytes(), self.server.as_bytes());
        [DOMAIN, handle, server, is_known, issuer, user, agent]
    }

    /// The same of a value, of which a message can have many, as one component: each is a pass of
    /// its own. The parts are told apart by their lengths.
    fn value_header(&self, detector: &str) -> Vec<u8> {
        let about = [detector.as_bytes(), self.organization.as_bytes()];
        let mut header = Vec::with_capacity(128);
        for part in about.into_iter().chain(self.bearer()) {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            header.extend_from_slice(&length.to_be_bytes());
            header.extend_from_slice(part);
        }
        header
    }

    /// Who it is. Nothing that is there is empty.
    fn bearer(&self) -> [&[u8]; 4] {
        let Principal {
            user,
            issuer,
            agent,
            ..
        } = self.principal;
        let is_known: &[u8] = if self.principal.is_authenticated() {
            b"authenticated"
        } else {
            b"anonymous"
        };
        [
            is_known,
            issuer.as_deref().unwrap_or_default().as_bytes(),
            user.as_deref().unwrap_or_default().as_bytes(),
            agent.as_deref().unwrap_or_default().as_bytes(),
        ]
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32], SealError> {
    // HMAC takes a key of any length, so there is no other outcome.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_length| SealError::NoKey)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().into())
}

fn content(about: &str, id: &str) -> Option<Vec<u8>> {
    let mut content = u16::try_from(about.len()).ok()?.to_be_bytes().to_vec();
    content.extend_from_slice(about.as_bytes());
    content.extend_from_slice(id.as_bytes());
    Some(content)
}

fn parts(content: &[u8]) -> Option<(String, String)> {
    let (length, rest) = content.split_first_chunk::<2>()?;
    let (about, id) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    text(about).zip(text(id))
}

#[cfg(test)]
mod tests;
