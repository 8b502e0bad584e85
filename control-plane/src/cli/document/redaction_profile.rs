//! `kind: RedactionProfile`.

mod media;

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::media::Media;
use super::{ApiVersion, Metadata, Unreadable, document, unknown, unless_empty};
use crate::cli::name::{Kind, Scope};

document! {
    /// What is looked for in messages, where, and what is done with it. Rules name it under `redact`.
    /// One that is called `default` takes the place of the built-in one.
    #[schemars(title = "RedactionProfile")]
    RedactionProfileDocument of RedactionProfile: RedactionProfileKind, Metadata, RedactionProfileSpec
}

/// What is looked for, and what is done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RedactionProfileSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether what is found is changed, or only recorded.
    #[serde(default, skip_serializing_if = "is_enforced")]
    mode: Mode,
    /// What is looked for. Of several that cover one find, the most protective action counts: from
    /// `block` over `replace`, `mask`, `hash` and `token` to `partial`.
    #[schemars(length(min = 1))]
    redact: Vec<Choice>,
    /// What is done with content that no detector reads; blocked where left out.
    #[serde(default, skip_serializing_if = "Media::is_blocked")]
    media: Media,
    /// Ids of `kind: Allowlist` documents: what is left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowlists: Vec<String>,
}

/// Whether what is found is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Mode {
    #[default]
    Enforce,
    Observe,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_enforced(mode: &Mode) -> bool {
    *mode == Mode::Enforce
}

/// Some detectors, where, and what is done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Choice {
    /// Ids of detectors, built in or `kind: Detector` documents; or `personal`, `secrets` or `all`,
    /// for what is built in.
    #[schemars(length(min = 1))]
    detectors: Vec<String>,
    /// What is done with a find.
    #[serde(default)]
    action: Action,
    /// In messages of which direction.
    #[serde(default, skip_serializing_if = "is_both")]
    direction: Direction,
    /// Where in them; everywhere where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<Place>,
}

/// What is done with a find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Action {
    #[default]
    Replace,
    Mask,
    Partial,
    Hash,
    Token,
    Block,
}

/// Which way messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Direction {
    #[default]
    Both,
    ToServer,
    ToClient,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_both(direction: &Direction) -> bool {
    *direction == Direction::Both
}

/// Where in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Place {
    Arguments,
    ParamHeaders,
    Results,
    Resources,
    Prompts,
    Errors,
    Meta,
    ServerRequests,
}

impl RedactionProfileDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::RedactionProfile {
        let RedactionProfileSpec {
            description,
            mode,
            redact,
            media,
            allowlists,
        } = self.spec.clone();
        let name = self.metadata.name(Kind::RedactionProfile, scope);
        admin::RedactionProfile {
            name: name.to_string(),
            description: description.unwrap_or_default(),
            mode: mode.to_message().into(),
            choices: redact.into_iter().map(Choice::into_message).collect(),
            media: (!media.is_blocked()).then(|| media.into_message()),
            allowlists,
            ..admin::RedactionProfile::default()
        }
    }
}

impl TryFrom<admin::RedactionProfile> for RedactionProfileDocument {
    type Error = Unreadable;

    fn try_from(message: admin::RedactionProfile) -> Result<Self, Unreadable> {
        let admin::RedactionProfile {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            mode,
            choices,
            media,
            allowlists,
        } = message;
        let choices = choices
            .into_iter()
            .map(|choice| Choice::parse(&name, choice));
        let media = media.map(|media| Media::parse(&name, media));
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: RedactionProfileKind::RedactionProfile,
            metadata: Metadata::parse(&name)?,
            spec: RedactionProfileSpec {
                description: unless_empty(description),
                mode: Mode::parse(&name, mode)?,
                redact: choices.collect::<Result<_, _>>()?,
                media: media.transpose()?.unwrap_or_default(),
                allowlists,
            },
        })
    }
}

impl Mode {
    fn to_message(self) -> policy::RedactionMode {
        match self {
            Self::Enforce => policy::RedactionMode::Enforce,
            Self::Observe => policy::RedactionMode::Observe,
        }
    }

    fn parse(profile: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::RedactionMode::try_from(number) {
            Ok(policy::RedactionMode::Unspecified | policy::RedactionMode::Enforce) => {
                Ok(Self::Enforce)
            }
            Ok(policy::RedactionMode::Observe) => Ok(Self::Observe),
            Err(_) => Err(unknown(profile, "mode", number)),
        }
    }
}

impl Choice {
    fn into_message(self) -> policy::RedactionChoice {
        let Self {
            detectors,
            action,
            direction,
            places,
        } = self;
        policy::RedactionChoice {
            detectors,
            direction: direction.to_message().into(),
            places: places.iter().map(|place| place.id().to_owned()).collect(),
            action: action.to_message().into(),
        }
    }

    fn parse(profile: &str, message: policy::RedactionChoice) -> Result<Self, Unreadable> {
        let policy::RedactionChoice {
            detectors,
            direction,
            places,
            action,
        } = message;
        let places = places.iter().map(|id| Place::parse(profile, id));
        Ok(Self {
            detectors,
            action: Action::parse(profile, action)?,
            direction: Direction::parse(profile, direction)?,
            places: places.collect::<Result<_, _>>()?,
        })
    }
}

impl Action {
    fn to_message(self) -> policy::RedactionAction {
        match self {
            Self::Replace => policy::RedactionAction::Replace,
            Self::Mask => policy::RedactionAction::Mask,
            Self::Partial => policy::RedactionAction::Partial,
            Self::Hash => policy::RedactionAction::Hash,
            Self::Token => policy::RedactionAction::Token,
            Self::Block => policy::RedactionAction::Block,
        }
    }

    fn parse(profile: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::RedactionAction::try_from(number) {
            Ok(policy::RedactionAction::Replace) => Ok(Self::Replace),
            Ok(policy::RedactionAction::Mask) => Ok(Self::Mask),
            Ok(policy::RedactionAction::Partial) => Ok(Self::Partial),
            Ok(policy::RedactionAction::Hash) => Ok(Self::Hash),
            Ok(policy::RedactionAction::Token) => Ok(Self::Token),
            Ok(policy::RedactionAction::Block) => Ok(Self::Block),
            Ok(policy::RedactionAction::Unspecified) | Err(_) => {
                Err(unknown(profile, "action", number))
            }
        }
    }
}

impl Direction {
    fn to_message(self) -> policy::RedactionDirection {
        match self {
            Self::Both => policy::RedactionDirection::Unspecified,
            Self::ToServer => policy::RedactionDirection::ToServer,
            Self::ToClient => policy::RedactionDirection::ToClient,
        }
    }

    fn parse(profile: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::RedactionDirection::try_from(number) {
            Ok(policy::RedactionDirection::Unspecified) => Ok(Self::Both),
            Ok(policy::RedactionDirection::ToServer) => Ok(Self::ToServer),
            Ok(policy::RedactionDirection::ToClient) => Ok(Self::ToClient),
            Err(_) => Err(unknown(profile, "direction", number)),
        }
    }
}

impl Place {
    const ALL: [Self; 8] = [
        Self::Arguments,
        Self::ParamHeaders,
        Self::Results,
        Self::Resources,
        Self::Prompts,
        Self::Errors,
        Self::Meta,
        Self::ServerRequests,
    ];

    /// Its id, as messages have it.
    fn id(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::ParamHeaders => "param_headers",
            Self::Results => "results",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
            Self::Errors => "errors",
            Self::Meta => "meta",
            Self::ServerRequests => "server_requests",
        }
    }

    fn parse(profile: &str, id: &str) -> Result<Self, Unreadable> {
        let found = Self::ALL.into_iter().find(|place| place.id() == id);
        found.ok_or_else(|| Unreadable {
            name: profile.to_owned(),
            field: "places",
            found: format!("the unknown `{id}`"),
        })
    }
}
