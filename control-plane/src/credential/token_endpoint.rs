//! Tokens of OAuth token endpoints: the gateway's own (RFC 6749 section 4.4), or a user's, exchanged
//! (RFC 8693).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_engine::secret::Secret;
use chancery_proto::admin::v1 as admin;
use http::header::HeaderValue;
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{Had, Lack};
use crate::egress::{Egress, EgressError};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// How long a token is taken to be valid that does not say so.
const DEFAULT_LIFETIME_SECONDS: u64 = 60;

/// No token is kept for longer, whatever it says.
const MAX_LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// What a token endpoint answers (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    issued_token_type: Option<String>,
}

/// Why it does not (RFC 6749 section 5.2). Its description may repeat what was sent, and is not read.
#[derive(Deserialize)]
struct Denied {
    error: String,
}

/// Has a token for the gateway itself.
pub(super) async fn client_credentials(
    egress: &Egress,
    kind: &admin::ClientCredentials,
    secret: &Secret,
) -> Result<Had, Lack> {
    let scopes = kind.scopes.join(" ");
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", &scopes),
        ("resource", &kind.resource),
    ];
    let had = ask(egress, &kind.token_uri, (&kind.client_id, secret), &fields).await?;
    Ok(had.0)
}

/// Exchanges a user's token.
pub(super) async fn exchange(
    egress: &Egress,
    kind: &admin::TokenExchange,
    secret: &Secret,
    subject: &Secret,
) -> Result<Had, Lack> {
    let scopes = kind.scopes.join(" ");
    let subject = subject.expose_text().ok_or(Lack::NoSubject)?;
    let fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", &kind.audience),
        ("resource", &kind.resource),
        ("scope", &scopes),
    ];
    let (had, issued) = ask(egress, &kind.token_uri, (&kind.client_id, secret), &fields).await?;
    match issued.as_deref() {
        // RFC 8693 section 2.2.1 demands it; some leave it out.
        None | Some(ACCESS_TOKEN | "urn:ietf:params:oauth:token-type:jwt") => Ok(had),
        Some(_) => Err(Lack::UnreadableAnswer),
    }
}

/// Posts the fields that say something, and reads the token.
async fn ask(
    egress: &Egress,
    token_uri: &str,
    (client_id, secret): (&str, &Secret),
    fields: &[(&str, &str)],
) -> Result<(Had, Option<String>), Lack> {
    let fields: Vec<_> = fields
        .iter()
        .copied()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let authorization = basic(client_id, secret).ok_or(Lack::NoSecret)?;
    let answer = egress.post_form(token_uri, authorization, &fields).await;
    let answer = answer.map_err(|error| {
        // No error of this kind repeats what was sent.
        tracing::warn!(%error, token_uri, "a token endpoint does not answer");
        if matches!(error, EgressError::Url { .. } | EgressError::Address { .. }) {
            Lack::ForbiddenPlace
        } else {
            Lack::Unreachable
        }
    })?;
    let body = Zeroizing::new(answer.body);
    if !answer.status.is_success() {
        let word = serde_json::from_slice::<Denied>(&body).ok();
        let word = word.map(|denied| denied.error).filter(|word| is_word(word));
        tracing::warn!(status = %answer.status, error = word, token_uri, "a token endpoint gives no token");
        let is_theirs = answer.status.is_client_error();
        return Err(if is_theirs {
            Lack::Refused
        } else {
            Lack::Unreachable
        });
    }
    let granted: Granted =
        serde_json::from_slice(&body).map_err(|_error| Lack::UnreadableAnswer)?;
    let token = Zeroizing::new(granted.access_token);
    if !granted.token_type.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Lack::UnreadableAnswer);
    }
    let lifetime = granted.expires_in.unwrap_or(DEFAULT_LIFETIME_SECONDS);
    let had = Had {
        value: Secret::new(format!("Bearer {}", *token)),
        lifetime_seconds: lifetime.min(MAX_LIFETIME_SECONDS),
    };
    Ok((had, granted.issued_token_type))
}

/// Whether an error code is one (RFC 6749 section 5.2), rather than something to keep out of logs.
fn is_word(word: &str) -> bool {
    word.len() <= 64
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

/// `client_secret_basic`: both halves are form-encoded first (RFC 6749 section 2.3.1).
fn basic(client_id: &str, secret: &Secret) -> Option<HeaderValue> {
    let encode = |bytes: &[u8]| form_urlencoded::byte_serialize(bytes).collect::<String>();
    let id = encode(client_id.as_bytes());
    let secret = Zeroizing::new(encode(secret.expose()));
    let pair = Zeroizing::new(format!("{id}:{}", *secret));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_basic_are_encoded_first() {
        let value = basic("a client", &Secret::new("p:s s%")).unwrap();
        let text = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(text).unwrap(), b"a+client:p%3As+s%25");
        assert!(!format!("{value:?}").contains(text));
    }
}
