"""Labelled bodies, what scores a redactor on them, and the figures of other redactors."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    ("leak_rate", "leak %"),
    ("leak_pii", "PII %"),
    ("leak_secrets", "secrets %"),
    ("leak_macro", "macro %"),
    ("over_redaction", "over %"),
    ("hard_negatives_hit", "hard neg %"),
]


class Unusable(Exception):
    """Something that the user has to put right first."""


class Labels:
    """The samples of a file, and the `score.py` that stands beside it."""

    def __init__(self, path):
        self.path = Path(path)
        self.scorer = self.path.parent / "score.py"
        for file in (self.path, self.scorer):
            if not file.is_file():
                raise Unusable(
                    f"there is no `{file}`; expected labelled bodies as JSON lines (or .gz of them) "
                    "with their score.py beside them: give the path of the labels"
                )
        opened = gzip.open if self.path.suffix == ".gz" else open
        with opened(self.path, "rt", encoding="utf-8") as lines:
            self.samples = [json.loads(line) for line in lines]
        if not self.samples:
            raise Unusable(f"`{self.path}` is empty; expected a labelled body a line")

    def spread(self, count):
        """So many of the samples, evenly from first to last."""
        step = max(1, len(self.samples) / count)
        picked = [self.samples[int(index * step)] for index in range(min(count, len(self.samples)))]
        self.samples = picked

    def score(self, name, predictions, *options):
        """What `score.py` prints of predictions, the summary last, and its figures."""
        folder = ROOT / "target" / "redaction"
        folder.mkdir(parents=True, exist_ok=True)
        labels, predicted = folder / f"{name}.labels.jsonl", folder / f"{name}.jsonl"
        write_lines(labels, self.samples)
        write_lines(predicted, predictions)
        run = subprocess.run(
            [sys.executable, self.scorer, labels, predicted, *options],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        lines = run.stdout.splitlines()
        if run.returncode != 0 or not lines or not lines[-1].startswith("SUMMARY "):
            raise Unusable(f"`{self.scorer}` ended with {run.returncode} and without a SUMMARY line")
        pairs = (word.split("=", 1) for word in lines[-1].split()[1:])
        return lines, {key: number(value) for key, value in pairs}


def number(text):
    """A figure of the summary; its words stay words."""
    try:
        return float(text)
    except ValueError:
        return text


def write_lines(path, documents):
    """JSON lines, as they are: not a character of a body may change."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps(document) + "\n")


def peers():
    """What was measured last on this machine, else what was measured before."""
    measured = ROOT / "target" / "redaction-peers.json"
    if measured.is_file():
        return json.loads(measured.read_text())
    return json.loads((ROOT / "tests" / "redaction" / "peers.json").read_text())


def print_table(ours, others):
    """Ours, where there is ours, above the others."""
    print(f"{'':<38}" + "".join(f"{title:>12}" for _, title in COLUMNS) + f"{'MB/s':>9}")
    rows = [ours] if ours else []
    for row in rows + others["tools"]:
        if "error" in row:
            print(f"{row['tool']:<38}  not measured: {row['error']}")
            continue
        cells = "".join(f"{row[key]:>12.3f}" for key, _ in COLUMNS)
        speed = f"{row['mb_per_s']:>9.3f}" if "mb_per_s" in row else f"{'':>9}"
        print(f"{row['tool']:<38}{cells}{speed}")
    print(f"(the others: measured {others['measured']})")
