//! Redacts JSON lines `{"id", "content_type", "body"}` by the built-in profile, for the scorer.

use std::{
    io::{self, BufRead as _, Write as _},
    sync::Arc,
};

use chancery_engine::{
    entry::Direction,
    limits::Limits,
    redact::{
        Action, Choice, Media, MediaAction, Place, Plan, Profile, ProfileMode, ProfileParts,
        Redactor,
    },
};

fn main() -> io::Result<()> {
    let mut plan = Plan::default();
    let built_in = Profile::built_in();
    let detectors = built_in.detectors(Direction::ToClient, Place::Results);
    // Images pass here: this tries the detectors.
    let pass = Media {
        types: Vec::new(),
        images: MediaAction::Pass,
        audio: MediaAction::Pass,
        blobs: MediaAction::Pass,
    };
    plan.add(&Arc::new(Profile::new(ProfileParts {
        name: "detectors".into(),
        mode: ProfileMode::Enforce,
        choices: vec![Choice {
            detectors,
            custom: Vec::new(),
            directions: vec![Direction::ToServer, Direction::ToClient],
            places: Place::ALL.into(),
            action: Action::Replace,
        }],
        custom: Vec::new(),
        allowlists: Vec::new(),
        media: pass,
    })));
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let sample: serde_json::Value = serde_json::from_str(&line?)?;
        let text = |key: &str| {
            sample
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let request = sample.get("kind").is_some_and(|kind| kind == "request");
        let redactor = Redactor {
            plan: &plan,
            direction: if request {
                Direction::ToServer
            } else {
                Direction::ToClient
            },
            binding: None,
        };
        match redactor.body(
            text("content_type"),
            text("body").as_bytes(),
            &Limits::DEFAULT,
        ) {
            Ok(redacted) => writeln!(
                out,
                "{}",
                serde_json::json!({"id": sample.get("id"), "body": redacted.body})
            )?,
            Err(error) => writeln!(
                out,
                "{}",
                serde_json::json!({"id": sample.get("id"), "body": "", "error": error.to_string()})
            )?,
        }
    }
    Ok(())
}
