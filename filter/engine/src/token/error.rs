//! Why a token, or another identity, proves nothing.

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More than one Authorization header, or one that is not `Bearer` with one token.
    #[error("the Authorization header is not a single bearer token")]
    Scheme,
    /// In the query, where it would be forwarded and logged.
    #[error("a token in the query is not accepted")]
    InQuery,
    /// Longer than the limit.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of canonical base64url with JSON objects in the first two.
    #[error("the token is not a signed JWT")]
    Malformed,
    /// `alg` is missing or not one that is accepted.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// A header that changes how a token is to be read: `crit`, `b64`, `zip`, `jku`, `x5u`, `jwk`, `x5c`.
    #[error("the token has a header that is not accepted")]
    Header,
    /// `typ` is not that of an access token, where only those are accepted.
    #[error("the token is not an access token")]
    Type,
    /// No identity provider of the server's organization has this `iss`.
    #[error("the token's issuer is not known here")]
    Issuer,
    /// No key of the issuer fits.
    #[error("the token's key is not known")]
    Key,
    /// The signature does not fit.
    #[error("the token's signature is wrong")]
    Signature,
    /// No accepted audience.
    #[error("the token is meant for another audience")]
    Audience,
    /// Its audiences belong to more than one workspace.
    #[error("the token is meant for more than one workspace")]
    AmbiguousWorkspace,
    /// `exp` is missing, not a number, or past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is not a number or still ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim that the provider's tokens must carry is missing or has another value.
    #[error("the token lacks a claim that is needed here")]
    RequiredClaim,
    /// The claim that names the user is missing, and so is an agent, or it is not one string.
    #[error("the token names no user")]
    User,
    /// The groups claim is there and neither a string nor an array of strings.
    #[error("the token's groups cannot be read")]
    Groups,
    /// The roles claim is there and neither a string nor an array of strings.
    #[error("the token's roles cannot be read")]
    Roles,
    /// The team claim is there and not one string.
    #[error("the token's team cannot be read")]
    Team,
    /// The agent claim is there and not one string.
    #[error("the token's agent cannot be read")]
    Agent,
    /// The agent is a SPIFFE id, and no peer's certificate proves that.
    #[error("the token's agent is a SPIFFE id, which only a certificate proves")]
    UnprovenAgent,
    /// The client claim is there and not one string.
    #[error("the token's client cannot be read")]
    Client,
    /// The scope claim is there and neither a string nor an array of strings.
    #[error("the token's scopes cannot be read")]
    Scope,
}
