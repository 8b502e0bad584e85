//! Messages as tools really exchange them, made anew and always the same: what redaction is measured on.
//!
//! They stand for traffic, not for a proof of what is found: that is what labelled bodies are for.

mod clean;
mod dense;
mod flood;
mod random;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub use flood::Flood;

use random::Random;

/// What a message is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Traffic {
    /// Text about work: words, figures, dates, links.
    Prose,
    /// Rows of a database, as structured content and as its copy in a text.
    Rows,
    /// Source code in a text.
    Code,
    /// Lines of a log in a text.
    Logs,
    /// All of these in one message.
    Clean,
    /// Customers, their data and the secrets of a deployment, at every turn.
    Dense,
}

impl Traffic {
    /// Those in which nothing is sensitive, one by one.
    pub const CLEAN: [Self; 4] = [Self::Prose, Self::Rows, Self::Code, Self::Logs];

    /// A word or two for a table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Prose => "prose",
            Self::Rows => "rows",
            Self::Code => "code",
            Self::Logs => "logs",
            Self::Clean => "clean",
            Self::Dense => "dense",
        }
    }

    /// What a server answers: about so many bytes of JSON, the `number`th of its kind.
    pub fn answer(self, size_bytes: usize, number: u64) -> String {
        let mut random = Random::new(number);
        sized(size_bytes, |units| {
            let mut random = random.fork();
            let result = self.result(&mut random, units);
            json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string()
        })
    }

    /// The call of a tool with about so many bytes of JSON.
    pub fn call(self, tool: &str, size_bytes: usize, number: u64) -> String {
        let mut random = Random::new(number);
        sized(size_bytes, |units| {
            let mut random = random.fork();
            let params = json!({ "name": tool, "arguments": self.arguments(&mut random, units) });
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
                .to_string()
        })
    }

    fn result(self, random: &mut Random, units: usize) -> Value {
        let text = |text: String| json!({ "type": "text", "text": text });
        match self {
            Self::Prose => {
                json!({ "content": [text(clean::prose(random, units))], "isError": false })
            }
            Self::Code => {
                json!({ "content": [text(clean::code(random, units))], "isError": false })
            }
            Self::Logs => {
                json!({ "content": [text(clean::logs(random, units))], "isError": false })
            }
            Self::Rows => rows(&clean::rows(random, units), Vec::new()),
            Self::Clean => {
                let [prose, logs, code, orders] = shares(units);
                let more = vec![
                    text(clean::prose(random, prose)),
                    text(clean::logs(random, logs)),
                    text(clean::code(random, code)),
                ];
                rows(&clean::rows(random, orders), more)
            }
            Self::Dense => {
                let [letters, deployments, customers] = shares(units);
                let more = vec![
                    text(dense::letter(random, letters)),
                    text(dense::deployment(random, deployments)),
                ];
                rows(&dense::customers(random, customers), more)
            }
        }
    }

    fn arguments(self, random: &mut Random, units: usize) -> Value {
        match self {
            Self::Prose => json!({ "id": "welcome", "text": clean::prose(random, units) }),
            Self::Code => json!({ "path": "src/main.rs", "content": clean::code(random, units) }),
            Self::Logs => json!({ "stream": "api", "lines": clean::logs(random, units) }),
            Self::Rows => json!({ "table": "orders", "rows": clean::rows(random, units) }),
            Self::Clean => {
                let [prose, logs, code, orders] = shares(units);
                json!({
                    "comment": clean::prose(random, prose),
                    "log": clean::logs(random, logs),
                    "patch": clean::code(random, code),
                    "rows": clean::rows(random, orders),
                })
            }
            Self::Dense => {
                let [letters, deployments, customers] = shares(units);
                json!({
                    "letter": dense::letter(random, letters),
                    "environment": dense::deployment(random, deployments),
                    "rows": dense::customers(random, customers),
                })
            }
        }
    }
}

/// Units dealt to parts in turn.
fn shares<const PARTS: usize>(units: usize) -> [usize; PARTS] {
    std::array::from_fn(|part| (units + PARTS - 1 - part) / PARTS)
}

/// A result with structured content and, as MCP advises, its copy in a text.
fn rows(rows: &Value, more: Vec<Value>) -> Value {
    let structured = json!({ "rows": rows });
    let mut content = vec![json!({ "type": "text", "text": structured.to_string() })];
    content.extend(more);
    json!({ "content": content, "structuredContent": structured, "isError": false })
}

/// The longest that `build` makes of a number of units and that is no longer than wanted; what one
/// unit makes where even that is longer.
fn sized(size_bytes: usize, mut build: impl FnMut(usize) -> String) -> String {
    let (mut units, mut longest) = (1, build(1));
    let mut step = 1;
    while step > 0 {
        let longer = build(units + step);
        if longer.len() <= size_bytes {
            units += step;
            longest = longer;
            step *= 2;
        } else {
            step /= 2;
        }
    }
    longest
}
