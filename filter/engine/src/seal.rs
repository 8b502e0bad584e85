//! Sealed handles: what a server hands out to be shown again, bound to whom it was handed.
//!
//! A session id, a task id or a request state is a bearer of rights: whoever shows it gets the
//! conversation behind it. Clients get a sealed token in its place, which opens only for the same
//! principal at the same server, on whatever instance it is shown, without a table.
//!
//! AES-SIV (RFC 5297) is deterministic: one handle has one token, and no randomness is needed.

use std::{collections::BTreeMap, fmt};

use aes_siv::{KeyInit as _, siv::Aes256Siv};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::principal::Principal;

/// Begins every token, with the version of its making.
const PREFIX: &str = "c1.";

/// Parts every domain of the bound data from another use of the same key.
const DOMAIN: &[u8] = b"chancery.handle.v1";

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
        let key = self.keys.of(self.organization).first();
        let key = key.ok_or(SealError::NoKey)?;
        let content = content(about, id).ok_or(SealError::Foreign)?;
        let sealed = Aes256Siv::new(&key.0.into()).encrypt(self.header(handle), &content);
        let sealed = sealed.map_err(|aes_siv::Error| SealError::Foreign)?;
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens a token into what it is about and the server's own handle.
    ///
    /// # Errors
    /// Where it does not open here.
    pub fn open(&self, handle: Handle, token: &str) -> Result<(String, String), SealError> {
        let keys = self.keys.of(self.organization);
        if keys.is_empty() {
            return Err(SealError::NoKey);
        }
        let sealed = token
            .strip_prefix(PREFIX)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or(SealError::Foreign)?;
        let opened = keys.iter().find_map(|key| {
            Aes256Siv::new(&key.0.into())
                .decrypt(self.header(handle), &sealed)
                .ok()
        });
        opened.as_deref().and_then(parts).ok_or(SealError::Foreign)
    }

    /// What a token must be shown with, beside the key: each a component of its own in RFC 5297.
    /// None of the principal's is empty where it is there.
    fn header(&self, handle: Handle) -> [&[u8]; 7] {
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
            DOMAIN,
            handle.as_bytes(),
            self.server.as_bytes(),
            is_known,
            issuer.as_deref().unwrap_or_default().as_bytes(),
            user.as_deref().unwrap_or_default().as_bytes(),
            agent.as_deref().unwrap_or_default().as_bytes(),
        ]
    }
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
mod tests {
    use super::*;

    fn principal(user: &str) -> Principal {
        Principal {
            user: Some(user.into()),
            issuer: Some("https://idp.test".into()),
            ..Principal::default()
        }
    }

    fn keyring(keys: &[u8]) -> Keyring {
        let key = |byte: &u8| SealingKey([*byte; SEALING_KEY_BYTES]);
        let mut keyring = Keyring::default();
        keyring.insert("organizations/o", keys.iter().map(key).collect());
        keyring
    }

    fn binding<'a>(keys: &'a Keyring, server: &'a str, principal: &'a Principal) -> Binding<'a> {
        Binding {
            keys,
            organization: "organizations/o",
            server,
            principal,
        }
    }

    #[test]
    fn opens_for_whom_it_was_sealed_and_for_no_one_else() {
        let (alice, bob) = (principal("alice"), principal("bob"));
        let keys = keyring(&[1]);
        let here = binding(&keys, "s", &alice);
        let token = here.seal(Handle::Session, "", "id-7").unwrap();
        assert_eq!(token, here.seal(Handle::Session, "", "id-7").unwrap());
        assert!(!token.contains("id-7"));
        let opened = Ok((String::new(), "id-7".to_owned()));
        assert_eq!(here.open(Handle::Session, &token), opened);

        let foreign = Err(SealError::Foreign);
        let anonymous = Principal::anonymous();
        let through = Principal {
            agent: Some("bot".into()),
            ..alice.clone()
        };
        let agent = Principal {
            user: None,
            agent: Some("alice".into()),
            ..alice.clone()
        };
        let namesake = Principal {
            issuer: Some("https://other.test".into()),
            ..alice.clone()
        };
        let elsewhere = keyring(&[2]);
        for other in [
            binding(&keys, "s", &bob),
            binding(&keys, "t", &alice),
            binding(&keys, "s", &anonymous),
            binding(&keys, "s", &through),
            binding(&keys, "s", &agent),
            binding(&keys, "s", &namesake),
            binding(&elsewhere, "s", &alice),
        ] {
            assert_eq!(other.open(Handle::Session, &token), foreign);
        }
        assert_eq!(here.open(Handle::Task, &token), foreign);
        assert_eq!(here.open(Handle::Session, "id-7"), foreign);
        let mut altered = token;
        let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
        altered.push(last);
        assert_eq!(here.open(Handle::Session, &altered), foreign);
    }

    #[test]
    fn the_key_before_still_opens() {
        let alice = principal("alice");
        let (old, both) = (keyring(&[1]), keyring(&[2, 1]));
        let token = binding(&old, "s", &alice).seal(Handle::Task, "tool:a", "t");
        let opened = binding(&both, "s", &alice).open(Handle::Task, &token.unwrap());
        assert_eq!(opened, Ok(("tool:a".to_owned(), "t".to_owned())));
    }

    #[test]
    fn without_a_key_nothing_is_sealed_or_opened() {
        let alice = principal("alice");
        let keys = Keyring::default();
        let here = binding(&keys, "s", &alice);
        assert_eq!(here.seal(Handle::Task, "", "t"), Err(SealError::NoKey));
        assert_eq!(here.open(Handle::Task, "c1.x"), Err(SealError::NoKey));
    }
}
