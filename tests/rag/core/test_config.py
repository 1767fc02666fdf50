import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import ConfigError
from tests.conftest import ROOT


def test_config_yaml_ships_every_default():
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert shipped == Config().model_dump(mode="json")


def test_command_line_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "mine.yaml"
    file.write_text("retrieval: {depth: 7, dense_weight: 0.1}\nindex: from-file\n")
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__DEPTH", "9")
    monkeypatch.setenv("FOOTNOTE_INDEX", "from-env")
    config = load_config(file, index=Path("from-cli"))
    assert (config.retrieval.depth, config.retrieval.dense_weight) == (9, 0.1)
    assert config.index == Path("from-cli")
    assert load_config(file).index == Path("from-env")


def test_the_working_folder_s_file_is_read(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("answering: {max_sentences: 1}")
    assert load_config().answering.max_sentences == 1
    assert load_config(read_default_file=False).answering.max_sentences != 1


def test_every_wrong_key_is_listed_at_once(tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text("retrieval: {depht: 20, dense_weight: 3}\nwebb: {}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    message = str(caught.value)
    assert "retrieval.depht" in message
    assert "retrieval.dense_weight" in message
    assert "webb" in message


@pytest.mark.parametrize("content", ["a: [", "\x00", "- a\n- b\n", "words", "7", "\udcff"])
def test_a_file_that_is_no_settings(tmp_path: Path, content: str):
    file = tmp_path / "bad.yaml"
    file.write_text(content, errors="surrogateescape")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load_config(file)


def test_a_named_file_that_is_absent(tmp_path: Path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", ["", "# nothing\n", "llm:\n"])
def test_a_file_or_section_that_says_nothing(tmp_path: Path, content: str):
    file = tmp_path / "empty.yaml"
    file.write_text(content)
    if content.startswith("llm"):
        with pytest.raises(ConfigError, match="llm"):
            load_config(file)
    else:
        assert load_config(file).model_dump() == Config().model_dump()


def test_a_key_in_a_file_is_refused_and_not_shown(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("llm: {api_key: sesame}")
    with pytest.raises(ConfigError, match="FOOTNOTE_LLM__API_KEY") as caught:
        load_config(file)
    assert "sesame" not in str(caught.value)


def footnote(folder: Path, *arguments: object, **environment: str) -> tuple[int, str]:
    """Run the command line as a person does who has just gone into a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "footnote.ui.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


PAPER = {"title": "Alpha: A Cache", "abstract": "Alpha keeps the cache on disk. It is fast."}


def stranger_s_folder(folder: Path, settings: object) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    (folder / "papers.jsonl").write_text(json.dumps(PAPER))


PROGRAM = {"embedder": {"name": "subprocess:Popen", "arguments": {"args": ["touch", "ran"]}}}
MODULE = "import pathlib\npathlib.Path('ran').touch()\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(PROGRAM, id="a-program"),
        pytest.param({"embedder": {"name": "planted:Embedding"}}, id="a-module"),
        pytest.param(
            {"llm": {"backend": "subprocess:Popen", "arguments": {"args": ["touch", "ran"]}}},
            id="a-model",
        ),
        pytest.param({"llm": {"backend": "planted:LLM"}}, id="a-model-s-module"),
    ],
)
def test_a_settings_file_that_was_merely_found_runs_nothing(tmp_path: Path, settings: object):
    stranger_s_folder(tmp_path, settings)
    (tmp_path / "planted.py").write_text(MODULE)
    # `python -m` has the working folder on the path of modules.
    code, error = footnote(tmp_path, "ingest", "papers.jsonl")
    assert code == 1
    [line] = error.splitlines()
    assert line.startswith("footnote: settings file config.yaml, which lies in this folder")
    assert line.endswith("add --config config.yaml")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / ".footnote").exists()


@pytest.mark.slow
def test_a_file_of_variables_in_the_working_folder_runs_nothing(tmp_path: Path):
    """Chroma's own settings read one, and load the classes that it names."""
    (tmp_path / "papers.jsonl").write_text(json.dumps(PAPER))
    (tmp_path / "planted.py").write_text(MODULE)
    (tmp_path / ".env").write_text("chroma_product_telemetry_impl=planted.Telemetry\n")
    hashing = {"FOOTNOTE_EMBEDDER__NAME": "tests.hashing:HashEmbedding"}
    code, error = footnote(tmp_path, "ingest", "papers.jsonl", **hashing)
    assert (code, error) == (0, "")
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_what_is_no_embedding_is_not_called_even_from_a_file_that_is_named(tmp_path: Path):
    stranger_s_folder(tmp_path, PROGRAM)
    code, error = footnote(tmp_path, "ingest", "papers.jsonl", "--config", "config.yaml")
    assert code == 1
    assert "Popen is not a LlamaIndex embedding" in error
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_the_shipped_settings_are_found_and_work_and_a_named_file_may_say_all(tmp_path: Path):
    (tmp_path / "papers.jsonl").write_text(json.dumps(PAPER))
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    assert footnote(tmp_path, "ingest", "papers.jsonl")[0] == 0
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({"embedder": {"name": "tests.hashing:HashEmbedding"}, "index": "other"})
    )
    assert footnote(tmp_path, "ingest", "papers.jsonl")[0] == 1
    assert footnote(tmp_path, "ingest", "papers.jsonl", FOOTNOTE_CONFIG="config.yaml") == (0, "")


def test_the_shipped_settings_are_found_and_are_the_defaults(tmp_path: Path):
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    assert load_config().model_dump() == Config().model_dump()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ("index: /elsewhere", "index"),
        ("embedder: {name: some/model}", "embedder.name"),
        ("embedder: {arguments: {trust_remote_code: true}}", "embedder.arguments"),
        ("store: {url: 'http://stranger.example'}", "store.url"),
        ("retrieval: {reranker: folder}", "retrieval.reranker"),
        ("sources: {arxiv: {url: 'http://stranger.example'}}", "sources.arxiv.url"),
        ("sources: {huggingface: {url: 'file:///x'}}", "sources.huggingface.url"),
        ("llm: {backend: ollama}", "llm.backend"),
        ("llm: {model: evil.gguf}", "llm.model"),
        ("llm: {base_url: 'http://stranger.example'}", "llm.base_url"),
        ("llm: {judge: folder}", "llm.judge"),
        ("llm: {arguments: {a: 1}}", "llm.arguments"),
        ("llm: {prompts: {system: obey}}", "llm.prompts"),
        ("llm: {cache: /elsewhere}", "llm.cache"),
        ("web: {host: 0.0.0.0}", "web.host"),
    ],
)
def test_what_only_a_named_file_may_say(tmp_path: Path, settings: str, name: str):
    file = tmp_path / "config.yaml"
    file.write_text(settings)
    with pytest.raises(ConfigError, match=f"sets `{name}`; .* add --config config.yaml"):
        load_config()
    load_config(file)


def test_what_the_environment_says_in_its_place_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The next command may lack it."""
    (tmp_path / "config.yaml").write_text("index: /elsewhere")
    monkeypatch.setenv("FOOTNOTE_INDEX", "mine")
    with pytest.raises(ConfigError, match="sets `index`"):
        load_config(index=Path("mine"))


def test_a_found_file_may_not_send_a_key_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", "sesame")
    (tmp_path / "config.yaml").write_text(
        "llm: {backend: openai-compatible, model: m, base_url: 'https://stranger.example/v1'}"
    )
    with pytest.raises(ConfigError, match=r"`llm.backend`, `llm.model`, `llm.base_url`") as caught:
        load_config()
    assert "sesame" not in str(caught.value)


def test_every_setting_that_is_no_number_and_no_fixed_choice_is_named(tmp_path: Path):
    """A setting that is added later is refused from a found file unless its type is harmless."""
    values = Config.model_construct().model_dump(mode="json")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(_altered(values)))
    with pytest.raises(ConfigError) as caught:
        load_config()
    told = set(str(caught.value).split("`")[1::2])
    free = {name for name, value in _leaves(values) if not isinstance(value, int | float)}
    fixed = {"embedder.dtype", "retrieval.system", "llm.profile"}
    numbers = {f"llm.{name}" for name in ("context_window", "max_tokens", "price_in", "price_out")}
    numbers |= {"web.at_once", "retrieval.reranker_depth"}
    assert told == free - fixed - numbers


_MAY_BE_NUMBERS = frozenset(
    ["context_window", "max_tokens", "price_in", "price_out", "at_once", "reranker_depth"]
)


def _leaves(values: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            found.append((prefix + name, value))
    return found


def _altered(values: dict[str, object]) -> dict[str, object]:
    """The settings with another text, address or mapping wherever there is one."""
    changed: dict[str, object] = {}
    for name, value in values.items():
        if name in ("root_path", "users"):
            hashed = f"scrypt:{'0' * 32}:{'0' * 64}"
            changed[name] = {"root_path": "/papers", "users": {"a": hashed}}[name]
        elif name == "oidc":
            changed[name] = {"issuer": "https://stranger.example", "client_id": "a"}
        elif isinstance(value, dict):
            changed[name] = _altered(value) if value else {"a": "b"}  # pyright: ignore[reportUnknownArgumentType]
        elif name in ("dtype", "system", "profile"):
            changed[name] = {"dtype": "float32", "system": "bm25", "profile": "strong"}[name]
        elif name in _MAY_BE_NUMBERS:
            changed[name] = 300
        elif isinstance(value, list):
            changed[name] = ["stranger.example"]
        elif value is None or isinstance(value, str):
            changed[name] = "https://stranger.example"
        else:
            changed[name] = value
    return changed


def leaves(model: BaseModel, *path: str) -> Iterator[tuple[str, object]]:
    """Yield every setting that holds one value, by its name in the environment."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, *path, name)
        elif isinstance(value, str | int | float) and value != "":
            yield "__".join((*path, name)).upper(), value


def test_every_setting_can_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    defaults = load_config()
    settings = dict(leaves(defaults))
    assert len(settings) > 20
    for name, value in settings.items():
        monkeypatch.setenv(f"FOOTNOTE_{name}", str(value))
    assert load_config().model_dump() == defaults.model_dump()
