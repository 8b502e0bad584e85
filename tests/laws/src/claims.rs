//! From claims to principals.

use chancery_engine::{
    claims::{ClaimMapping, ClaimPath, Claims, RequiredClaim, metadata_to_json},
    json::{Document, JsonError},
    limits::Limits,
    principal::Principal,
};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::policy::ISSUER;

/// A claim has another form than is needed.
struct Unfit;

/// A principal has what another reader finds at the same paths, and every claim that is there and
/// has another form is an error: nothing is guessed or left out. What Envoy hands out as verified
/// claims comes to JSON, or to nothing.
///
/// The first line is paths, with tabs between: user, groups, roles, team, agent, client. The second
/// is the prefix of groups, and what the user must be. The rest is the claims.
pub fn claims(data: &[u8]) {
    let limits = Limits::DEFAULT;
    check_metadata(data, &limits);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (Some(paths), Some(word), Some(text)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let Ok(document) = Document::parse(text.as_bytes(), limits.max_token_bytes, &limits) else {
        return;
    };
    let paths: Vec<&str> = paths.split('\t').collect();
    let path = |position: usize| ClaimPath::parse(paths.get(position)?).ok();
    let mapping = ClaimMapping {
        user: path(0),
        groups: path(1),
        roles: path(2),
        team: path(3),
        agent: path(4),
        client: path(5),
        group_prefix: word.into(),
    };
    let claims = Claims::new(document.root());
    let found = mapping.principal(&claims, ISSUER);
    let required = mapping.user.clone().map(|path| {
        let value = word.into();
        RequiredClaim { path, value }.check(&claims).is_ok()
    });

    let Ok(tree) = serde_json::from_str::<Value>(text) else {
        // A number too large for serde.
        return;
    };
    let reader = Reader {
        paths: [
            &mapping.user,
            &mapping.groups,
            &mapping.roles,
            &mapping.team,
            &mapping.agent,
            &mapping.client,
        ]
        .into_iter()
        .zip(&paths)
        .map(|(path, text)| path.is_some().then_some(*text))
        .collect(),
        tree: &tree,
    };
    let user = reader.text(0);
    if let Some(is_met) = required {
        let is_word = matches!(&user, Ok(Some(user)) if user == word);
        assert_eq!(is_met, is_word, "a required claim");
    }
    match (found, reader.principal(word)) {
        (Ok(found), Ok(expected)) => assert_eq!(Read::of(found), expected),
        (found, expected) => assert_eq!(found.is_ok(), expected.is_ok(), "{found:?}"),
    }
}

fn check_metadata(data: &[u8], limits: &Limits) {
    if let Some(json) = metadata_to_json(data) {
        let read = Document::parse(json.as_bytes(), usize::MAX, limits);
        assert!(
            matches!(read, Ok(_) | Err(JsonError::DuplicateKey { .. })),
            "{read:?}"
        );
    }
}

/// What is read from claims.
#[derive(Debug, Default, Eq, PartialEq)]
struct Read {
    user: Option<String>,
    groups: Vec<String>,
    roles: Vec<String>,
    team: Option<String>,
    agent: Option<String>,
    client: Option<String>,
    scopes: Vec<String>,
}

impl Read {
    fn of(principal: Principal) -> Self {
        let texts = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect();
        Self {
            user: principal.user.map(String::from),
            groups: texts(&principal.groups),
            roles: texts(&principal.token_roles),
            team: principal.team.map(String::from),
            agent: principal.agent.map(String::from),
            client: principal.client.map(String::from),
            scopes: texts(&principal.scopes),
        }
    }
}

/// Another reader of the same paths.
struct Reader<'t> {
    /// Those that are mapped.
    paths: Vec<Option<&'t str>>,
    tree: &'t Value,
}

impl Reader<'_> {
    fn principal(&self, prefix: &str) -> Result<Read, Unfit> {
        let agent = match self.path(4) {
            Some(_) => self.text(4)?,
            None => match self.tree.get("act") {
                None => None,
                Some(actor) => Some(text(actor.get("sub").ok_or(Unfit)?)?),
            },
        };
        let client = if self.path(5).is_some() {
            self.text(5)?
        } else {
            let claim = self.tree.get("client_id").or_else(|| self.tree.get("azp"));
            // An empty one says what it says.
            let client = claim.map(|claim| claim.as_str().ok_or(Unfit));
            client.transpose()?.map(str::to_owned)
        };
        let scopes = self.tree.get("scope").or_else(|| self.tree.get("scp"));
        let scopes = scopes.map_or(Ok(Vec::new()), |claim| strings(&[claim]))?;
        let unprefixed = |group: String| match group.strip_prefix(prefix) {
            Some(rest) => rest.to_owned(),
            None => group,
        };
        let read = Read {
            user: self.text(0)?,
            groups: self.texts(1)?.into_iter().map(unprefixed).collect(),
            roles: self.texts(2)?,
            team: self.text(3)?,
            agent,
            client,
            scopes: scopes
                .iter()
                .flat_map(|scopes| scopes.split_ascii_whitespace())
                .map(str::to_owned)
                .collect(),
        };
        if read.user.is_none() && read.agent.is_none() {
            return Err(Unfit);
        }
        Ok(read)
    }

    fn path(&self, position: usize) -> Option<&str> {
        *self.paths.get(position)?
    }

    #[expect(
        clippy::expect_used,
        reason = "that every path is one is part of the law"
    )]
    fn values(&self, position: usize) -> Vec<&Value> {
        self.path(position).map_or_else(Vec::new, |path| {
            JsonPath::parse(path)
                .expect("a path")
                .query(self.tree)
                .all()
        })
    }

    fn text(&self, position: usize) -> Result<Option<String>, Unfit> {
        match self.values(position).as_slice() {
            [] => Ok(None),
            [value] => text(value).map(Some),
            _ => Err(Unfit),
        }
    }

    fn texts(&self, position: usize) -> Result<Vec<String>, Unfit> {
        strings(&self.values(position))
    }
}

/// A string that says something.
fn text(value: &Value) -> Result<String, Unfit> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(Unfit)
}

/// Strings, and those of arrays.
fn strings(values: &[&Value]) -> Result<Vec<String>, Unfit> {
    let mut all = Vec::new();
    for value in values {
        let one = std::slice::from_ref(*value);
        for item in value.as_array().map_or(one, Vec::as_slice) {
            all.push(item.as_str().ok_or(Unfit)?.to_owned());
        }
    }
    Ok(all)
}
