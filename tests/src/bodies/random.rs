//! Numbers that look random and are the same in every build: fuel is counted over what they make.

/// `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The same numbers again.
    pub(super) fn fork(&mut self) -> Self {
        self.clone()
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to below `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// One of these; empty where there are none.
    pub(super) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let position = self.next() % (choices.len().max(1) as u64);
        let position = usize::try_from(position).unwrap_or_default();
        choices.get(position).copied().unwrap_or_default()
    }

    /// So many characters of an alphabet.
    pub(super) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut letter = || {
            let position = self.next() % (letters.len().max(1) as u64);
            letters
                .get(usize::try_from(position).unwrap_or_default())
                .copied()
        };
        (0..length).filter_map(|_| letter()).collect()
    }

    pub(super) fn hex(&mut self, length: usize) -> String {
        self.text("0123456789abcdef", length)
    }

    pub(super) fn digits(&mut self, length: usize) -> String {
        self.text("0123456789", length)
    }

    pub(super) fn uuid(&mut self) -> String {
        let (a, b, c, d) = (self.hex(8), self.hex(4), self.hex(3), self.hex(3));
        format!("{a}-{b}-4{c}-a{d}-{}", self.hex(12))
    }

    /// A day of 2026.
    pub(super) fn date(&mut self) -> String {
        format!("2026-{:02}-{:02}", self.between(1, 13), self.between(1, 29))
    }

    pub(super) fn time(&mut self) -> String {
        let (hour, minute, second) = (
            self.between(0, 24),
            self.between(0, 60),
            self.between(0, 60),
        );
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}
