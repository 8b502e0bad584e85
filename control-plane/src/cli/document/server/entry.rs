//! What a server's entry says for people and registries.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Unreadable, unknown, unless_empty};

/// How far a server is in the registry. Only one that is approved can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum State {
    Proposed,
    Approved,
    Suspended,
    Retired,
}

/// How sensitive data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum DataClass {
    Public,
    Internal,
    Confidential,
    Restricted,
}

/// What harm could be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Risk {
    Low,
    Medium,
    High,
}

/// When something that is not as it was approved is blocked for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Quarantine {
    TwoPrincipals,
    FirstSighting,
}

/// A package or image that a server runs from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Package {
    /// Where it comes from: `npm`, `pypi`, `oci`, `nuget`, `mcpb`.
    #[schemars(length(min = 1))]
    registry: String,
    /// Its name there; of an image, the reference without tag and digest.
    #[schemars(length(min = 1))]
    name: String,
    /// Its version, or the image's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Of the archive, or of the image's manifest, such as `sha256:9f86…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        title = "`sha256:` and 64 hexadecimal digits",
        extend("pattern" = "^sha256:[0-9a-f]{64}$")
    )]
    digest: Option<String>,
}

impl State {
    pub(super) fn to_message(self) -> policy::ServerState {
        match self {
            Self::Proposed => policy::ServerState::Proposed,
            Self::Approved => policy::ServerState::Approved,
            Self::Suspended => policy::ServerState::Suspended,
            Self::Retired => policy::ServerState::Retired,
        }
    }

    /// What a document says of it: nothing of one that is approved, as most are.
    pub(super) fn parse(message: &admin::Server) -> Result<Option<Self>, Unreadable> {
        match policy::ServerState::try_from(message.state) {
            Ok(policy::ServerState::Unspecified | policy::ServerState::Approved) => Ok(None),
            Ok(policy::ServerState::Proposed) => Ok(Some(Self::Proposed)),
            Ok(policy::ServerState::Suspended) => Ok(Some(Self::Suspended)),
            Ok(policy::ServerState::Retired) => Ok(Some(Self::Retired)),
            Err(_) => Err(unknown(&message.name, "state", message.state)),
        }
    }
}

impl DataClass {
    pub(super) fn to_message(self) -> admin::DataClass {
        match self {
            Self::Public => admin::DataClass::Public,
            Self::Internal => admin::DataClass::Internal,
            Self::Confidential => admin::DataClass::Confidential,
            Self::Restricted => admin::DataClass::Restricted,
        }
    }

    pub(super) fn parse(message: &admin::Server) -> Result<Option<Self>, Unreadable> {
        match admin::DataClass::try_from(message.data_class) {
            Ok(admin::DataClass::Unspecified) => Ok(None),
            Ok(admin::DataClass::Public) => Ok(Some(Self::Public)),
            Ok(admin::DataClass::Internal) => Ok(Some(Self::Internal)),
            Ok(admin::DataClass::Confidential) => Ok(Some(Self::Confidential)),
            Ok(admin::DataClass::Restricted) => Ok(Some(Self::Restricted)),
            Err(_) => Err(unknown(&message.name, "dataClass", message.data_class)),
        }
    }
}

impl Risk {
    pub(super) fn to_message(self) -> admin::Risk {
        match self {
            Self::Low => admin::Risk::Low,
            Self::Medium => admin::Risk::Medium,
            Self::High => admin::Risk::High,
        }
    }

    pub(super) fn parse(message: &admin::Server) -> Result<Option<Self>, Unreadable> {
        match admin::Risk::try_from(message.risk) {
            Ok(admin::Risk::Unspecified) => Ok(None),
            Ok(admin::Risk::Low) => Ok(Some(Self::Low)),
            Ok(admin::Risk::Medium) => Ok(Some(Self::Medium)),
            Ok(admin::Risk::High) => Ok(Some(Self::High)),
            Err(_) => Err(unknown(&message.name, "risk", message.risk)),
        }
    }
}

impl Quarantine {
    pub(super) fn to_message(self) -> admin::QuarantineAfter {
        match self {
            Self::TwoPrincipals => admin::QuarantineAfter::TwoPrincipals,
            Self::FirstSighting => admin::QuarantineAfter::FirstSighting,
        }
    }

    pub(super) fn parse(message: &admin::Server) -> Result<Option<Self>, Unreadable> {
        match admin::QuarantineAfter::try_from(message.quarantine_after) {
            Ok(admin::QuarantineAfter::Unspecified) => Ok(None),
            Ok(admin::QuarantineAfter::TwoPrincipals) => Ok(Some(Self::TwoPrincipals)),
            Ok(admin::QuarantineAfter::FirstSighting) => Ok(Some(Self::FirstSighting)),
            Err(_) => Err(unknown(
                &message.name,
                "quarantine",
                message.quarantine_after,
            )),
        }
    }
}

impl Package {
    pub(super) fn into_message(self) -> admin::ServerPackage {
        let Self {
            registry,
            name,
            version,
            digest,
        } = self;
        admin::ServerPackage {
            registry_type: registry,
            identifier: name,
            version: version.unwrap_or_default(),
            digest: digest.unwrap_or_default(),
        }
    }
}

impl From<admin::ServerPackage> for Package {
    fn from(message: admin::ServerPackage) -> Self {
        let admin::ServerPackage {
            registry_type,
            identifier,
            version,
            digest,
        } = message;
        Self {
            registry: registry_type,
            name: identifier,
            version: unless_empty(version),
            digest: unless_empty(digest),
        }
    }
}
