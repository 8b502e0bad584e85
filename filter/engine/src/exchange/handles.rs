//! Handles in messages: sealed on the way to the client, opened on the way back.
//!
//! A sealed task id or request state knows what the call that made it acted on, and the calls inside
//! that call, so that whoever shows it again is judged by the same rules as those.

use std::borrow::Borrow;

use super::{Exchange, HeaderEdit, Malformed};
use crate::{
    entry::Capability,
    json::{Edits, Kind, Value, escape_into},
    message::{Body, Call, Era, Message, Method, RELATED_TASK_KEY},
    reason::Reason,
    seal::{Binding, Handle, SealError},
    server::Server,
};

const TASK_ID: &str = "`params.taskId` is not a string";
const TASK_IDS: &str = "`params.notifications.taskIds` is not a list of strings";
const REQUEST_STATE: &str = "`params.requestState` is not a string";

/// A task of this exchange: the server's id of it, and what its call acted on; one more for each call
/// inside that call.
pub(super) type Task = (Box<str>, Capability);

/// What the handles of a call stand for.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The tasks that it names.
    pub(super) tasks: Vec<Task>,
    /// Headers that name a handle.
    pub(super) headers: Vec<HeaderEdit>,
}

impl From<SealError> for Malformed {
    fn from(error: SealError) -> Self {
        Self::from(match error {
            SealError::NoKey => Reason::NoSealingKey,
            SealError::Foreign => Reason::UnknownHandle,
        })
    }
}

/// Why a handle of the server's cannot be handed out.
pub(super) fn unsealable(error: SealError) -> Reason {
    match error {
        SealError::NoKey => Reason::NoSealingKey,
        SealError::Foreign => Reason::UnreadableResponse,
    }
}

impl Exchange {
    pub(super) fn binding<'a>(&'a self, server: &'a Server) -> Binding<'a> {
        Binding {
            keys: &self.context.keys,
            organization: server.organization(),
            server: &server.name,
            principal: &self.principal,
        }
    }

    /// Opens the session that the client shows.
    pub(super) fn open_session(&self, server: &Server, token: &str) -> Result<HeaderEdit, Reason> {
        match self.binding(server).open(Handle::Session, token) {
            Ok((_, id)) => Ok(HeaderEdit::Set("mcp-session-id".to_owned(), id)),
            Err(SealError::NoKey) => Err(Reason::NoSealingKey),
            Err(SealError::Foreign) => Err(Reason::UnknownSession),
        }
    }

    /// Opens what a call shows of earlier ones, and puts the server's own handles in.
    pub(super) fn open_handles(
        &self,
        server: &Server,
        call: &Call<'_>,
        named: &[Capability],
        edits: &mut Edits,
    ) -> Result<Opened, Malformed> {
        let binding = self.binding(server);
        let mut opened = Opened::default();
        if call.method.is_some_and(Method::is_about_a_task) {
            let (tasks, id) = open_task(&binding, call.param("taskId"), TASK_ID, edits)?;
            opened.headers.extend(self.claims.renamed(&id));
            opened.tasks.extend(tasks);
        }
        if call.method == Some(Method::Listen) {
            let ids = call
                .param("notifications")
                .and_then(|notifications| notifications.get("taskIds"));
            if ids.is_some_and(|ids| ids.kind() != Kind::Array) {
                return Err(Malformed::new(Reason::InvalidParams, TASK_IDS));
            }
            for id in ids.into_iter().flat_map(Value::items) {
                let (tasks, _) = open_task(&binding, Some(id), TASK_IDS, edits)?;
                opened.tasks.extend(tasks);
            }
        }
        if let Some(state) = call.param("requestState") {
            let token = state
                .as_str()
                .ok_or_else(|| Malformed::new(Reason::InvalidParams, REQUEST_STATE))?;
            let (about, id) = binding.open(Handle::RequestState, &token)?;
            if about != about_text(named) {
                return Err(Reason::UnknownHandle.into());
            }
            edits.replace(state.span(), quoted(&id));
        }
        Ok(opened)
    }

    /// Opens what a message of the client's says it belongs to. Answers and notifications may be
    /// about a task that the client made itself, whose id is the client's own and has no seal.
    pub(super) fn open_related_task(
        &self,
        server: &Server,
        message: &Message<'_>,
        edits: &mut Edits,
    ) -> Result<(), Malformed> {
        let (carrier, must_open) = match message.body {
            Body::Request { call, .. } => (call.params, true),
            Body::Notification(call) => (call.params, false),
            Body::Response { .. } => (message.root.get("result"), false),
        };
        let meta = carrier.and_then(|carrier| carrier.get("_meta"));
        let related = meta.and_then(|meta| meta.get(RELATED_TASK_KEY));
        open_related(&self.binding(server), related, must_open, edits)
    }

    /// Seals what a result hands out.
    pub(super) fn seal_result(
        &self,
        server: &Server,
        result: Value<'_>,
        edits: &mut Edits,
    ) -> Result<(), Reason> {
        let of_task = result.get("task");
        let ids = [
            result.get("taskId"),
            of_task.and_then(|task| task.get("taskId")),
            related_id(result),
        ];
        for id in ids.into_iter().flatten() {
            self.seal(server, Handle::Task, id, edits)?;
        }
        match result.get("requestState") {
            Some(state) => self.seal(server, Handle::RequestState, state, edits),
            None => Ok(()),
        }
    }

    /// Seals what a request or notification of the server's hands out.
    ///
    /// # Errors
    /// [`Reason::UnknownHandle`] where it tells of a task that nothing here says anything about.
    pub(super) fn seal_sent(
        &self,
        server: &Server,
        call: &Call<'_>,
        edits: &mut Edits,
    ) -> Result<(), Reason> {
        if let Some(id) = call.params.and_then(related_id) {
            self.seal(server, Handle::Task, id, edits)?;
        }
        match call.method {
            Some(Method::TaskStatus | Method::TaskChanged) => {
                let id = call.param("taskId").ok_or(Reason::UnknownHandle)?;
                if self.about_task(id).next().is_none() {
                    return Err(Reason::UnknownHandle);
                }
                self.seal(server, Handle::Task, id, edits)
            }
            // The ids in the server's own requests are those of the client's tasks.
            Some(_) | None => Ok(()),
        }
    }

    fn seal(
        &self,
        server: &Server,
        handle: Handle,
        id: Value<'_>,
        edits: &mut Edits,
    ) -> Result<(), Reason> {
        let text = id.as_str().ok_or(Reason::UnreadableResponse)?;
        let about = match handle {
            Handle::Task => about_text(self.about_task(id)),
            Handle::Session | Handle::RequestState => about_text(self.asked.named()),
        };
        let token = self
            .binding(server)
            .seal(handle, &about, &text)
            .map_err(unsealable)?;
        edits.replace(id.span(), quoted(&token));
        Ok(())
    }

    /// What the call that made a task acted on: the request's own tasks know it, and any other
    /// task is of the request itself.
    fn about_task(&self, id: Value<'_>) -> impl Iterator<Item = &Capability> {
        let is_known = self.asked.tasks.iter().any(|(known, _)| id.is(known));
        let of_task = self.asked.tasks.iter();
        let of_task = of_task.filter(move |(known, _)| id.is(known));
        let own = self.asked.named().filter(move |_| !is_known);
        of_task.map(|(_, capability)| capability).chain(own)
    }

    /// Whether this exchange has sessions, so that one could begin with it.
    pub(super) fn begins_session(&self, method: Option<Method>) -> bool {
        self.asked.era == Era::Legacy && method == Some(Method::Initialize)
    }
}

fn related_id(carrier: Value<'_>) -> Option<Value<'_>> {
    carrier.get("_meta")?.get(RELATED_TASK_KEY)?.get("taskId")
}

fn open_task(
    binding: &Binding<'_>,
    id: Option<Value<'_>>,
    what: &'static str,
    edits: &mut Edits,
) -> Result<(Vec<Task>, String), Malformed> {
    let malformed = || Malformed::new(Reason::InvalidParams, what);
    let value = id.ok_or_else(malformed)?;
    let token = value.as_str().ok_or_else(malformed)?;
    let (about, id) = binding.open(Handle::Task, &token)?;
    // A task that nothing is known about cannot be judged.
    let made_by: Option<Vec<_>> = about.split('\n').map(capability_from).collect();
    let made_by = made_by.ok_or(Reason::UnknownHandle)?;
    edits.replace(value.span(), quoted(&id));
    let tasks = made_by.into_iter();
    let tasks = tasks.map(|capability| (id.as_str().into(), capability));
    Ok((tasks.collect(), id))
}

fn open_related(
    binding: &Binding<'_>,
    related: Option<Value<'_>>,
    must_open: bool,
    edits: &mut Edits,
) -> Result<(), Malformed> {
    let Some(id) = related.and_then(|related| related.get("taskId")) else {
        return Ok(());
    };
    let token = id
        .as_str()
        .ok_or_else(|| Malformed::new(Reason::InvalidParams, TASK_ID))?;
    match binding.open(Handle::Task, &token) {
        Ok((_, own)) => {
            edits.replace(id.span(), quoted(&own));
            Ok(())
        }
        Err(SealError::Foreign) if !must_open => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What was acted on, a line each: neither a name nor a normal URI has a line break.
pub(super) fn about_text<C: Borrow<Capability>>(named: impl IntoIterator<Item = C>) -> String {
    let line = |capability: C| match capability.borrow() {
        Capability::Tool(name) => format!("tool:{name}"),
        Capability::Prompt(name) => format!("prompt:{name}"),
        Capability::Resource(uri) => format!("resource:{uri}"),
    };
    let lines: Vec<_> = named.into_iter().map(line).collect();
    lines.join("\n")
}

fn capability_from(about: &str) -> Option<Capability> {
    let (kind, name) = about.split_once(':')?;
    match kind {
        "tool" => Some(Capability::Tool(name.into())),
        "prompt" => Some(Capability::Prompt(name.into())),
        "resource" => Some(Capability::Resource(name.into())),
        _ => None,
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    escape_into(&mut quoted, text);
    quoted.push('"');
    quoted
}
