//! Signatures as Standard Webhooks has them (standardwebhooks.com, symmetric, `v1`).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_engine::secret::Secret;
use ring::hmac;

/// What a secret in its transport form begins with.
const PREFIX: &str = "whsec_";

/// Fewest bytes of a secret, as the specification has it.
const MIN_BYTES: usize = 24;

/// Most bytes of a secret. The specification has 64 for those in base64; texts of others are longer.
const MAX_BYTES: usize = 512;

/// The key that signs.
pub struct SigningKey(hmac::Key);

/// Why a secret is none to sign with. It shows nothing of the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// What is after `whsec_`.
    #[error("no base64 after `whsec_`")]
    Base64,
    /// Its length.
    #[error("{0} bytes")]
    Length(usize),
}

impl SigningKey {
    /// What a secret is, for people.
    pub const EXPECTED: &'static str = "`whsec_` and base64, or a text, of 24 to 512 bytes";

    /// Reads a secret: `whsec_` and base64, or the bytes themselves.
    ///
    /// # Errors
    /// Where it is too short or too long, or what should be base64 is none.
    pub fn read(secret: &Secret) -> Result<Self, Unfit> {
        let encoded = secret.expose_text().and_then(|it| it.strip_prefix(PREFIX));
        let decoded = encoded.map(|text| STANDARD.decode(text).map(Secret::new));
        let decoded = decoded.transpose().map_err(|_not_base64| Unfit::Base64)?;
        let bytes = decoded.as_ref().unwrap_or(secret).expose();
        if (MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
        } else {
            Err(Unfit::Length(bytes.len()))
        }
    }

    /// The `webhook-signature` of a message: its id, when it is sent in seconds since the Unix epoch, and
    /// its body.
    pub fn sign(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp_seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = SigningKey::read(&secret).unwrap();
        let signed = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_base64_with_its_prefix_and_itself_without() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        let encoded = format!("whsec_{}", STANDARD.encode(text));
        let signed = |secret: &str| {
            let key = SigningKey::read(&Secret::new(secret));
            key.map(|key| key.sign("msg_1", 1, b"{}"))
        };
        assert_eq!(signed(text), signed(&encoded));
        assert_ne!(signed(text), signed(&text.to_uppercase()));
        let unfit = |secret: &str| signed(secret).unwrap_err();
        assert_eq!(unfit("whsec_?"), Unfit::Base64);
        assert_eq!(unfit("whsec_"), Unfit::Length(0));
        assert_eq!(unfit(&"x".repeat(23)), Unfit::Length(23));
        assert_eq!(unfit(&"x".repeat(513)), Unfit::Length(513));
    }
}
