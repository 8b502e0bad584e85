//! The official conformance suite of MCP, through Envoy with the filter and without.

#![cfg(test)]

use std::collections::BTreeSet;

use chancery_tests::conformance::{HEADER_VALIDATION, Selection, Targets};

/// What the reference server leaves to whoever is in front of it.
const HEADERS: [&str; 3] = [
    HEADER_VALIDATION,
    "http-custom-header-server-validation",
    "tasks-request-headers",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_check_is_worse_through_the_filter_and_headers_are_checked_for_the_server() {
    let targets = Targets::start().await.unwrap();
    let (mut worse, mut headers) = (Vec::new(), Vec::new());
    for selection in Selection::ALL {
        let runs = targets.run(&selection).await.unwrap();
        // Else there would be little that could become worse.
        let failing = runs.direct.failing_scenarios();
        assert!(failing.is_subset(&BTreeSet::from(HEADERS)), "{failing:?}");
        worse.extend(runs.compare().worse.iter().map(ToString::to_string));
        let tallies = [&runs.direct, &runs.through].map(|side| side.tally_of(HEADER_VALIDATION));
        headers.extend(
            tallies
                .iter()
                .any(|tally| tally.made() > 0)
                .then_some(tallies),
        );
    }
    assert!(worse.is_empty(), "worse:\n{}", worse.join("\n"));
    let [[direct, through]] = headers.try_into().unwrap();
    assert!(direct.failed > 0);
    assert_eq!((through.passed, through.failed), (direct.made(), 0));
}
