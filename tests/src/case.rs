//! The case table: what goes in, what must come out, for every layer alike.
//!
//! The files in `tests/cases` say nothing of how a case is run. The native engine, the built
//! module in wasmtime and a real Envoy each run all of them and are held to the same expectation.

mod check;
mod observed;

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

pub use check::check;
pub use observed::{Forwarded, Observed};

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    #[serde(default)]
    pub name: String,
    /// An exchange that comes first, held to its own expectation.
    pub before: Option<Box<Self>>,
    /// What is carried over from the exchange before: by the word that stands in this case as
    /// `{{WORD}}`, where it was found: `header NAME` or a JSON pointer into the body.
    #[serde(default)]
    pub carry: BTreeMap<String, String>,
    /// What the client sends.
    pub request: Request,
    /// What the server answers, if it is asked.
    #[serde(default)]
    pub upstream: Answer,
    /// What must come of it.
    pub expect: Expectation,
}

/// What the client sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `POST` where left out.
    #[serde(default = "post")]
    pub method: String,
    /// `:authority`
    pub host: String,
    /// `/mcp` where left out.
    #[serde(default = "mcp")]
    pub path: String,
    /// The cluster that the route leads to.
    pub cluster: String,
    /// Name of the token, which the identity provider of the tests mints.
    pub token: Option<String>,
    /// `content-type: application/json` where left out.
    #[serde(default = "json")]
    pub headers: BTreeMap<String, String>,
    /// Further headers, which may repeat one.
    #[serde(default)]
    pub extra_headers: Vec<(String, String)>,
    /// The body as text.
    #[serde(default)]
    pub body: String,
    /// The body in place of that text, where no text can hold it.
    #[serde(skip)]
    pub raw_body: Option<Vec<u8>>,
    /// Spaces are added behind the body up to this many bytes.
    pub pad_body_to: Option<usize>,
}

fn post() -> String {
    "POST".to_owned()
}

fn mcp() -> String {
    "/mcp".to_owned()
}

fn json() -> BTreeMap<String, String> {
    BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())])
}

impl Request {
    /// The body's bytes, padded.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = match &self.raw_body {
            Some(bytes) => bytes.clone(),
            None => self.body.clone().into_bytes(),
        };
        bytes.resize(self.pad_body_to.unwrap_or(bytes.len()), b' ');
        bytes
    }

    /// All headers but the token.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let extra = self
            .extra_headers
            .iter()
            .map(|(name, value)| (&**name, &**value));
        self.headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .chain(extra)
    }
}

/// What the server answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The body's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.body.clone().into_bytes()
    }
}

/// Puts well-known example keys in, which the files leave out so that no scanner takes them for
/// real ones.
fn sample_secrets(text: &str) -> String {
    let github = format!("ghp_{}", "a1B2".repeat(9));
    text.replace("SPLIT_AWS", &format!("AKIA{}", "IOSFODNN7EXAMPLE"))
        .replace("SPLIT_GH", &github)
}

/// What must come of a case. What is left out does not matter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Whether the server is asked.
    pub forwarded: bool,
    /// What it gets. Left out: the client's bytes.
    pub forwarded_body: Option<String>,
    /// What it must not get.
    #[serde(default)]
    pub forwarded_lacks_headers: Vec<String>,
    /// Headers that it must get with these values.
    #[serde(default)]
    pub forwarded_headers: BTreeMap<String, String>,
    /// The HTTP status the client sees.
    pub status: u16,
    /// Exact headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Parts of headers.
    #[serde(default)]
    pub header_contains: BTreeMap<String, String>,
    /// The exact body.
    pub body: Option<String>,
    /// Parts of the body.
    #[serde(default)]
    pub body_contains: Vec<String>,
    /// What must not be in the body.
    #[serde(default)]
    pub body_lacks: Vec<String>,
    /// The JSON-RPC error in the body.
    pub error: Option<RpcError>,
    /// The id token in the body.
    pub id: Option<String>,
    /// The first decision entry.
    pub decision: Decision,
    /// The outcome entry. Left out: there must be none.
    pub outcome: Option<Outcome>,
    /// What drifted, each as `changed tool NAME`.
    #[serde(default)]
    pub drift: Vec<String>,
}

/// A JSON-RPC error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RpcError {
    /// Its code.
    pub code: i64,
    /// `data.reason`
    pub reason: Option<String>,
}

/// A decision entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `allow` or `deny`.
    pub verdict: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The rules that decided.
    pub rules: Option<Vec<String>>,
    /// The rules in shadow that would have decided otherwise.
    pub shadow_rules: Option<Vec<String>>,
    /// The arguments that rules read, by path, and what `arguments.misfit` says of them, each as
    /// `provenance value`, with `altered` between where the value is not the whole.
    pub facts: Option<BTreeMap<String, String>>,
    /// The method.
    pub method: Option<String>,
    /// The capability.
    pub capability: Option<String>,
    /// The verified user.
    pub user: Option<String>,
    /// Fields of the principal by name, each as `provenance value`.
    #[serde(default)]
    pub principal: BTreeMap<String, String>,
    /// The protocol version.
    pub protocol_version: Option<String>,
    /// Detector, pointer, count.
    pub findings: Option<Vec<(String, String, u32)>>,
    /// What was done with each finding.
    pub actions: Option<Vec<String>>,
    /// What is kept of the arguments.
    pub arguments: Option<String>,
}

/// An outcome entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// In lower case, without prefix.
    pub status: String,
    /// Why an answer was refused.
    pub reason: Option<String>,
    /// What was pruned.
    pub pruned: Option<Vec<String>>,
    /// Detector, pointer, count.
    pub findings: Option<Vec<(String, String, u32)>>,
    /// What was done with each finding.
    pub actions: Option<Vec<String>>,
    /// The JSON-RPC error's code.
    pub rpc_code: Option<i64>,
}

/// Why the table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Its content.
    #[error("{path}: {error}")]
    Content {
        /// Which.
        path: String,
        /// Why.
        error: serde_json::Error,
    },
}

impl Case {
    fn named(self, file: &str) -> Self {
        let name = format!("{file}: {}", self.name);
        let before = self.before.map(|before| {
            let before = Self {
                name: format!("{} (before)", self.name),
                ..*before
            };
            Box::new(before.named(file))
        });
        Self {
            name,
            before,
            ..self
        }
    }

    /// The case and the exchanges before it, in the order they are had.
    pub fn steps(&self) -> Vec<&Self> {
        let mut steps = vec![self];
        while let Some(before) = steps.last().and_then(|step| step.before.as_deref()) {
            steps.push(before);
        }
        steps.reverse();
        steps
    }

    /// The case with what it carries over from the exchange before it.
    #[must_use]
    pub fn after(&self, observed: &Observed) -> Self {
        let body = observed.message();
        let mut case = self.clone();
        for (word, place) in &self.carry {
            let value = if let Some(name) = place.strip_prefix("header ") {
                observed.header(name)
            } else {
                let found = body.pointer(place).and_then(serde_json::Value::as_str);
                found.unwrap_or_default()
            };
            case.put(&format!("{{{{{word}}}}}"), value);
        }
        case
    }

    fn put(&mut self, word: &str, value: &str) {
        let Request { headers, body, .. } = &mut self.request;
        let Expectation {
            forwarded_body,
            forwarded_headers,
            body: expected,
            body_contains,
            body_lacks,
            decision,
            ..
        } = &mut self.expect;
        let texts = headers
            .values_mut()
            .chain([body, &mut self.upstream.body])
            .chain(forwarded_body)
            .chain(forwarded_headers.values_mut())
            .chain(expected)
            .chain(body_contains)
            .chain(body_lacks)
            .chain(&mut decision.arguments);
        for text in texts {
            *text = text.replace(word, value);
        }
    }
}

/// Reads every case, each with the name of its file before its own.
///
/// # Errors
/// Where a file cannot be read.
pub fn all() -> Result<Vec<Case>, CaseError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let file_error = |path: &Path| {
        let path = path.display().to_string();
        move |error| CaseError::File { path, error }
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(file_error(&folder))? {
        let path = entry.map_err(file_error(&folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(file_error(&path))?;
        let rows: Vec<Case> =
            serde_json::from_str(&sample_secrets(&text)).map_err(|error| CaseError::Content {
                path: path.display().to_string(),
                error,
            })?;
        let file = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        cases.extend(rows.into_iter().map(|row| row.named(&file)));
    }
    Ok(cases)
}
