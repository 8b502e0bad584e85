//! Which parts of a message carry data, and as what: the protocol's own fields are never touched.

use super::{
    Blocked, Finding, MAX_FINDINGS, Place, Redactor, ToolSchema,
    copy::replaced_in_copy,
    media::{MediaKind, is_base64},
    protocol::{LISTS, PROTOCOL_META, PROTOCOL_PARAMS, PROTOCOL_RESULTS, SCHEMA_WORDS},
};
use crate::{
    entry::Direction,
    json::{Edits, Kind, Value},
    message::{Answer, Body, Message, Method},
};

/// Redacts what a message carries.
#[derive(Debug)]
pub struct Carried<'a, 'd> {
    /// By what.
    pub redactor: Redactor<'a>,
    /// Where pointers begin.
    pub root: Value<'d>,
    /// What the structured content of the answer must fit, where that is known.
    pub schema: Option<&'a ToolSchema>,
    /// What is replaced.
    pub edits: &'a mut Edits,
    /// What was found.
    pub findings: &'a mut Vec<Finding>,
    /// Whether something was replaced by what does not fit the schema.
    pub is_unfit: bool,
}

/// An object of the protocol's that holds data.
#[derive(Clone, Copy, Debug)]
struct Holder<'d> {
    object: Value<'d>,
    /// As what its data counts.
    place: Place,
    /// Whether it is parameters, else a result.
    is_params: bool,
    /// Whether it answers whatever was asked.
    answers_anything: bool,
}

/// The structured content of a result, redacted.
struct Structured<'d> {
    value: Value<'d>,
    edits: Edits,
    findings: Vec<Finding>,
}

impl<'d> Holder<'d> {
    fn params(place: Place, object: Value<'d>) -> Self {
        Self {
            object,
            place,
            is_params: true,
            answers_anything: false,
        }
    }

    fn result(place: Place, object: Value<'d>) -> Self {
        Self {
            is_params: false,
            ..Self::params(place, object)
        }
    }

    fn is_protocol(&self, key: &str, value: Value<'_>) -> bool {
        let is_scalar = !matches!(value.kind(), Kind::Array | Kind::Object);
        let is_list = self.answers_anything && LISTS.contains(&key);
        is_list
            || (self.is_params && PROTOCOL_PARAMS.contains(&key))
            || (!self.is_params && is_scalar && PROTOCOL_RESULTS.contains(&key))
    }
}

impl<'d> Carried<'_, 'd> {
    /// Redacts a whole message. `asked` is the method that it answers, where that is known.
    ///
    /// # Errors
    /// Where it must not go on.
    pub fn message(&mut self, message: &Message<'d>, asked: Option<Method>) -> Result<(), Blocked> {
        if self.redactor.plan.is_empty() {
            return Ok(());
        }
        let direction = self.redactor.direction;
        let (call, place) = match (message.body, direction) {
            (Body::Request { call, .. } | Body::Notification(call), Direction::ToServer) => {
                (call, Place::Arguments)
            }
            (Body::Request { call, .. }, Direction::ToClient) => (call, Place::ServerRequests),
            (Body::Notification(call), Direction::ToClient) => (call, Place::Results),
            (Body::Response { answer, .. }, _) => {
                return match (answer, direction) {
                    (Answer::Result(result), Direction::ToServer) => {
                        self.members(Holder::result(Place::Arguments, result))
                    }
                    (Answer::Result(result), Direction::ToClient) => self.result(asked, result),
                    (Answer::Error(error), _) => self.error(error),
                };
            }
        };
        match call.params {
            Some(params) => self.members(Holder::params(place, params)),
            None => Ok(()),
        }
    }

    fn result(&mut self, asked: Option<Method>, result: Value<'d>) -> Result<(), Blocked> {
        let place = match asked {
            Some(Method::Initialize | Method::Discover) => {
                if let Some(text) = result.get("instructions") {
                    self.whole(Place::Results, text)?;
                }
                return result.get("_meta").map_or(Ok(()), |meta| self.meta(meta));
            }
            Some(method) if method.is_list() => {
                return result.get("_meta").map_or(Ok(()), |meta| self.meta(meta));
            }
            Some(Method::PromptsGet) => Place::Prompts,
            Some(Method::ResourcesRead) => Place::Resources,
            Some(_) | None => Place::Results,
        };
        self.members(Holder {
            answers_anything: asked.is_none(),
            ..Holder::result(place, result)
        })
    }

    fn error(&mut self, error: Value<'d>) -> Result<(), Blocked> {
        if error.kind() != Kind::Object {
            return self.whole(Place::Errors, error);
        }
        for (key, value) in error.members() {
            if !key.is("code") {
                self.whole(Place::Errors, value)?;
            }
        }
        Ok(())
    }

    fn members(&mut self, holder: Holder<'d>) -> Result<(), Blocked> {
        let Holder { object, place, .. } = holder;
        if object.kind() != Kind::Object {
            return self.whole(place, object);
        }
        let structured = match object.get("structuredContent") {
            Some(value) => Some(self.structured(place, value)?),
            None => None,
        };
        for (key, value) in object.members() {
            let key = key.as_str().unwrap_or_default();
            if holder.is_protocol(&key, value) {
                continue;
            }
            match (&*key, &structured) {
                ("structuredContent", Some(structured)) => {
                    self.edits.extend(structured.edits.clone());
                    self.note_all(&structured.findings);
                }
                ("content", _) => self.content(place, value, structured.as_ref())?,
                (key, _) => self.member(holder, key, value)?,
            }
        }
        Ok(())
    }

    fn member(&mut self, holder: Holder<'d>, key: &str, value: Value<'d>) -> Result<(), Blocked> {
        let place = holder.place;
        let is_task = || holder.object.get("taskId").is_some();
        let is = |other: Place| place == other || holder.answers_anything;
        match key {
            "_meta" => self.meta(value),
            "contents" if is(Place::Resources) => self.each(value, &mut |carried, one| {
                carried.resource(Place::Resources, one)
            }),
            "messages" if place == Place::ServerRequests || is(Place::Prompts) => {
                let place = if place == Place::ServerRequests {
                    place
                } else {
                    Place::Prompts
                };
                self.each(value, &mut |carried, one| {
                    carried.members(Holder::result(place, one))
                })
            }
            "inputRequests" => self.each(value, &mut |carried, one| match one.get("params") {
                Some(params) => carried.members(Holder::params(Place::ServerRequests, params)),
                None => Ok(()),
            }),
            "inputResponses" => self.each(value, &mut |carried, one| {
                carried.members(Holder::result(Place::Arguments, one))
            }),
            "requestedSchema" => self.requested_schema(place, value),
            "result" if is_task() => self.members(Holder {
                object: value,
                ..holder
            }),
            "error" if is_task() => self.error(value),
            _ => self.whole(place, value),
        }
    }

    /// The form of an elicitation, whose keys and words make it a form.
    fn requested_schema(&mut self, place: Place, schema: Value<'d>) -> Result<(), Blocked> {
        self.each(schema, &mut |carried, one| {
            if one.kind() != Kind::Object {
                return carried.whole(place, one);
            }
            carried.each(one, &mut |carried, property| {
                if property.kind() != Kind::Object {
                    return carried.whole(place, property);
                }
                for child in property.children() {
                    let is_word = |word: &&str| child.key.is_some_and(|key| key.is(word));
                    if !SCHEMA_WORDS.iter().any(is_word) {
                        carried.whole(place, child.value)?;
                    }
                }
                Ok(())
            })
        })
    }

    fn meta(&mut self, meta: Value<'d>) -> Result<(), Blocked> {
        if meta.kind() != Kind::Object {
            return self.whole(Place::Meta, meta);
        }
        for (key, value) in meta.members() {
            if !PROTOCOL_META.iter().any(|known| key.is(known)) {
                self.whole(Place::Meta, value)?;
            }
        }
        Ok(())
    }

    /// The content of a result or message: an item, a list of them, or, in an answer to an
    /// elicitation, an object of fields.
    fn content(
        &mut self,
        place: Place,
        content: Value<'d>,
        structured: Option<&Structured<'d>>,
    ) -> Result<(), Blocked> {
        if content.kind() != Kind::Array {
            return self.item(place, content, structured);
        }
        for item in content.items() {
            self.item(place, item, structured)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        place: Place,
        item: Value<'d>,
        structured: Option<&Structured<'d>>,
    ) -> Result<(), Blocked> {
        let kind = item.get("type");
        let is = |name: &str| kind.is_some_and(|kind| kind.is(name));
        let is_tool = is("tool_use") || is("tool_result");
        let is_item = is_tool
            || ["text", "image", "audio", "resource", "resource_link"]
                .iter()
                .any(|name| is(name));
        if !is_item {
            return self.whole(place, item);
        }
        let media = MediaKind::of_type(item);
        if media.is_some_and(|kind| self.image_or_audio(kind, item)) {
            return Ok(());
        }
        for (key, value) in item.members() {
            let key = key.as_str().unwrap_or_default();
            match &*key {
                "type" | "mimeType" if value.kind() == Kind::String => {}
                "data" if media.is_some() && is_base64(value) => {}
                "id" | "name" | "toolUseId" if is_tool => {}
                "_meta" => self.meta(value)?,
                "resource" if is("resource") => self.resource(place, value)?,
                "content" if is_tool => self.content(place, value, None)?,
                "text" if self.copied(value, structured) => {}
                _ => self.whole(place, value)?,
            }
        }
        Ok(())
    }

    fn resource(&mut self, place: Place, contents: Value<'d>) -> Result<(), Blocked> {
        if contents.kind() != Kind::Object {
            return self.whole(place, contents);
        }
        for (key, value) in contents.members() {
            let name = key.as_str().unwrap_or_default();
            match &*name {
                "mimeType" if value.kind() == Kind::String => {}
                // The client asked for it by this name.
                "uri" if place == Place::Resources => {}
                "blob" if self.blob(contents, key, value) || is_base64(value) => {}
                "_meta" => self.meta(value)?,
                _ => self.whole(place, value)?,
            }
        }
        Ok(())
    }

    fn structured(&mut self, place: Place, value: Value<'d>) -> Result<Structured<'d>, Blocked> {
        let (mut edits, mut findings) = (Edits::default(), Vec::new());
        let all = (self.root, value);
        let redacted = self.redactor.redact(place, all, &mut edits, &mut findings);
        if redacted.is_err() {
            self.note_all(&findings);
        }
        redacted?;
        if let Some(schema) = self.schema {
            self.is_unfit |= schema.fit(value, &mut edits).is_err();
        }
        edits.sort();
        Ok(Structured {
            value,
            edits,
            findings,
        })
    }

    /// Whether a text is a copy of the structured content beside it, which was redacted with that.
    fn copied(&mut self, text: Value<'d>, structured: Option<&Structured<'d>>) -> bool {
        let Some(structured) = structured else {
            return false;
        };
        let replaced = replaced_in_copy(text, structured.value, &structured.edits);
        let Some(replaced) = replaced else {
            return false;
        };
        for (range, with) in replaced {
            self.edits.replace(range, with);
        }
        if !structured.findings.is_empty() {
            let pointer = self.pointer_to(text);
            for finding in &structured.findings {
                self.note(Finding {
                    pointer: pointer.clone(),
                    ..finding.clone()
                });
            }
        }
        true
    }

    fn whole(&mut self, place: Place, value: Value<'d>) -> Result<(), Blocked> {
        let all = (self.root, value);
        self.redactor.redact(place, all, self.edits, self.findings)
    }

    /// Does something with every item or member of a value.
    fn each(
        &mut self,
        value: Value<'d>,
        what: &mut dyn FnMut(&mut Self, Value<'d>) -> Result<(), Blocked>,
    ) -> Result<(), Blocked> {
        let mut children = value.children();
        children.try_for_each(|child| what(self, child.value))
    }

    /// Where a value stands, as long as places are kept one by one.
    pub(super) fn pointer_to(&self, value: Value<'d>) -> String {
        if self.findings.len() < MAX_FINDINGS {
            self.root.pointer_to(value)
        } else {
            String::new()
        }
    }

    fn note_all(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.note(finding.clone());
        }
    }

    /// Records a finding, counted with those of the same at the same place.
    pub(super) fn note(&mut self, mut finding: Finding) {
        if self.findings.len() >= MAX_FINDINGS {
            finding.pointer.clear();
        }
        // They come place by place, so that the same are near.
        let near = self.findings.iter_mut().rev().take(NEAR_FINDINGS);
        let mut same = near.filter(|other| {
            (&other.detector, &other.pointer, other.action)
                == (&finding.detector, &finding.pointer, finding.action)
        });
        match same.next() {
            Some(other) => other.count = other.count.saturating_add(finding.count),
            None => self.findings.push(finding),
        }
    }
}

/// How many findings are looked through for one that is the same.
const NEAR_FINDINGS: usize = 64;
