//! From what a token says to who acts: the claims of one provider, mapped as it was configured.

mod envoy;
mod path;

use std::cell::OnceCell;

pub use envoy::metadata_to_json;
pub use path::{ClaimPath, InvalidPath};

use crate::{
    id::Digest,
    json::{Kind, Value},
    principal::Principal,
    token::TokenError,
};

/// Where the fields of a principal are. `None`: principals have none, unless a default says more.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClaimMapping {
    /// The user id: one string. Without it a token must name an agent.
    pub user: Option<ClaimPath>,
    /// The groups: strings, or arrays of strings.
    pub groups: Option<ClaimPath>,
    /// The roles: strings, or arrays of strings.
    pub roles: Option<ClaimPath>,
    /// The team: one string.
    pub team: Option<ClaimPath>,
    /// The agent: one string. `None`: the current actor of a delegation (RFC 8693 section 4.1).
    pub agent: Option<ClaimPath>,
    /// The OAuth client: one string. `None`: `client_id` (RFC 9068), else `azp` (OpenID Connect).
    pub client: Option<ClaimPath>,
    /// Cut from the beginning of every group that begins with it.
    pub group_prefix: Box<str>,
}

/// A claim that every token of a provider must carry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequiredClaim {
    /// Where it is.
    pub path: ClaimPath,
    /// The exact string.
    pub value: Box<str>,
}

/// The claims of one token.
#[derive(Debug)]
pub struct Claims<'d> {
    root: Value<'d>,
    /// For paths that need a tree; made for the first of them.
    tree: OnceCell<Option<serde_json::Value>>,
}

/// A claim that is there and has another form than the mapping needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Unfit;

impl<'d> Claims<'d> {
    /// Claims as a JSON object.
    pub fn new(root: Value<'d>) -> Self {
        Self {
            root,
            tree: OnceCell::new(),
        }
    }

    /// A claim by its name.
    pub fn get(&self, name: &str) -> Option<Value<'d>> {
        self.root.get(name)
    }

    /// The one string at a path; an empty one says nothing and does not fit.
    fn text(&self, path: &ClaimPath) -> Result<Option<Box<str>>, Unfit> {
        let found = match path {
            ClaimPath::Names(names) => match self.root.descend(names) {
                None => return Ok(None),
                Some(value) => value.as_str().map(Box::<str>::from),
            },
            ClaimPath::Query(query) => match query.query(self.tree()?).all().as_slice() {
                [] => return Ok(None),
                [value] => value.as_str().map(Box::from),
                _ => None,
            },
        };
        match found {
            None => Err(Unfit),
            Some(text) if text.is_empty() => Err(Unfit),
            some @ Some(_) => Ok(some),
        }
    }

    /// Every string at a path, and in the arrays there.
    fn texts(&self, path: &ClaimPath) -> Result<Vec<Box<str>>, Unfit> {
        match path {
            ClaimPath::Names(names) => match self.root.descend(names) {
                None => Ok(Vec::new()),
                Some(value) => strings(value),
            },
            ClaimPath::Query(query) => {
                let mut texts = Vec::new();
                for value in query.query(self.tree()?).all() {
                    match value {
                        serde_json::Value::String(text) => texts.push(text.as_str().into()),
                        serde_json::Value::Array(items) => {
                            for item in items {
                                texts.push(item.as_str().ok_or(Unfit)?.into());
                            }
                        }
                        serde_json::Value::Null
                        | serde_json::Value::Bool(_)
                        | serde_json::Value::Number(_)
                        | serde_json::Value::Object(_) => return Err(Unfit),
                    }
                }
                Ok(texts)
            }
        }
    }

    fn tree(&self) -> Result<&serde_json::Value, Unfit> {
        let tree = self
            .tree
            .get_or_init(|| serde_json::from_str(self.root.raw()).ok());
        tree.as_ref().ok_or(Unfit)
    }

    /// `scope` (RFC 9068) or `scp`, each as one string with spaces or as an array.
    fn scopes(&self) -> Result<Vec<Box<str>>, Unfit> {
        let claim = self.get("scope").or_else(|| self.get("scp"));
        let lists = claim.map_or(Ok(Vec::new()), strings)?;
        let words = lists.iter().flat_map(|list| list.split_ascii_whitespace());
        Ok(words.map(Box::from).collect())
    }

    /// Who acts for the user now: the outermost `act` (RFC 8693 section 4.1). Those inside acted
    /// before it.
    fn actor(&self) -> Result<Option<Box<str>>, Unfit> {
        let Some(actor) = self.get("act") else {
            return Ok(None);
        };
        let subject = actor.get("sub").and_then(Value::as_str);
        let subject = subject.filter(|subject| !subject.is_empty());
        subject.map(|subject| Some(subject.into())).ok_or(Unfit)
    }

    /// Whether the token leaves groups out because they are too many (Microsoft Entra ID, group
    /// overage: `_claim_names.groups`, or `hasgroups` in tokens of the implicit flow).
    fn has_group_overage(&self) -> bool {
        let elsewhere = self.root.descend(["_claim_names", "groups"]).is_some();
        let is_true = |value: Value<'_>| value.as_bool() == Some(true) || value.is("true");
        elsewhere || self.get("hasgroups").is_some_and(is_true)
    }
}

/// A string, or the strings of an array.
fn strings(value: Value<'_>) -> Result<Vec<Box<str>>, Unfit> {
    let text = |value: Value<'_>| value.as_str().map(Box::from).ok_or(Unfit);
    match value.kind() {
        Kind::Array => value.items().map(text).collect(),
        Kind::String => Ok(vec![text(value)?]),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Object => Err(Unfit),
    }
}

impl RequiredClaim {
    /// Whether the claims carry it.
    ///
    /// # Errors
    /// [`TokenError::RequiredClaim`].
    pub fn check(&self, claims: &Claims<'_>) -> Result<(), TokenError> {
        match claims.text(&self.path) {
            Ok(Some(found)) if found == self.value => Ok(()),
            Ok(_) | Err(Unfit) => Err(TokenError::RequiredClaim),
        }
    }
}

impl ClaimMapping {
    /// Who acts, by the word of `issuer`.
    ///
    /// # Errors
    /// The first claim that is there and has another form, or that neither user nor agent is.
    pub fn principal(&self, claims: &Claims<'_>, issuer: &str) -> Result<Principal, TokenError> {
        let text = |path: &Option<ClaimPath>, error| match path {
            None => Ok(None),
            Some(path) => claims.text(path).map_err(|Unfit| error),
        };
        let texts = |path: &Option<ClaimPath>, error| match path {
            None => Ok(Vec::new()),
            Some(path) => claims.texts(path).map_err(|Unfit| error),
        };
        let agent = match &self.agent {
            None => claims.actor().map_err(|Unfit| TokenError::Agent)?,
            mapped @ Some(_) => text(mapped, TokenError::Agent)?,
        };
        let user = text(&self.user, TokenError::User)?;
        if user.is_none() && agent.is_none() {
            return Err(TokenError::User);
        }
        let token_id = claims.get("jti").and_then(Value::as_str);
        Ok(Principal {
            user,
            groups: self.unprefixed(texts(&self.groups, TokenError::Groups)?),
            has_more_groups: claims.has_group_overage(),
            token_roles: texts(&self.roles, TokenError::Roles)?,
            team: text(&self.team, TokenError::Team)?,
            agent,
            client: self.client(claims)?,
            scopes: claims.scopes().map_err(|Unfit| TokenError::Scope)?,
            issuer: Some(issuer.into()),
            token_id_digest: token_id.map(|id| Digest::of(id.as_bytes())),
        })
    }

    fn client(&self, claims: &Claims<'_>) -> Result<Option<Box<str>>, TokenError> {
        if let Some(path) = &self.client {
            return claims.text(path).map_err(|Unfit| TokenError::Client);
        }
        let claim = claims.get("client_id").or_else(|| claims.get("azp"));
        let text = |claim: Value<'_>| claim.as_str().map(Box::from).ok_or(TokenError::Client);
        claim.map(text).transpose()
    }

    fn unprefixed(&self, groups: Vec<Box<str>>) -> Vec<Box<str>> {
        if self.group_prefix.is_empty() {
            return groups;
        }
        let cut = |group: Box<str>| match group.strip_prefix(&*self.group_prefix) {
            Some(rest) => rest.into(),
            None => group,
        };
        groups.into_iter().map(cut).collect()
    }
}

#[cfg(test)]
mod tests;
