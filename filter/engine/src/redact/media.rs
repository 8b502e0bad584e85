//! Content that no detector reads: images, audio, blobs.

use super::{Action, Finding, MediaAction, Plan, ProfileMode, carried::Carried};
use crate::json::{Child, Kind, Value};

/// A kind of such content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MediaKind {
    Image,
    Audio,
    Blob,
}

impl MediaKind {
    /// What a content of this `type` is.
    pub(super) fn of_type(content: Value<'_>) -> Option<Self> {
        let kind = content.get("type")?;
        if kind.is("image") {
            Some(Self::Image)
        } else if kind.is("audio") {
            Some(Self::Audio)
        } else {
            None
        }
    }

    /// The stable id, as findings have it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Blob => "blob",
        }
    }
}

/// Whether content is what it says, and no text that somebody could read.
pub(super) fn is_base64(content: Value<'_>) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    content.kind() == Kind::String && !content.is_escaped() && content.inner().bytes().all(is_digit)
}

/// What becomes of a content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// It goes on.
    Passes,
    /// It goes on, which is recorded.
    Observed,
    /// Something else takes its place.
    Blocked,
}

impl Plan {
    /// What is done with a content of a MIME type: what any profile blocks is blocked.
    fn fate(&self, kind: MediaKind, mime_type: &str) -> Fate {
        let mut fate = Fate::Passes;
        for profile in self.profiles() {
            let media = profile.media();
            let by_type = media.types.iter().find(|(glob, _)| glob.matches(mime_type));
            let action = by_type.map_or_else(
                || match kind {
                    MediaKind::Image => media.images,
                    MediaKind::Audio => media.audio,
                    MediaKind::Blob => media.blobs,
                },
                |(_, action)| *action,
            );
            match (action, profile.mode()) {
                (MediaAction::Pass, _) => {}
                (MediaAction::Block, ProfileMode::Enforce) => return Fate::Blocked,
                (MediaAction::Block, ProfileMode::Observe) => fate = Fate::Observed,
            }
        }
        fate
    }
}

impl<'d> Carried<'_, 'd> {
    /// Puts a text in the place of an image or audio that is blocked; whether it was.
    pub(super) fn image_or_audio(&mut self, kind: MediaKind, item: Value<'d>) -> bool {
        let is_blocked = self.is_blocked(kind, item, item);
        if is_blocked {
            let kind = kind.as_str();
            let text = format!("{{\"type\":\"text\",\"text\":\"[redacted:{kind}]\"}}");
            self.edits.replace(item.span(), text);
        }
        is_blocked
    }

    /// Puts a text in the place of the blob of a resource that is blocked; whether it was.
    pub(super) fn blob(&mut self, contents: Value<'d>, key: Value<'d>, blob: Value<'d>) -> bool {
        if !self.is_blocked(MediaKind::Blob, contents, blob) {
            return false;
        }
        let child = Child {
            key: Some(key),
            value: blob,
        };
        // Of two members with one key nobody could say which is read.
        let member = if contents.get("text").is_some() {
            "\"blob\":\"\""
        } else {
            "\"text\":\"[redacted:blob]\""
        };
        self.edits.replace(child.span(), member.to_owned());
        true
    }

    fn is_blocked(&mut self, kind: MediaKind, typed: Value<'d>, at: Value<'d>) -> bool {
        let mime_type = typed.get("mimeType").and_then(Value::as_str);
        let mime_type = mime_type.unwrap_or_default();
        let essence = mime_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let action = match self.redactor.plan.fate(kind, &essence) {
            Fate::Passes => return false,
            Fate::Observed => None,
            Fate::Blocked => Some(Action::Replace),
        };
        self.note(Finding {
            detector: kind.as_str().into(),
            pointer: self.pointer_to(at),
            count: 1,
            action,
        });
        action.is_some()
    }
}
