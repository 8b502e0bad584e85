use super::*;

#[test]
fn probe() {
    for text in [
        "a: 1\nb:\n  - x\n  - {c: yes, d: [1.0, 007, 1_0, 12345678901234567890]}\n---\n---\n# x\n---\nz: &q 1\ny: *q\n",
        "{\n\t\"a\": \"\\ud83d\\ude00\",\n\t\"b\": [1, null]}",
        "a: 1\na: 2\n", "a:\n\tb: 1\n", "a: [1\nb: 2\n", "<<: {a: 1}\n", "? [a]\n: 1\n", "1: 2\ntrue: x\n~: 4\n",
        "", "# only\n", "a: *nope\n", "a: \"x\n", "a: b: c\n", "a: !foo 1\n", "a: .inf\n", "a: 123456789012345678901234567890123456789012\n","a: 99999999999999999999\n",
        "- a\n-b\n", "a: 1\n b: 2\n", "\u{feff}a: 1\n", "a: @x\n", "key: value\n}\n", "a: \u{1}\n", "'a': b\n...\nfoo\n---\nx: 1",
    ] {
        match Node::read_all(text) {
            Ok(nodes) => for n in nodes { println!("{text:?} => {:?}\n", n); },
            Err(e) => println!("{text:?} => ERR {} {}\n", e.at, e.message),
        }
    }
}
