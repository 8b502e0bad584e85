//! Any resource as one of a kind.

use chancery_proto::admin::v1 as admin;

use super::Resource;

impl Resource {
    /// As a server, if it is one.
    pub fn as_server(&self) -> Option<&admin::Server> {
        if let Self::Server(server) = self {
            Some(server)
        } else {
            None
        }
    }

    /// As a binding, if it is one.
    pub fn as_binding(&self) -> Option<&admin::Binding> {
        if let Self::Binding(binding) = self {
            Some(binding)
        } else {
            None
        }
    }

    /// As an identity provider, if it is one.
    pub fn as_identity_provider(&self) -> Option<&admin::IdentityProvider> {
        if let Self::IdentityProvider(provider) = self {
            Some(provider)
        } else {
            None
        }
    }

    /// As a rule, if it is one.
    pub fn as_rule(&self) -> Option<&admin::Rule> {
        if let Self::Rule(rule) = self {
            Some(rule)
        } else {
            None
        }
    }

    /// As a credential, if it is one.
    pub fn as_credential(&self) -> Option<&admin::Credential> {
        if let Self::Credential(credential) = self {
            Some(credential)
        } else {
            None
        }
    }
}
