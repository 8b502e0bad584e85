//! What a client says about its message in headers. Never decided on; must agree.

use std::borrow::Cow;

use super::{
    Headers,
    headers::{Repeated, decode_mirrored},
};
use crate::message::Call;

/// The headers that mirror a message.
#[derive(Debug, Default)]
pub(super) struct HeaderClaims {
    pub(super) protocol_version: Option<Box<str>>,
    method: Option<Box<str>>,
    name: Option<Box<str>>,
}

impl HeaderClaims {
    pub(super) fn read(headers: Headers<'_>) -> Result<Self, Repeated> {
        let single = |name| {
            let value = headers.single(name)?;
            // What cannot be decoded can agree with nothing.
            let decoded = value.map(|value| decode_mirrored(value).unwrap_or(Cow::Borrowed("\0")));
            Ok(decoded.map(Box::from))
        };
        Ok(Self {
            protocol_version: single("mcp-protocol-version")?,
            method: single("mcp-method")?,
            name: single("mcp-name")?,
        })
    }

    /// Whether every claim repeats the message; else the header that does not.
    pub(super) fn agree(&self, call: &Call<'_>, name: Option<&str>) -> Result<(), &'static str> {
        let version = call.protocol_version();
        let differs = |claim: &Option<Box<str>>, said: Option<&str>| {
            claim.as_deref().is_some_and(|claim| Some(claim) != said)
        };
        if version.is_some() && differs(&self.protocol_version, version.as_deref()) {
            return Err("mcp-protocol-version");
        }
        if differs(&self.method, Some(&*call.name())) {
            return Err("mcp-method");
        }
        if name.is_some() && differs(&self.name, name) {
            return Err("mcp-name");
        }
        Ok(())
    }
}
