//! What every case is judged with: the YAML in `tests/cases` and an identity provider.

use std::path::{Path, PathBuf};

use chancery::{
    cli::{self, UnreadableDocuments},
    resource::Resource,
    snapshot::{self, BuildError, Features, KeySets},
};
use chancery_engine::principal::Principal;
use serde_json::{Value, json};

use crate::{
    identity::{Algorithm, Flaw, IdentityError, IdentityProvider},
    layer::Snapshot,
};

/// The issuer of the tests' tokens.
pub const ISSUER: &str = "https://idp.test";

/// The audience of the tests' tokens.
pub const AUDIENCE: &str = "https://mcp.test";

/// Resources, and who issues tokens for them.
#[derive(Debug)]
pub struct Fixture {
    /// Issues the tokens.
    pub provider: IdentityProvider,
    folder: tempfile::TempDir,
}

/// Why there is no fixture.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// Keys or tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Files.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Documents.
    #[error(transparent)]
    Documents(#[from] UnreadableDocuments),
    /// A resource that is none.
    #[error(transparent)]
    Resource(#[from] chancery_engine::wire::Invalid),
    /// A snapshot that does not compile.
    #[error(transparent)]
    Snapshot(#[from] BuildError),
    /// A token name that a case uses and nobody mints.
    #[error("there is no token `{0}`")]
    UnknownToken(String),
}

/// What tokens for the ledger say beside their user, by the names that cases use.
fn ledger_claims(token: &str) -> Option<serde_json::Map<String, Value>> {
    let ledger = "https://ledger.test/mcp";
    let red = "https://red.ledger.test/mcp";
    let claims = match token {
        "ledger-reader" => json!({
            "aud": ledger, "scope": "ledger", "roles": ["clerk"], "team": "books",
            "azp": "cli", "act": { "sub": "bot-7" },
        }),
        "ledger-writer" => json!({ "aud": [ledger, "x"], "scp": ["ledger", "ledger.write"] }),
        "ledger-unscoped" => json!({ "aud": ledger }),
        "ledger-red" => json!({ "aud": red, "scope": "ledger" }),
        "ledger-both" => json!({ "aud": [ledger, red], "scope": "ledger" }),
        "ledger-bad-roles" => json!({ "aud": ledger, "roles": { "clerk": true } }),
        _ => return None,
    };
    claims.as_object().cloned()
}

impl Fixture {
    /// Makes keys and the resource documents that publish them.
    ///
    /// # Errors
    /// Where keys or files cannot be made.
    pub fn new() -> Result<Self, FixtureError> {
        let provider = IdentityProvider::generate(ISSUER, AUDIENCE)?;
        let folder = tempfile::tempdir()?;
        let document = provider.resource("tests").to_string();
        std::fs::write(folder.path().join("identity-provider.json"), document)?;
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        for file in ["policy.yaml", "redaction.yaml"] {
            std::fs::copy(cases.join(file), folder.path().join(file))?;
        }
        Ok(Self { provider, folder })
    }

    /// The folder with all resource documents.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The snapshot of the case table.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn snapshot(&self, version: u64) -> Result<Snapshot, FixtureError> {
        self.snapshot_for(version, None)
    }

    /// The snapshot as filters with these features get it.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn snapshot_for(
        &self,
        version: u64,
        features: Features<'_>,
    ) -> Result<Snapshot, FixtureError> {
        let messages = cli::read_documents(&[self.folder()])?;
        let resources: Result<Vec<_>, _> = messages.into_iter().map(Resource::try_from).collect();
        let time = prost_types::Timestamp::default();
        let built = snapshot::build(&resources?, &KeySets::new(), (1, version), time, features)?;
        Ok(Snapshot {
            manifest: built.manifest,
            sections: built.sections.values().map(|it| it.to_vec()).collect(),
        })
    }

    /// A token by the name that cases use.
    ///
    /// # Errors
    /// Where the name is not known or the token cannot be made.
    pub fn token(&self, name: &str) -> Result<String, FixtureError> {
        let provider = &self.provider;
        let (user, groups) = bearer(name);
        if let Some(extra) = ledger_claims(name) {
            let mut claims = provider.claims("lee@example.test", &["books"]);
            claims.extend(extra);
            return Ok(provider.sign(Algorithm::EdDsa, &claims)?);
        }
        let flaw = match name {
            good if GOOD.contains(&good) => {
                return Ok(provider.token(user, groups)?);
            }
            "alice-eddsa" => {
                return Ok(provider.sign(Algorithm::EdDsa, &provider.claims(user, groups))?);
            }
            "alice-rs256" => {
                return Ok(provider.sign(Algorithm::Rs256, &provider.claims(user, groups))?);
            }
            "alice-es256" => {
                return Ok(provider.sign(Algorithm::Es256, &provider.claims(user, groups))?);
            }
            "expired" => Flaw::Expired,
            "not-yet-valid" => Flaw::NotYetValid,
            "no-expiry" => Flaw::NoExpiry,
            "wrong-audience" => Flaw::WrongAudience,
            "wrong-issuer" => Flaw::WrongIssuer,
            "alg-none" => Flaw::AlgorithmNone,
            "hs256" => Flaw::PublicKeyAsSecret,
            "tampered" => Flaw::Tampered,
            "unknown-key" => Flaw::UnknownKey,
            "crit-header" => Flaw::CriticalHeader,
            "garbage" => Flaw::Garbage,
            other => return Err(FixtureError::UnknownToken(other.to_owned())),
        };
        Ok(provider.flawed(flaw, user, groups)?)
    }

    /// Who the token by this name proves to be. `None`: it proves nothing.
    pub fn principal(name: &str) -> Option<Principal> {
        let is_good =
            GOOD.contains(&name) || ["alice-eddsa", "alice-rs256", "alice-es256"].contains(&name);
        let (user, groups) = bearer(name);
        is_good.then(|| Principal {
            user: Some(user.into()),
            groups: groups.iter().map(|group| (*group).into()).collect(),
            issuer: Some(ISSUER.into()),
            ..Principal::default()
        })
    }

    /// The provider's document.
    pub fn provider_document(&self) -> Value {
        self.provider.resource("tests")
    }
}

/// Tokens without a flaw, signed as most are.
const GOOD: [&str; 8] = [
    "alice", "sue", "otto", "nobody", "carl", "lena", "mute", "mallory",
];

/// Whom a token by this name is made out to: a user, and groups.
fn bearer(name: &str) -> (&'static str, &'static [&'static str]) {
    match name {
        "sue" => ("sue@example.test", &["support"]),
        "otto" => ("otto@example.test", &["ops"]),
        "nobody" => ("nobody@example.test", &[]),
        "carl" => ("carl@example.test", &[]),
        "lena" => ("lena@example.test", &[]),
        "mute" => ("mute@example.test", &[]),
        "mallory" => ("mallory@example.test", &["dev"]),
        _ => ("alice@example.test", &["dev"]),
    }
}
