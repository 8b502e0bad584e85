//! Content that no detector reads.

use std::{cmp::Reverse, collections::BTreeMap};

use chancery_proto::policy::v1 as policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::{Unreadable, unknown};

/// What is done with content that no detector reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Media {
    /// Images.
    #[serde(default, skip_serializing_if = "MediaAction::is_block")]
    images: MediaAction,
    /// Audio.
    #[serde(default, skip_serializing_if = "MediaAction::is_block")]
    audio: MediaAction,
    /// Blobs of resources.
    #[serde(default, skip_serializing_if = "MediaAction::is_block")]
    blobs: MediaAction,
    /// By MIME type, such as `application/pdf` or `image/*`, before all of these: an exact type comes
    /// before a glob, and a longer glob before a shorter one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    types: BTreeMap<String, MediaAction>,
}

/// What is done with one content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum MediaAction {
    #[default]
    Block,
    Pass,
}

impl Media {
    pub(super) fn is_blocked(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn into_message(self) -> policy::Media {
        let Self {
            images,
            audio,
            blobs,
            types,
        } = self;
        let mut types: Vec<_> = types.into_iter().collect();
        types.sort_by_key(|(r#type, _)| (r#type.contains(['*', '?']), Reverse(r#type.len())));
        let types = types.into_iter().map(|(r#type, action)| policy::MediaType {
            r#type,
            action: action.to_message().into(),
        });
        policy::Media {
            types: types.collect(),
            images: images.to_message().into(),
            audio: audio.to_message().into(),
            blobs: blobs.to_message().into(),
        }
    }

    pub(super) fn parse(profile: &str, message: policy::Media) -> Result<Self, Unreadable> {
        let policy::Media {
            types,
            images,
            audio,
            blobs,
        } = message;
        let types = types
            .into_iter()
            .map(|policy::MediaType { r#type, action }| {
                Ok((r#type, MediaAction::parse(profile, action)?))
            });
        Ok(Self {
            images: MediaAction::parse(profile, images)?,
            audio: MediaAction::parse(profile, audio)?,
            blobs: MediaAction::parse(profile, blobs)?,
            types: types.collect::<Result<_, _>>()?,
        })
    }
}

impl MediaAction {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_block(&self) -> bool {
        *self == Self::Block
    }

    fn to_message(self) -> policy::MediaAction {
        match self {
            Self::Block => policy::MediaAction::Block,
            Self::Pass => policy::MediaAction::Pass,
        }
    }

    fn parse(profile: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::MediaAction::try_from(number) {
            Ok(policy::MediaAction::Unspecified | policy::MediaAction::Block) => Ok(Self::Block),
            Ok(policy::MediaAction::Pass) => Ok(Self::Pass),
            Err(_) => Err(unknown(profile, "media", number)),
        }
    }
}
