"""Scores `chancery redact` on labelled bodies; the last line is the summary of the scorer.

usage: score_profile.py CHANCERY LABELS [PROFILE]
"""

import json
import subprocess
import sys

from labels import Labels, Unusable, peers, print_table

KEPT = ("id", "content_type", "body")


def redact(program, profile, samples):
    """What the command makes of the bodies. It sees the bodies alone, never their labels."""
    lines = "".join(json.dumps({key: sample[key] for key in KEPT}) + "\n" for sample in samples)
    command = [program, "redact", "--profile", profile]
    run = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(samples):
        raise Unusable(f"`{' '.join(command)}` ended with {run.returncode} after {len(answers)} of {len(samples)} bodies")
    return answers


def main():
    program, path, *rest = sys.argv[1:]
    profile = rest[0] if rest else "default"
    labels = Labels(path)
    redacted = redact(program, profile, labels.samples)
    refused = [answer for answer in redacted if "error" in answer]
    for answer in refused[:10]:
        print(f"refused: {answer['id']}: {answer['error']}")
    # The scorer takes what is missing for what went on unchanged, which is the worst of it.
    lines, figures = labels.score("ours", [answer for answer in redacted if "body" in answer])
    print(*lines[:-1], sep="\n")
    print()
    print(f"{len(refused)} of {len(redacted)} bodies refused")
    print_table({"tool": f"Chancery, profile {profile}", **figures}, peers())
    print()
    print(lines[-1])


if __name__ == "__main__":
    try:
        main()
    except Unusable as error:
        sys.exit(f"redaction-score: {error}")
