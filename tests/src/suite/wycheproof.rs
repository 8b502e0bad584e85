//! Wycheproof's JWS vectors: signatures over payloads that are no claims.
//!
//! Such a token is refused for its claims alone, which would prove nothing about the rest. So each
//! vector is judged in two parts that together are the whole of the token path: its header and
//! signature as they stand in a token with good claims, then its signature over what it really
//! signs.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery::{
    cli::{self, UnreadableDocuments},
    resource::Resource,
    snapshot::{self, BuildError, KeySets},
};
use chancery_engine::{
    id::Time,
    limits::Limits,
    policy::Policy,
    snapshot::{InvalidSnapshot, compile},
    token::{self, TokenError},
    wire::Invalid,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SuiteError, corpora, read_json};
use crate::{
    fixture::{AUDIENCE, ISSUER},
    layer::is_valid,
};

const FILES: [&str; 2] = ["json_web_signature_test", "json_web_key_test"];

/// A token and the keys it is to be verified with.
#[derive(Clone, Debug)]
pub struct Vector {
    /// File, number and comment.
    pub name: String,
    /// The token as a bearer would send it.
    pub token: String,
    /// What Wycheproof says of it.
    pub is_valid: bool,
    /// The keys, as a JWK Set.
    pub keys: Value,
}

/// What becomes of a vector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// No provider can be registered with its keys.
    KeyRefused(String),
    /// Its header, or how it is put together.
    Refused(TokenError),
    /// Its signature.
    WrongSignature,
    /// It proves what it says.
    Accepted,
}

/// Why a vector could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum WycheproofError {
    /// The suite.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// A folder for the provider's document.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Documents.
    #[error(transparent)]
    Documents(#[from] UnreadableDocuments),
    /// A resource that is none.
    #[error(transparent)]
    Resource(#[from] Invalid),
    /// A snapshot that does not compile.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The same, in the engine.
    #[error(transparent)]
    Compile(#[from] InvalidSnapshot),
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    public: Option<Value>,
    /// The same with what must not be published; all there is of a symmetric key.
    private: Value,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "tcId")]
    number: u32,
    comment: String,
    jws: Value,
    result: String,
}

/// Every vector.
///
/// # Errors
/// Where a file cannot be read.
pub fn vectors() -> Result<Vec<Vector>, SuiteError> {
    let mut vectors = Vec::new();
    for file in FILES {
        let path = corpora().join(format!("wycheproof/{file}.json"));
        let File { groups } = read_json(&path)?;
        for Group {
            public,
            private,
            tests,
        } in groups
        {
            let keys = key_set(public.unwrap_or(private));
            vectors.extend(tests.into_iter().map(|test| {
                Vector {
                    name: format!("{file} {}: {}", test.number, test.comment),
                    token: test
                        .jws
                        .as_str()
                        .map_or_else(|| test.jws.to_string(), str::to_owned),
                    is_valid: test.result == "valid",
                    keys: keys.clone(),
                }
            }));
        }
    }
    Ok(vectors)
}

fn key_set(keys: Value) -> Value {
    if keys.get("keys").is_some() {
        keys
    } else {
        json!({ "keys": [keys] })
    }
}

impl Vector {
    /// Judges it as a token of a provider with its keys.
    ///
    /// # Errors
    /// Where that provider cannot be set up, for another cause than its keys.
    pub fn judge(&self, now: Time) -> Result<Judgement, WycheproofError> {
        let policy = match self.policy()? {
            Ok(policy) => policy,
            Err(refusal) => return Ok(Judgement::KeyRefused(refusal)),
        };
        let read = |token: &str| {
            let organization = "organizations/default";
            token::read(token, &policy, organization, now, &Limits::DEFAULT)
        };
        let (signed, _, payload, _) = self.parts();
        let unverified = match read(&self.with_claims(now)) {
            Ok(unverified) => unverified,
            Err(unreadable) => return Ok(Judgement::Refused(unreadable.into())),
        };
        if URL_SAFE_NO_PAD.decode(payload).is_err() {
            return Ok(Judgement::Refused(TokenError::Malformed));
        }
        let mut check = unverified.check();
        check.message = signed.as_bytes();
        Ok(if is_valid(check) {
            Judgement::Accepted
        } else {
            Judgement::WrongSignature
        })
    }

    /// Its header and signature around claims that are accepted.
    pub fn with_claims(&self, now: Time) -> String {
        let (_, header, _, signature) = self.parts();
        format!("{header}.{}.{signature}", claims(now))
    }

    /// What is signed, the header and payload it consists of, and the signature.
    fn parts(&self) -> (&str, &str, &str, &str) {
        let (signed, signature) = self.token.rsplit_once('.').unwrap_or((&self.token, ""));
        let (header, payload) = signed.split_once('.').unwrap_or((signed, ""));
        (signed, header, payload, signature)
    }

    /// The policy with its provider, or why its keys are refused, as `chancery apply` says it.
    fn policy(&self) -> Result<Result<Policy, String>, WycheproofError> {
        let folder = tempfile::tempdir()?;
        let document = json!({
            "apiVersion": "chancery.dev/v1",
            "kind": "IdentityProvider",
            "metadata": { "name": "wycheproof" },
            "spec": { "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": self.keys },
        });
        let path = folder.path().join("identity-provider.json");
        std::fs::write(path, document.to_string())?;
        let messages = cli::read_documents(&[folder.path().to_owned()])?;
        let resources: Result<Vec<_>, _> = messages.into_iter().map(Resource::try_from).collect();
        let time = prost_types::Timestamp::default();
        match snapshot::build(&resources?, &KeySets::new(), (1, 1), time, None) {
            Ok(built) => Ok(Ok(compile(&built.manifest, built.sections.values())?)),
            Err(BuildError::Resource { error, .. }) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

/// Claims that are accepted, as the second part of a token.
fn claims(now: Time) -> String {
    let expiry = now.plus_ms(60_000).unix_ms() / 1_000;
    let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "wycheproof", "exp": expiry });
    URL_SAFE_NO_PAD.encode(claims.to_string())
}
