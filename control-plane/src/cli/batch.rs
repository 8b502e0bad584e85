//! Reads files into a batch of documents, or says everything that keeps it from being one.

use std::{collections::HashMap, path::PathBuf};

use chancery_proto::admin::v1 as admin;

use super::{
    check::{self, Finding},
    document::{API_VERSION, Document},
    exit::Failure,
    files::{self, Text},
    locate::{Malformed, Node, Position, Value},
    name::{Kind, Name, Scope},
    path::Path,
    problem::{Problem, alternatives, did_you_mean},
    schema,
};

/// Documents that are what they should be, as far as can be said without the control plane.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) items: Vec<Item>,
}

/// A document and where it was read.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: Name,
    pub(crate) document: Document,
    file: String,
    node: Node,
}

/// Documents that are not what they should be: every problem, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct UnreadableDocuments(Vec<Problem>);

/// Reads resource documents as `apply` does, without a control plane. `sources` are files and
/// folders; what names no organization or workspace is in `default`.
///
/// # Errors
/// Where any of them is not what it should be.
pub fn read_documents(sources: &[PathBuf]) -> Result<Vec<admin::Resource>, UnreadableDocuments> {
    let scope = Scope::default();
    let (texts, problems) = files::read(sources);
    let batch = Batch::of(&texts, problems, &scope).map_err(UnreadableDocuments)?;
    Ok(batch
        .items
        .iter()
        .map(|item| item.document.to_message(&scope))
        .collect())
}

impl Batch {
    /// Reads everything that `sources` name.
    pub(crate) fn read(
        sources: &[PathBuf],
        scope: &Scope,
        consequence: &'static str,
    ) -> Result<Self, Failure> {
        let (texts, problems) = files::read(sources);
        Self::of(&texts, problems, scope).map_err(|problems| Failure::Invalid {
            problems,
            consequence,
        })
    }

    /// Reads texts; `problems` are those that are known already.
    pub(crate) fn of(
        texts: &[Text],
        mut problems: Vec<Problem>,
        scope: &Scope,
    ) -> Result<Self, Vec<Problem>> {
        let mut items = Vec::new();
        for text in texts {
            read_text(text, scope, &mut items, &mut problems);
        }
        find_repeated(&items, &mut problems);
        if problems.is_empty() {
            return Ok(Self { items });
        }
        problems.sort();
        Err(problems)
    }
}

impl Item {
    /// Something is wrong with a field of this document.
    pub(crate) fn problem(&self, path: &Path, message: String) -> Problem {
        Problem {
            file: self.file.clone(),
            at: Some(self.node.locate(path)),
            field: field_name(path),
            message,
            hint: None,
        }
    }

    /// The file it was read from.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// `rules.yaml:3:1`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file, self.node.at)
    }

    fn name_at(&self) -> Position {
        self.node.locate(&name_path())
    }
}

fn name_path() -> Path {
    Path::default().field("metadata").field("name")
}

fn field_name(path: &Path) -> String {
    if path.steps().is_empty() {
        "document".to_owned()
    } else {
        path.to_string()
    }
}

fn read_text(text: &Text, scope: &Scope, items: &mut Vec<Item>, problems: &mut Vec<Problem>) {
    let said = |at, field: String, message, hint| Problem {
        file: text.file.clone(),
        at: Some(at),
        field,
        message,
        hint,
    };
    let nodes = match Node::read_all(&text.content) {
        Ok(nodes) => nodes,
        Err(Malformed { at, message }) => {
            let hint = message
                .contains("tab")
                .then(|| "indent with spaces".to_owned());
            let message = format!("found broken YAML, expected a document: {message}");
            return problems.push(said(at, "document".to_owned(), message, hint));
        }
    };
    if nodes.is_empty() {
        let message = "found nothing, expected a resource document".to_owned();
        problems.push(said(Position::START, "document".to_owned(), message, None));
    }
    for node in nodes {
        match read_document(&node) {
            Ok(document) => items.push(Item {
                name: document.name(scope),
                document,
                file: text.file.clone(),
                node,
            }),
            Err(findings) => problems.extend(findings.into_iter().map(
                |Finding {
                     at,
                     path,
                     message,
                     hint,
                 }| said(at, field_name(&path), message, hint),
            )),
        }
    }
}

fn read_document(node: &Node) -> Result<Document, Vec<Finding>> {
    let Value::Map(_) = &node.value else {
        let message = format!(
            "found {}, expected a resource document",
            check::describe(node)
        );
        return Err(vec![Finding {
            at: node.at,
            path: Path::default(),
            message,
            hint: None,
        }]);
    };
    let Some(kind) = known_kind(node) else {
        let mut findings = vec![unknown_kind(node)];
        findings.extend(wrong_version(node));
        return Err(findings);
    };
    let findings = check::check(node, &schema::published(kind));
    if !findings.is_empty() {
        return Err(findings);
    }
    Document::from_json(kind, &node.to_json()).map_err(|error| {
        let message = format!("found what the schema allows, and yet: {error}");
        vec![Finding {
            at: node.at,
            path: Path::default(),
            message,
            hint: None,
        }]
    })
}

fn known_kind(node: &Node) -> Option<Kind> {
    let given = node.field("kind")?.value.text()?;
    Kind::ALL
        .into_iter()
        .find(|kind| kind.document_kind() == given)
}

fn unknown_kind(node: &Node) -> Finding {
    let known = Kind::ALL.map(Kind::document_kind);
    let path = Path::default().field("kind");
    let expected = alternatives(&known);
    match node.field("kind") {
        Some(entry) => Finding {
            at: entry.value.at,
            path,
            message: format!(
                "found {}, expected {expected}",
                check::describe(&entry.value)
            ),
            hint: entry
                .value
                .text()
                .and_then(|given| did_you_mean(given, &known)),
        },
        None => Finding {
            at: node.at,
            path,
            message: format!("found nothing, expected {expected}"),
            hint: None,
        },
    }
}

fn wrong_version(node: &Node) -> Option<Finding> {
    let path = Path::default().field("apiVersion");
    let found = match node.field("apiVersion") {
        Some(entry) if entry.value.text() == Some(API_VERSION) => return None,
        Some(entry) => check::describe(&entry.value),
        None => "nothing".to_owned(),
    };
    let message = format!("found {found}, expected `{API_VERSION}`");
    Some(Finding {
        at: node.locate(&path),
        path,
        message,
        hint: None,
    })
}

fn find_repeated(items: &[Item], problems: &mut Vec<Problem>) {
    let mut first: HashMap<&Name, &Item> = HashMap::new();
    for item in items {
        let Some(before) = first.get(&item.name) else {
            first.insert(&item.name, item);
            continue;
        };
        let message = format!(
            "found `{}` a second time, expected it once; the first is at {}:{}",
            item.name.short(),
            before.file,
            before.name_at()
        );
        problems.push(item.problem(&name_path(), message));
    }
}

#[cfg(test)]
mod tests;
