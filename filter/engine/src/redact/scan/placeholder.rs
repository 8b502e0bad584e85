//! What stands where a secret would and is none.

/// How references begin: to variables, to vaults, to our own tokens.
const STARTS: [&[u8]; 24] = [
    b"${",
    b"{{",
    b"$(",
    b"$",
    b"<",
    b"%(",
    b"[redacted",
    b"process.env",
    b"os.environ",
    b"os.getenv",
    b"env.",
    b"env(",
    b"ENV[",
    b"getenv",
    b"secrets.",
    b"vault:",
    b"ref+",
    b"!ref",
    b"arn:",
    b"projects/",
    b"your",
    b"r1.",
    b"System.getenv",
    b"var.",
];

/// Words that stand for a secret.
const WHOLE: [&[u8]; 24] = [
    b"redacted",
    b"null",
    b"none",
    b"nil",
    b"true",
    b"false",
    b"undefined",
    b"string",
    b"string!",
    b"required",
    b"optional",
    b"hidden",
    b"masked",
    b"empty",
    b"example",
    b"placeholder",
    b"changeme",
    b"todo",
    b"n/a",
    b"unset",
    b"not set",
    b"password",
    b"secret",
    b"token",
];

/// What stands where a secret would: a reference, a mask, a word for it.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let starts = STARTS.iter().any(|start| {
        value
            .get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    });
    let whole = WHOLE.iter().any(|whole| value.eq_ignore_ascii_case(whole));
    let masked = value
        .iter()
        .all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'#' | b'_'))
        || value.windows(3).any(|three| three == b"***")
        || value.windows(3).any(|three| three == b"\xE2\x80\xA2")
        || value.ends_with(b"...");
    let env = value.first() == Some(&b'%') && value.len() > 2 && value.last() == Some(&b'%');
    // A reference to a variable is `$NAME`; a password may begin with a dollar too.
    let dollar = value.first() == Some(&b'$')
        && value.iter().skip(1).any(|byte| {
            byte.is_ascii_punctuation()
                && !matches!(
                    byte,
                    b'_' | b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'.' | b'-' | b'>' | b':'
                )
        });
    // `[FILTERED]`, `[redacted:…]`.
    let bracketed = matches!(value, [b'[', inside @ .., b']'] if inside.iter().all(|byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'_')
    }));
    (starts && !dollar) || whole || bracketed || masked || env
}

/// Whether bytes are of more than one kind: digits, or signs, or letters of both cases.
pub(super) fn is_mixed(value: &[u8]) -> bool {
    let digit = value.iter().any(u8::is_ascii_digit);
    let upper = value.iter().skip(1).any(u8::is_ascii_uppercase);
    let lower = value.iter().any(u8::is_ascii_lowercase);
    digit || upper && lower
}
