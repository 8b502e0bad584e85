use chancery_proto::policy::v1 as pb;
use serde_json::json;

use super::{
    texts,
    trip::{profile, redacted},
};
use crate::redact::Action;

fn with_media(media: pb::Media) -> super::Site {
    let mut site = redacted(pb::RedactionAction::Replace);
    site.profiles[0].media = Some(media);
    site
}

#[test]
fn blocked_content_leaves_a_text_that_says_so() {
    let result = json!({"content": [
        {"type": "image", "data": "aGk=", "mimeType": "image/png", "annotations": {"priority": 1}},
        {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
        {"type": "resource", "resource": {"uri": "a://b", "mimeType": "application/pdf", "blob": "aGk="}},
        {"type": "resource", "resource": {"uri": "a://b", "blob": "aGk=", "text": "t"}},
    ]});
    let trip = redacted(pb::RedactionAction::Replace).called(&json!({}), &result);
    let expected = json!({"content": [
        {"type": "text", "text": "[redacted:image]"},
        {"type": "text", "text": "[redacted:audio]"},
        {"type": "resource", "resource": {"uri": "a://b", "mimeType": "application/pdf", "text": "[redacted:blob]"}},
        {"type": "resource", "resource": {"uri": "a://b", "blob": "", "text": "t"}},
    ]});
    assert_eq!(trip.answer["result"], expected);
    let gone = Some(Action::Replace);
    assert_eq!(
        trip.found(),
        [
            ("image", "/result/content/0", 1, gone),
            ("audio", "/result/content/1", 1, gone),
            ("blob", "/result/content/2/resource/blob", 1, gone),
            ("blob", "/result/content/3/resource/blob", 1, gone),
        ]
    );
}

#[test]
fn the_first_type_that_matches_decides() {
    let media = |kind: &str, action: pb::MediaAction| pb::MediaType {
        r#type: kind.to_owned(),
        action: action.into(),
    };
    let mut site = with_media(pb::Media {
        types: vec![
            media("image/svg*", pb::MediaAction::Block),
            media("image/*", pb::MediaAction::Pass),
        ],
        audio: pb::MediaAction::Pass.into(),
        ..pb::Media::default()
    });
    let image = |kind: &str| json!({"type": "image", "data": "aGk=", "mimeType": kind});
    let result = json!({"content": [
        image("image/png"),
        image("IMAGE/SVG+xml; charset=utf-8"),
        image("x/y"),
        {"type": "image", "data": "aGk="},
        {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
    ]});
    let trip = site.called(&json!({}), &result);
    let content = &trip.answer["result"]["content"];
    let gone = json!({"type": "text", "text": "[redacted:image]"});
    let passed = &result["content"];
    assert_eq!(content, &json!([passed[0], gone, gone, gone, passed[4]]));
    // One profile that blocks is enough; one that observes is none.
    for (mode, blocked) in [
        (pb::RedactionMode::Observe, false),
        (pb::RedactionMode::Enforce, true),
    ] {
        let mut site = with_media(pb::Media {
            images: pb::MediaAction::Pass.into(),
            ..pb::Media::default()
        });
        site.profiles.push(pb::RedactionProfile {
            mode: mode.into(),
            ..profile("q", pb::RedactionAction::Replace)
        });
        site.rules[0].obligations.as_mut().unwrap().redact = texts(&["p", "q"]);
        let trip = site.called(&json!({}), &json!({"content": [image("image/png")]}));
        assert_eq!(trip.answer["result"]["content"][0] == gone, blocked);
        assert_eq!(trip.found().len(), 1);
    }
}

#[test]
fn what_passes_is_not_looked_into_and_all_around_it_is() {
    let pass = pb::MediaAction::Pass.into();
    let mut site = with_media(pb::Media {
        images: pass,
        blobs: pass,
        ..pb::Media::default()
    });
    let card = "4111111111111111";
    let result = json!({"content": [
        {"type": "image", "data": card, "mimeType": "image/png", "alt": "ann@example.com"},
        {"type": "resource", "resource": {"uri": "a://b", "blob": card}},
        {"type": "unknown", "data": card},
        {"type": "image", "data": "no base64: ann@example.com", "mimeType": {"x": "ann@example.com"}},
        {"type": "resource", "resource": {"uri": "a://b", "blob": ["ann@example.com"]}},
    ]});
    let trip = site.called(&json!({}), &result);
    let content = &trip.answer["result"]["content"];
    let (mail, number) = ("[redacted:email]", "[redacted:payment_card]");
    let expected = json!([
        {"type": "image", "data": card, "mimeType": "image/png", "alt": mail},
        result["content"][1],
        {"type": "unknown", "data": number},
        {"type": "image", "data": format!("no base64: {mail}"), "mimeType": {"x": mail}},
        {"type": "resource", "resource": {"uri": "a://b", "blob": [mail]}},
    ]);
    assert_eq!(content, &expected);
}
