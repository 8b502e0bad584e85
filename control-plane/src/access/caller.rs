//! Who calls, and how that is known.

use std::{fmt, net::IpAddr, str::FromStr};

use chancery_proto::audit::v1::{Attribute, Principal, Provenance};

/// Who calls. What is in it was proven, by a certificate, by a token, or by both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user that a token names.
    pub user: Option<User>,
    /// The groups that the token names.
    pub groups: Vec<String>,
    /// The URI and DNS names of the client's certificate.
    pub certificate: Vec<String>,
    /// Where the connection came from.
    pub source: Option<IpAddr>,
    /// Whether nothing was proven, because the control plane runs in development mode: this
    /// caller may do everything.
    pub is_development: bool,
}

/// A user, as the identity provider names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: String,
    /// The issuer of the token.
    pub issuer: String,
}

impl Caller {
    /// Whoever reaches a control plane in development mode.
    pub fn development(source: Option<IpAddr>) -> Self {
        Self {
            source,
            is_development: true,
            ..Self::default()
        }
    }

    /// Whether anything is known of the caller.
    pub fn is_anonymous(&self) -> bool {
        self.user.is_none() && self.certificate.is_empty() && !self.is_development
    }

    /// Whether a member of a binding is this caller.
    pub fn is(&self, member: &Member) -> bool {
        match member {
            Member::User(id) => self.user.as_ref().is_some_and(|user| user.id == *id),
            Member::Group(name) => self.groups.contains(name),
            Member::Certificate(subject) => self.certificate.contains(subject),
        }
    }

    /// Every name of the caller as one person: not the groups, which are of many.
    pub fn identities(&self) -> Vec<String> {
        let user = self.user.as_ref().map(|user| Member::User(user.id.clone()));
        let certificate = self.certificate.iter().cloned().map(Member::Certificate);
        let mut identities: Vec<_> = user
            .into_iter()
            .chain(certificate)
            .map(|member| member.to_string())
            .collect();
        if self.is_development {
            identities.push(DEVELOPMENT.to_owned());
        }
        identities
    }

    /// The caller as the record has it. A user has an issuer; a name without one is a
    /// certificate's.
    pub fn principal(&self) -> Principal {
        let attribute = |value: &str, provenance: Provenance| Attribute {
            value: value.to_owned(),
            provenance: provenance.into(),
        };
        let absent = || attribute("", Provenance::Absent);
        let verified = |value: &str| attribute(value, Provenance::Verified);
        let (user, issuer) = match (&self.user, self.certificate.first()) {
            (Some(user), _) => (verified(&user.id), verified(&user.issuer)),
            (None, Some(subject)) => (verified(subject), absent()),
            (None, None) if self.is_development => {
                (attribute(DEVELOPMENT, Provenance::Claimed), absent())
            }
            (None, None) => (absent(), absent()),
        };
        let groups_provenance = match (&self.user, self.groups.is_empty()) {
            (Some(_), false) => Provenance::Verified,
            (Some(_), true) | (None, _) => Provenance::Absent,
        };
        Principal {
            user: Some(user),
            issuer: Some(issuer),
            groups: self.groups.clone(),
            groups_provenance: groups_provenance.into(),
            client: self.certificate.first().map(|subject| verified(subject)),
            source: self.source.map(|source| verified(&source.to_string())),
            ..Principal::default()
        }
    }
}

/// The caller for people.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.identities() {
            [] => f.write_str("nobody"),
            identities => f.write_str(&identities.join(" ")),
        }
    }
}

/// How the record names whoever reaches a control plane in development mode.
const DEVELOPMENT: &str = "development";

/// Whom a binding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// `user:ID`, as the identity provider names one.
    User(String),
    /// `group:NAME`, as tokens name it.
    Group(String),
    /// `certificate:SUBJECT`, a URI or DNS name of the client's certificate.
    Certificate(String),
}

/// A text is no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `user:ID`, `group:NAME` or `certificate:SUBJECT`")]
pub struct NotAMember;

impl FromStr for Member {
    type Err = NotAMember;

    fn from_str(text: &str) -> Result<Self, NotAMember> {
        match text.split_once(':') {
            Some((_, "")) | None => Err(NotAMember),
            Some(("user", id)) => Ok(Self::User(id.to_owned())),
            Some(("group", name)) => Ok(Self::Group(name.to_owned())),
            Some(("certificate", subject)) => Ok(Self::Certificate(subject.to_owned())),
            Some(_) => Err(NotAMember),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Certificate(subject) => write!(f, "certificate:{subject}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_survives_reading_and_writing() {
        for text in [
            "user:a@b",
            "group:a:b",
            "certificate:spiffe://example.com/x",
        ] {
            assert_eq!(text.parse::<Member>().unwrap().to_string(), text);
        }
        for text in ["", "user", "user:", "User:a", "role:x", ":x"] {
            assert!(text.parse::<Member>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_member_of_one_kind_is_no_member_of_another() {
        let user = |id: &str| User {
            id: id.to_owned(),
            issuer: "https://idp".to_owned(),
        };
        let caller = Caller {
            user: Some(user("x")),
            groups: vec!["g".to_owned()],
            certificate: vec!["c".to_owned()],
            ..Caller::default()
        };
        let is = |member: &str| caller.is(&member.parse().unwrap());
        assert!(is("user:x") && is("group:g") && is("certificate:c"));
        assert!(!is("user:g") && !is("group:x") && !is("certificate:x") && !is("user:c"));
        assert_eq!(caller.identities(), ["user:x", "certificate:c"]);
    }
}
