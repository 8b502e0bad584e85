//! What a reviewer should be warned of in a definition of a tool, prompt, resource or template, and
//! in a server's instructions, before anyone approves it.
//!
//! Pure: JSON in, findings out, in a time that grows with the text alone. It knows words and
//! characters, not meaning: without a finding a definition is not safe, only without what is looked
//! for here.

mod annotations;
mod characters;
mod definitions;
mod encoded;
mod excerpt;
mod fold;
mod links;
mod names;
mod parameters;
mod sentences;
mod signs;
mod size;
mod strings;
mod tools;
mod words;

#[cfg(test)]
mod score;
#[cfg(test)]
mod tests;

use std::fmt;

use chancery_engine::{json::Document, limits::Limits};
use serde::Serialize;
use serde_json::Value;

pub use self::definitions::{Kind, Unrecognised};
pub(crate) use self::fold::fold_name;
use self::{
    definitions::Definition, excerpt::excerpt, names::Names, strings::Text, tools::Mentions,
};
use crate::resource::json_schema;

/// More of one definition is not kept; nobody reads on.
const MAX_FINDINGS: usize = 100;

/// How urgent a warning is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Honest definitions have it too; worth a look.
    Low,
    /// Rare in honest definitions.
    Medium,
    /// Hardly ever honest.
    High,
}

impl Severity {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is looked for. The names are stable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Annotations that say otherwise than the name or the description.
    AnnotationContradiction,
    /// Parameters or sentences that ask for the conversation, the reasoning or the prompts.
    AsksForContext,
    /// Letters of other scripts that pass for Latin ones.
    ConfusableCharacters,
    /// What is said of other tools: when to call them, and when not.
    CrossTool,
    /// Base64, hexadecimal digits or percent escapes that decode to text.
    EncodedText,
    /// Data that is to be sent or handed to somewhere.
    Exfiltration,
    /// Orders to the model.
    HiddenInstruction,
    /// HTML comments, images, and text that a page would not show.
    HiddenMarkup,
    /// Orders where a schema has values.
    InstructionInSchema,
    /// Characters that nobody sees, or that turn the reading direction.
    InvisibleCharacters,
    /// Names of one list that are taken for each other.
    LookAlikeNames,
    /// Any other property is taken, and asked for.
    OpenSchema,
    /// More text than anyone reads.
    Oversized,
    /// Blank space that moves text out of sight.
    Padding,
    /// Something is to be kept from the user.
    Secrecy,
    /// Files that hold secrets.
    SensitivePath,
    /// Shell commands that fetch or hide code.
    ShellCommand,
    /// Addresses that say nothing of where they lead, or collect what they are sent.
    SuspiciousLink,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 18] = [
        Self::AnnotationContradiction,
        Self::AsksForContext,
        Self::ConfusableCharacters,
        Self::CrossTool,
        Self::EncodedText,
        Self::Exfiltration,
        Self::HiddenInstruction,
        Self::HiddenMarkup,
        Self::InstructionInSchema,
        Self::InvisibleCharacters,
        Self::LookAlikeNames,
        Self::OpenSchema,
        Self::Oversized,
        Self::Padding,
        Self::Secrecy,
        Self::SensitivePath,
        Self::ShellCommand,
        Self::SuspiciousLink,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnnotationContradiction => "annotation_contradiction",
            Self::AsksForContext => "asks_for_context",
            Self::ConfusableCharacters => "confusable_characters",
            Self::CrossTool => "cross_tool",
            Self::EncodedText => "encoded_text",
            Self::Exfiltration => "exfiltration",
            Self::HiddenInstruction => "hidden_instruction",
            Self::HiddenMarkup => "hidden_markup",
            Self::InstructionInSchema => "instruction_in_schema",
            Self::InvisibleCharacters => "invisible_characters",
            Self::LookAlikeNames => "look_alike_names",
            Self::OpenSchema => "open_schema",
            Self::Oversized => "oversized",
            Self::Padding => "padding",
            Self::Secrecy => "secrecy",
            Self::SensitivePath => "sensitive_path",
            Self::ShellCommand => "shell_command",
            Self::SuspiciousLink => "suspicious_link",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One warning.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked for.
    pub rule: Rule,
    /// How urgent it is.
    pub severity: Severity,
    /// Where: a JSON pointer into the definition.
    #[serde(rename = "where")]
    pub place: String,
    /// What was found there, bounded, with everything visible.
    pub excerpt: String,
    /// Why that is a warning.
    pub why: String,
}

/// A definition and what was found in it, the most urgent first.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Inspected {
    /// What it defines.
    pub kind: Kind,
    /// Its name or URI, with everything visible.
    pub name: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What of its schemas a filter does not enforce, in words.
    #[serde(rename = "notEnforced", skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<String>,
}

impl Inspected {
    /// How urgent the most urgent finding is.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Inspects what `document` defines: a result of a `…/list` method or of `initialize`, alone or in
/// its JSON-RPC response, an array of definitions, or one.
pub fn inspect(document: &Value) -> Result<Vec<Inspected>, Unrecognised> {
    let definitions = definitions::of(document)?;
    let names = Names::of(&definitions);
    let inspected = definitions
        .iter()
        .enumerate()
        .map(|(position, definition)| inspect_one(definition, position, &names))
        .collect();
    Ok(inspected)
}

fn inspect_one(definition: &Definition<'_>, position: usize, names: &Names) -> Inspected {
    let mut found = Findings::default();
    names.inspect(definition, position, &mut found);
    annotations::inspect(definition, &mut found);
    size::inspect(definition, &mut found);
    parameters::inspect(definition, &mut found);
    let mentions = Mentions::new(definition, names);
    strings::each(definition.value, &mut |text| {
        inspect_text(text, &mentions, &mut found);
    });
    Inspected {
        kind: definition.kind,
        name: excerpt(&definition.name),
        findings: found.sorted(),
        not_enforced: not_enforced(definition),
    }
}

/// What a filter does not enforce of a tool's schemas. JSON that could not be pinned has nothing that
/// is enforced, and is refused where it is applied.
fn not_enforced(definition: &Definition<'_>) -> Vec<String> {
    if definition.kind != Kind::Tool {
        return Vec::new();
    }
    let text = definition.value.to_string();
    let document = Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT);
    let Ok(document) = document else {
        return Vec::new();
    };
    let unenforced = json_schema::unenforced(document.root()).into_iter();
    unenforced
        .take(MAX_FINDINGS)
        .map(|it| it.to_string())
        .collect()
}

fn inspect_text(text: &Text<'_>, mentions: &Mentions<'_>, found: &mut Findings) {
    characters::inspect(text, found);
    size::inspect_text(text, found);
    links::inspect(text, found);
    words::inspect(text, mentions, found);
    encoded::inspect(text, mentions, found);
}

/// What was found so far: of one rule in one place the most urgent alone.
#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, rule: Rule, severity: Severity, at: (&str, &str), why: impl Into<String>) {
        let (place, text) = at;
        let finding = Finding {
            rule,
            severity,
            place: place.to_owned(),
            excerpt: excerpt(text),
            why: why.into(),
        };
        let same = |kept: &&mut Finding| kept.rule == rule && kept.place == place;
        // A flood of weak findings pushes no strong one out.
        let weaker = |kept: &&mut Finding| kept.severity < severity;
        let is_full = self.kept.len() >= MAX_FINDINGS;
        if let Some(kept) = self.kept.iter_mut().find(same) {
            if kept.severity < severity {
                *kept = finding;
            }
        } else if !is_full {
            self.kept.push(finding);
        } else if let Some(kept) = self.kept.iter_mut().find(weaker) {
            *kept = finding;
        }
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.kept
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.kept
    }
}
