"""Load the weights that `python -m footnote.eval.train_ranking` fitted to questions."""

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("weights.json")


@cache
def load_weights(head: str) -> dict[str, float]:
    """Load the weight of each feature of a head, by name; its card stands beside them."""
    return json.loads(FILE.read_text(encoding="utf-8"))[head]["weights"]
