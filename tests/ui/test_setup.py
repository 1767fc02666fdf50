"""Profiles of models: proposed by what a machine is, fetched from a hub, set and used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from footnote.rag.core.config import load_config
from footnote.rag.profiles import (
    CPU_PLUS,
    GPU,
    MULTILINGUAL,
    OFFLINE,
    PROFILES,
    Machine,
    Profile,
    proposed,
)

REVISION = "0" * 40
PAPERS = [
    {"title": "Alpha: A Cache", "abstract": "Alpha keeps blocks on disk. It is fast."},
    {"title": "Bravo: A Scheduler", "abstract": "Bravo orders requests by length. It is fair."},
]


def machine(*, hub: bool, threads: int = 8, gpu: str | None = None) -> Machine:
    return Machine(processor="x", threads=threads, bfloat16=True, memory_gb=16, gpu=gpu, hub=hub)


def footnote(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("footnote"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        env=os.environ | variables,
    )


def published(cache: Path, name: str) -> Path:
    """A folder of a model, where the hub's client looks for what it has fetched before."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(REVISION)
    snapshot = folder / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    return snapshot


def publish(cache: Path) -> None:
    """Save tiny models as those of `cpu-plus` are saved, under their names."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BertModel,
        BertTokenizerFast,
    )

    assert CPU_PLUS.reranker
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "alpha", "bravo", "blocks", "requests"]
    (cache / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(str(cache / "vocab.txt"))
    shape = {
        "vocab_size": len(words), "hidden_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 512,
    }  # fmt: skip
    BertModel(BertConfig(**shape)).save_pretrained(cache / "plain")
    tokenizer.save_pretrained(cache / "plain")
    SentenceTransformer(
        modules=[Transformer(str(cache / "plain")), Pooling(32, pooling_mode="cls"), Normalize()],
        prompts={"query": "alpha "},
        device="cpu",
    ).save_pretrained(str(published(cache, CPU_PLUS.embedder.name)))
    reranker = published(cache, CPU_PLUS.reranker.name)
    BertForSequenceClassification(BertConfig(**shape, num_labels=1)).save_pretrained(reranker)
    tokenizer.save_pretrained(reranker)


@pytest.mark.parametrize(
    ("of", "profile"),
    [
        (machine(hub=True), CPU_PLUS),
        (machine(hub=True, threads=2), OFFLINE),
        (machine(hub=True, gpu="any"), GPU),
        (machine(hub=False, gpu="any"), OFFLINE),
    ],
)
def test_what_cannot_be_fetched_or_run_is_not_proposed(of: Machine, profile: Profile):
    assert proposed(of) is profile


def test_costs_are_counted():
    # 15 tokens of a question pass 10.6 million weights; or 21.3, and 20 papers of 350 pass 0.4.
    assert OFFLINE.question_cost == pytest.approx(159)
    assert CPU_PLUS.question_cost == pytest.approx(319.5 + 2_800)
    assert MULTILINGUAL.paper_cost / OFFLINE.paper_cost == pytest.approx(10.7 / 10.6)
    assert CPU_PLUS.megabytes == 151


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_each_is_settings_that_are_read(profile: Profile, tmp_path: Path):
    file = tmp_path / "footnote.yaml"
    file.write_text(yaml.safe_dump(profile.settings()))
    config = load_config(file)
    assert config.embedder.name == profile.embedder.name
    assert config.retrieval.reranker == (profile.reranker.name if profile.reranker else "")


@pytest.mark.slow
def test_a_profile_is_fetched_set_and_used(tmp_path: Path):
    publish(tmp_path)
    hub = {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    file, papers, index = tmp_path / "plus.yaml", tmp_path / "papers.jsonl", tmp_path / "index"
    papers.write_text("".join(f"{json.dumps(paper)}\n" for paper in PAPERS))
    said = footnote("setup", "cpu-plus", "--to", file, "--yes", "--index", index, **hub)
    assert said.returncode == 0, said.stderr
    assert f"footnote rebuild --config {file}" in said.stdout
    made = footnote("ingest", papers, "--config", file, **hub)
    assert made.returncode == 0, made.stderr
    card = json.loads(next(index.glob("snapshots/*/card.json")).read_text())
    assert (card["embedder"], card["dimension"]) == (CPU_PLUS.embedder.name, 32)
    found = footnote("search", "blocks", "--json", "--config", file, **hub)
    assert {hit["title"] for hit in json.loads(found.stdout)} == {p["title"] for p in PAPERS}


@pytest.mark.slow
def test_nothing_is_written_where_a_model_cannot_be_fetched_or_a_file_is(tmp_path: Path):
    file = tmp_path / "plus.yaml"
    hub = {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    said = footnote("setup", "cpu-plus", "--to", file, "--yes", **hub)
    assert said.returncode == 1
    assert CPU_PLUS.embedder.name in said.stderr
    assert not file.exists()
    file.write_text("llm: {}\n")
    said = footnote("setup", "offline", "--to", file, "--yes", **hub)
    assert "is there already; name a new one with --to" in said.stderr
    assert file.read_text() == "llm: {}\n"
    said = footnote("setup", "offline", "--to", tmp_path / "nowhere" / "x.yaml", **hub)
    assert f"there is no folder {tmp_path / 'nowhere'}; make it" in said.stderr


@pytest.mark.slow
def test_without_a_name_the_machine_is_looked_at_and_nothing_is_fetched(tmp_path: Path):
    hub = {"HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    found = json.loads(footnote("setup", "--json", **hub).stdout)
    assert found["machine"]["hub"] is False
    assert found["proposed"] == "offline"
    assert [each["name"] for each in found["profiles"]] == list(PROFILES)
    assert list(tmp_path.iterdir()) == []
