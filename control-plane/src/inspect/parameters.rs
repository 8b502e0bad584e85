//! Parameters that ask for more than a tool needs.

use serde_json::{Map, Value};

use super::{
    Findings, Rule, Severity,
    definitions::Definition,
    fold::{fold, fold_name},
    sentences::sentences,
    signs::{Sign, Signs},
    size,
};

/// Names, folded, of what a tool has no use for.
const NOSY: [&str; 22] = [
    "sidenote",
    "sidenotes",
    "chainofthought",
    "conversationhistory",
    "conversationcontext",
    "fullconversation",
    "chathistory",
    "conversationlog",
    "conversationtranscript",
    "toolcallhistory",
    "previousmessages",
    "priormessages",
    "usermessages",
    "toolslist",
    "availabletools",
    "othertools",
    "internalreasoning",
    "modelreasoning",
    "hiddencontext",
    "systempromptcontent",
    "fullcontext",
    "userprompts",
];
/// Names, folded, that some honest tools have too.
const CURIOUS: [&str; 11] = [
    "systemprompt",
    "reasoning",
    "thought",
    "thoughts",
    "context",
    "debuginfo",
    "modelname",
    "rationale",
    "userprompt",
    "justification",
    "explanation",
];
/// Deeper schemas are not looked at.
const MAX_DEPTH: usize = 32;

pub(super) fn inspect(definition: &Definition<'_>, found: &mut Findings) {
    if let Some(schema) = definition.value.get("inputSchema") {
        walk(schema, "/inputSchema", 0, found);
    }
    let arguments = definition.value.get("arguments").and_then(Value::as_array);
    for (position, argument) in arguments.into_iter().flatten().enumerate() {
        if let Some(name) = argument.get("name").and_then(Value::as_str) {
            judge(name, argument, &format!("/arguments/{position}"), found);
        }
    }
}

fn walk(schema: &Value, place: &str, depth: usize, found: &mut Findings) {
    let Value::Object(object) = schema else {
        return;
    };
    if depth > MAX_DEPTH {
        return;
    }
    open(object, place, found);
    let next = depth.saturating_add(1);
    if let Some(Value::Object(properties)) = object.get("properties") {
        for (name, property) in properties {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let place = format!("{place}/properties/{escaped}");
            judge(name, property, &place, found);
            walk(property, &place, next, found);
        }
    }
    if let Some(items) = object.get("items") {
        walk(items, &format!("{place}/items"), next, found);
    }
}

/// A parameter by its name and by what its description asks for.
fn judge(name: &str, property: &Value, place: &str, found: &mut Findings) {
    let folded = fold_name(name);
    let severity = if NOSY.contains(&folded.as_str()) {
        Severity::Medium
    } else if CURIOUS.contains(&folded.as_str()) {
        Severity::Low
    } else {
        return asks(name, property, place, found);
    };
    found.add(
        Rule::AsksForContext,
        severity,
        (place, name),
        "Its name asks for what only the model has.",
    );
    asks(name, property, place, found);
}

/// A description of a parameter that is the conversation, the reasoning or a file's content.
fn asks(name: &str, property: &Value, place: &str, found: &mut Findings) {
    let Some(description) = property.get("description").and_then(Value::as_str) else {
        return;
    };
    for sentence in sentences(&fold(size::read(description))) {
        let signs = Signs::of(&sentence);
        if signs.has(Sign::Private) && !is_of_service(name, &sentence) {
            let is_urged = signs.any(&[Sign::Mandate, Sign::Fill, Sign::Whole]);
            let severity = if is_urged {
                Severity::Medium
            } else {
                Severity::Low
            };
            found.add(
                Rule::AsksForContext,
                severity,
                (&format!("{place}/description"), &sentence),
                "The parameter asks for what only the model has.",
            );
        }
    }
}

/// Chats are what some services are about: their identifiers and filters are no questions.
fn is_of_service(name: &str, sentence: &str) -> bool {
    name.ends_with("id")
        || name.starts_with("include_")
        || sentence.starts_with("whether ")
        || sentence.contains(" id ")
}

/// A schema that takes any other property, and says that it wants one.
fn open(object: &Map<String, Value>, place: &str, found: &mut Findings) {
    let is_open = object.get("additionalProperties") == Some(&Value::Bool(true));
    let description = object.get("description").and_then(Value::as_str);
    let (true, Some(description)) = (is_open, description) else {
        return;
    };
    for sentence in sentences(&fold(size::read(description))) {
        let signs = Signs::of(&sentence);
        let is_precious = signs.any(&[Sign::Private, Sign::Credential, Sign::SensitivePath]);
        if is_precious || signs.all(&[Sign::Fill, Sign::Whole, Sign::Data]) {
            let severity = if is_precious || signs.has(Sign::Mandate) {
                Severity::Medium
            } else {
                Severity::Low
            };
            found.add(
                Rule::OpenSchema,
                severity,
                (place, &sentence),
                "It takes any other property and asks for data in it.",
            );
        }
    }
}
