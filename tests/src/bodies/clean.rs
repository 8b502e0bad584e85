//! What holds nothing sensitive, and much that looks like it: figures, dates, ids, hashes, links.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Random;

const WORDS: [&str; 48] = [
    "the",
    "order",
    "was",
    "shipped",
    "from",
    "our",
    "warehouse",
    "and",
    "will",
    "arrive",
    "before",
    "noon",
    "please",
    "check",
    "that",
    "invoice",
    "matches",
    "what",
    "you",
    "expected",
    "a",
    "report",
    "on",
    "latency",
    "shows",
    "improvement",
    "over",
    "last",
    "quarter",
    "while",
    "memory",
    "stays",
    "flat",
    "we",
    "should",
    "plan",
    "next",
    "release",
    "with",
    "more",
    "tests",
    "for",
    "streams",
    "in",
    "production",
    "customers",
    "noticed",
    "nothing",
];

/// So many sentences.
pub(super) fn prose(random: &mut Random, sentences: usize) -> String {
    let mut text = String::new();
    for _ in 0..sentences {
        for _ in 0..random.between(6, 14) {
            text.push_str(random.pick(&WORDS));
            text.push(' ');
        }
        let aside = match random.between(0, 6) {
            0 => format!("on {}", random.date()),
            1 => format!("at {}", random.time()),
            2 => format!("by {}.{} %", random.between(1, 40), random.between(0, 10)),
            3 => format!(
                "see https://wiki.example.com/pages/{}?version=3",
                random.between(1_000, 99_999)
            ),
            4 => format!(
                "in {} of {} cases",
                random.between(2, 50),
                random.between(50, 900)
            ),
            _ => "as agreed".to_owned(),
        };
        text.push_str(&aside);
        text.push_str(if random.between(0, 5) == 0 {
            ".\n\n"
        } else {
            ". "
        });
    }
    text
}

/// So many rows of a table of orders.
pub(super) fn rows(random: &mut Random, count: usize) -> Value {
    let row = |_| {
        let number = random.between(10_000, 99_999);
        json!({
            "order": format!("ORD-2026-{number}"),
            "key": random.uuid(),
            "status": random.pick(&["open", "paid", "shipped", "returned", "cancelled"]),
            "sku": format!("KX-{}-{}", random.between(100, 999), random.pick(&["A", "B", "C"])),
            "quantity": random.between(1, 40),
            "total_cents": random.between(500, 900_000),
            "currency": random.pick(&["EUR", "USD", "CHF"]),
            "weight_kg": f64::from(u32::try_from(random.between(1, 9_000)).unwrap_or_default()) / 100.0,
            "created_at": format!("{}T{}Z", random.date(), random.time()),
            "etag": random.hex(40),
            "link": format!("https://shop.example.com/orders/{number}?page={}", random.between(1, 9)),
            "tags": [random.pick(&["b2b", "b2c"]), random.pick(&["priority", "standard", "bulk"])],
            "paid": random.between(0, 2) == 1,
            "discount": null,
        })
    };
    (0..count).map(row).collect()
}

/// So many functions.
pub(super) fn code(random: &mut Random, functions: usize) -> String {
    let mut text = String::from("import { defineConfig } from \"@build/config\";\n\n");
    for _ in 0..functions {
        let (noun, verb) = (
            random.pick(&["Order", "Stream", "Buffer", "Route", "Invoice", "Window"]),
            random.pick(&["read", "merge", "encode", "split", "resolve", "count"]),
        );
        let (first, second) = (random.between(0, 512), random.between(0, 4_096));
        let _ = write!(
            text,
            "/** @returns what {verb} makes of it, at most {second} of them. */\n\
             export function {verb}{noun}(items: {noun}[], limit = {first}): Map<string, {noun}> {{\n\
             \tconst seen = new Map<string, {noun}>();\n\
             \tfor (const [index, item] of items.entries()) {{\n\
             \t\tif (index >= limit || item.kind !== \"{verb}\") continue;\n\
             \t\tseen.set(`${{item.key}}:${{index}}`, {{ ...item, mask: 0x{}, path: 'src\\\\{noun}.ts' }});\n\
             \t}}\n\
             \treturn seen; // rev {}\n\
             }}\n\n",
            random.hex(8),
            random.hex(7),
        );
    }
    text
}

/// So many lines of a log.
pub(super) fn logs(random: &mut Random, lines: usize) -> String {
    let mut text = String::new();
    for _ in 0..lines {
        let _ = writeln!(
            text,
            "{}T{}.{:03}Z {:<5} api-{} request={} trace={} {} /v1/orders/{}/items?limit=50 status={} duration_ms={} bytes={}",
            random.date(),
            random.time(),
            random.between(0, 1_000),
            random.pick(&["INFO", "DEBUG", "WARN"]),
            random.hex(9),
            random.uuid(),
            random.hex(32),
            random.pick(&["GET", "POST", "PATCH"]),
            random.between(1, 99_999),
            random.pick(&["200", "201", "304", "404", "503"]),
            random.between(1, 3_000),
            random.between(200, 90_000),
        );
    }
    text
}
