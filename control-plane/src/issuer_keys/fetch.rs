//! Reads the keys that an issuer publishes.

use std::time::Duration;

use chancery_proto::policy::v1::VerificationKey;
use serde::Deserialize;
use url::Url;

use crate::{
    egress::{Egress, EgressError},
    resource::jwks::{self, JwksError},
    store::KeySource,
};

/// Why an issuer's keys are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Something that was asked.
    #[error("`{url}`: {error}")]
    Egress {
        /// What was asked.
        url: String,
        /// Why it did not answer well.
        error: EgressError,
    },
    /// Metadata that are none.
    #[error("`{url}`: no metadata of an issuer: {error}")]
    Metadata {
        /// Where.
        url: String,
        /// Why.
        error: serde_json::Error,
    },
    /// Metadata of somebody else.
    #[error("`{url}`: metadata of `{found}`, not of `{expected}`")]
    OtherIssuer {
        /// Where.
        url: String,
        /// Who they are of.
        found: String,
        /// Who was looked for.
        expected: String,
    },
    /// Keys that cannot be used.
    #[error("`{url}`: {error}")]
    Keys {
        /// Where.
        url: String,
        /// Why.
        error: JwksError,
    },
}

/// Keys, and for how long they stay good, if their issuer says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// Those that can be used.
    pub keys: Vec<VerificationKey>,
    /// What the issuer says.
    pub fresh_for: Option<Duration>,
}

/// What is read of an issuer's metadata (OpenID Connect Discovery section 3, RFC 8414 section 2).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Reads the keys of an issuer, from where it says they are if the source does not.
///
/// # Errors
/// Where they cannot be had.
pub async fn keys(egress: &Egress, source: &KeySource) -> Result<Fetched, FetchError> {
    let url = if source.jwks_uri.is_empty() {
        discover(egress, &source.issuer).await?
    } else {
        source.jwks_uri.clone()
    };
    let answer = get(egress, &url).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let (keys, passed_over) = jwks::published_keys(&text).map_err(|error| FetchError::Keys {
        url: url.clone(),
        error,
    })?;
    for error in passed_over {
        tracing::warn!(%url, %error, "a published key is passed over");
    }
    Ok(Fetched {
        keys,
        fresh_for: answer.fresh_for,
    })
}

/// Where an issuer's keys are: by its `OpenID` configuration, or else by RFC 8414.
async fn discover(egress: &Egress, issuer: &str) -> Result<String, FetchError> {
    let place = egress.url(issuer).map_err(|error| FetchError::Egress {
        url: issuer.to_owned(),
        error,
    })?;
    let openid = openid_configuration(issuer);
    let (url, answer) = match get(egress, &openid).await {
        Ok(answer) => (openid, answer),
        Err(FetchError::Egress {
            url: _,
            error: EgressError::Status(_),
        }) => {
            let other = server_metadata(&place);
            let answer = get(egress, &other).await?;
            (other, answer)
        }
        Err(error) => return Err(error),
    };
    let read = serde_json::from_slice(&answer.body);
    let Metadata {
        issuer: found,
        jwks_uri,
    } = read.map_err(|error| FetchError::Metadata {
        url: url.clone(),
        error,
    })?;
    // Else whoever answers there could have its own keys taken for another's (RFC 8414 section 3.3).
    if found != issuer {
        let expected = issuer.to_owned();
        return Err(FetchError::OtherIssuer {
            url,
            found,
            expected,
        });
    }
    Ok(jwks_uri)
}

async fn get(egress: &Egress, url: &str) -> Result<crate::egress::Answer, FetchError> {
    egress.get(url).await.map_err(|error| FetchError::Egress {
        url: url.to_owned(),
        error,
    })
}

/// After the issuer's path (OpenID Connect Discovery section 4).
fn openid_configuration(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

/// Before the issuer's path (RFC 8414 section 3).
fn server_metadata(issuer: &Url) -> String {
    let mut url = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    url.to_string()
}

#[cfg(test)]
mod tests;
