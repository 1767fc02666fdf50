"""Settings: plain data, read once, never a live object."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from footnote.rag.core.errors import ConfigError
from footnote.rag.core.request import MOST_QUERIES

DEFAULT_FILE = Path("config.yaml")
HASHED = r"^scrypt:[0-9a-f]{32}:[0-9a-f]{64}$"
"""How a hashed password is written: its salt, and what scrypt makes of both."""
BY_THE_MODEL = "model"
"""The judge, or the reranker, that is the language model itself."""


class Section(BaseModel):
    """Base of every section: immutable, unknown keys refused, defaults checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Embedder(Section):
    """What turns text into vectors."""

    name: str = "bundled"
    """`bundled`, a plugin's name, a sentence-transformers name or folder, or `package.module:Class`
    of a LlamaIndex embedding."""
    max_tokens: int = Field(default=512, ge=16)
    """Longer text is cut; the bundled model reads up to 512."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` takes bfloat16 where the processor computes in it."""
    batch: int = Field(default=32, ge=1)
    """Texts a batch."""
    passes: int = Field(default=2, ge=1, le=2)
    """How often a local model reads a paper: sentence by sentence and then whole, or once, which is
    twice as fast, finds what questions ask for as well, and claims less well (0.742 nDCG@10 of
    SciFact in place of 0.755); a change needs `footnote rebuild`."""
    arguments: dict[str, Any] = {}
    """Passed on to the plugin, or the class of a LlamaIndex embedding."""


class Store(Section):
    """Where the vectors are kept."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+/?$")
    """Address of a Chroma server; null keeps them in the index folder."""
    shards: int = Field(default=1, ge=1, le=256)
    """Parts that an index is spread over when it is made, or made anew by `footnote rebuild`; a
    question finds the same whatever the number."""
    exact_up_to: int = Field(default=250_000, ge=0)
    """Sentences up to which a question is compared with all of them; above, Chroma finds the 300
    nearest papers, and theirs are compared. So many take 4 to 13 ms on one thread, and 98 MB."""


class Retrieval(Section):
    """How papers are found."""

    system: Literal["footnote", "hybrid-rrf", "dense", "bm25"] = "footnote"
    """`footnote`, or fewer of its signals: fused by rank, vectors alone, words alone."""
    depth: int = Field(default=200, ge=1)
    """Sentences taken by their vectors, and papers by their words, before fusion."""
    dense_weight: float = Field(default=0.43, ge=0, le=1)
    """Share of the vectors in the fused score; the rest is BM25's."""
    late_weight: float = Field(default=0.53, ge=0, le=1)
    """Share of late interaction after that; 0 leaves it out."""
    neighbour_weight: float = Field(default=0.25, ge=0, le=1)
    """Share of the most alike papers' scores after that; 0 leaves it out."""
    reranker: str = ""
    """A plugin's name, or a sentence-transformers cross-encoder that reads the best papers, by its
    name or folder; `model` for the strong language model, which puts them in order."""
    reranker_depth: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Papers that it reads; `auto` is 30, or 40 of the language model."""


class Answering(Section):
    """How an answer is put together."""

    papers: int = Field(default=6, ge=1)
    """Papers whose sentences are considered."""
    max_sentences: int = Field(default=5, ge=1)
    """Sentences of running text at most; fewer where the next ones do not belong to the answer."""
    survey_papers: int = Field(default=12, ge=1)
    """Rows of a survey that are shown at once, a paper each."""
    min_confidence: float = Field(default=0.2, ge=0, le=1)
    """Least probability that the papers answer; below it the answer is a refusal."""
    max_question_chars: int = Field(default=4_000, ge=1)
    """Longer questions are an error."""


class Service(Section):
    """A service that papers are fetched from."""

    url: str
    interval_s: float = Field(default=1.0, ge=0)
    """Least time between the beginnings of two requests."""


class Sources(Section):
    """How papers are fetched."""

    arxiv: Service = Service(url="https://export.arxiv.org/api/query", interval_s=3.0)
    huggingface: Service = Service(url="https://huggingface.co/api/daily_papers", interval_s=1.0)
    zotero: Service = Service(url="http://127.0.0.1:23119/api", interval_s=0.0)
    page_papers: int = Field(default=200, ge=1, le=2_000)
    """Papers asked for in one request to arXiv, which allows 2,000, or to Zotero."""
    max_papers: int = Field(default=10_000, ge=1)
    """A search that finds more is refused."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Longest wait for a connection, and for each piece of an answer."""
    page_s: float = Field(default=180.0, gt=0)
    """Longest time for one page, with all attempts and waits between them."""
    attempts: int = Field(default=5, ge=1, le=20)
    """Requests for one page until it is given up."""
    page_mb: float = Field(default=20.0, gt=0)
    """A larger answer is refused."""
    fresh_h: float = Field(default=12.0, ge=0)
    """A page fetched within so many hours is not asked for again."""
    kept_days: float = Field(default=30.0, ge=0)
    """Older pages are deleted after a fetch."""
    kept_mb: float = Field(default=500.0, ge=0)
    """And the oldest of a service, until they take no more than this."""


class LanguageModel(Section):
    """What writes answers; without one they are made of quotes alone."""

    backend: str = "none"
    """`none`, `llama.cpp`, `openai-compatible`, `ollama`, `anthropic`, `gemini`, `mistral`,
    `azure`, `bedrock`, or `package.module:Class` of a LlamaIndex LLM."""
    model: str = ""
    """A GGUF file for llama.cpp, empty for the small one that comes with `footnote-papers[local]`;
    for the others the name their server knows."""
    base_url: str | None = None
    """Address of the server's API, such as http://127.0.0.1:8000/v1; Ollama's is known."""
    api_key: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """From the environment alone: FOOTNOTE_LLM__API_KEY."""
    context_window: Annotated[int, Field(ge=256)] | Literal["auto"] = "auto"
    """Tokens that the model reads at once; sources that do not fit are left out. `auto` asks its
    server; where that does not say, the name of a strong model may; else 4096, or 8192 of a strong
    one."""
    max_tokens: Annotated[int, Field(ge=16)] | Literal["auto"] = "auto"
    """Tokens of an answer at most; `auto` is 400, or of a strong model 1500 to 4000, and never more
    than the window has room for."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0)
    """For the whole answer, further attempts and the wait for a turn included; then quotes take its
    place. As long again for each look at what it wrote, where the model judges or mends it."""
    parallel: int = Field(default=4, ge=1)
    """Questions that are put to it at once by one process; others wait for their turn."""
    cache: bool | Path = True
    """Where whole replies are kept, to be given again to the same prompt at temperature 0: true for
    the index folder, another folder, or false for nowhere."""
    price_in: float | None = Field(default=None, ge=0)
    """Of a million tokens that it reads, in any currency; answers then say what they cost, and a
    report before it begins."""
    price_out: float | None = Field(default=None, ge=0)
    """Of a million tokens that it writes."""
    profile: Literal["small", "strong"] = "small"
    """How it is asked: for a few sentences that each name a paper, or for a whole answer of
    statements that each name the sentences they rest on."""
    papers: int = Field(default=20, ge=1, le=100)
    """Papers that a strong model is sent at most."""
    queries: int = Field(default=4, ge=0, le=MOST_QUERIES)
    """Searches that a strong model may add to a question's own, when it reads it; 0 for none."""
    judge: str = ""
    """A sentence-transformers cross-encoder that judges if quotes say a statement, by its name or
    folder; a plugin's name; `model` for the language model itself, which sees the statement and its
    quotes alone; empty for none."""
    judge_threshold: float = Field(default=0.9, gt=0, lt=1)
    """A statement is checked when the judge holds it for said at least this likely."""
    arguments: dict[str, Any] = Field(default={}, repr=False)
    """Options of llama.cpp's server, fields sent with each question to another one, or what a
    class is made with."""
    prompts: dict[str, str] = {}
    """Texts in place of those in `rag/llm/prompts.py`, by their names there."""


Allowed = Literal["read", "ask", "write"]


class Oidc(Section):
    """An OpenID provider by which people sign in."""

    issuer: str = Field(pattern=r"^https?://\S+$")
    """As it calls itself, such as https://login.example.org/realms/lab."""
    client_id: str = Field(min_length=1)
    """By which it knows this server."""
    client_secret: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """From the environment alone: FOOTNOTE_WEB__OIDC__CLIENT_SECRET; none of a public client."""
    scope: str = "openid profile email"
    """What it is asked to tell."""
    role_claim: str = "roles"
    """The claim that names the roles of a person, with dots where it lies in another one."""
    roles: dict[str, Allowed] = {}
    """What each role allows; others allow nothing."""
    everyone: Allowed | None = None
    """What whoever signs in may do; null for nothing."""


class Web(Section):
    """Where the page and the doors for programs are served, and to whom."""

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65_535)
    """0 takes a free one."""
    writable: bool = True
    """False shows papers, and neither adds nor removes any."""
    upload_mb: float = Field(default=100.0, gt=0, le=10_000)
    """A larger file is refused."""
    reports: Path = Path("reports")
    """Folder of evaluation reports, each in a folder of its own."""
    keep_refused: int = Field(default=200, ge=0, le=10_000)
    """Refused questions that are kept in the index folder, the newest; 0 keeps none."""
    hosts: tuple[str, ...] = ()
    """Further names by which browsers reach it, such as that of a proxy."""
    root_path: str = Field(default="", pattern=r"^(/[\w.~-]+)*$")
    """Where a proxy serves it, such as `/papers`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose word is taken for who calls, and for `https`."""
    certificate: str = ""
    """A file with a certificate in PEM; empty without TLS."""
    key: str = ""
    """The file of its private key; empty where that is in the same file."""
    users: dict[str, Annotated[str, Field(pattern=HASHED)]] = Field(default={}, repr=False)
    """Names and hashed passwords, as `footnote password` writes them."""
    oidc: Oidc | None = None
    """An OpenID provider by which people sign in, beside passwords and tokens."""
    at_once: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Questions that are worked on at the same time: one a processor core, or 8 where a language
    model writes, which is mostly waited for."""
    waiting: int = Field(default=64, ge=0)
    """Questions that may wait for that; further ones are sent away."""
    a_client: int = Field(default=8, ge=1)
    """Questions that one client may have there at once, waiting or worked on."""
    workers: int = Field(default=0, ge=0, le=64)
    """Further processes that answer programs, on the next port."""
    connections: int = Field(default=500, ge=10, le=100_000)
    """Connections that are served at once, whatever is asked on them; further calls get 503."""


class OnRay(Section):
    """How `footnote serve --engine ray` is spread over a cluster."""

    replicas: int = Field(default=1, ge=1, le=1000)
    """Processes that hold each shard."""
    max_replicas: int = Field(default=0, ge=0, le=1000)
    """So many of each by load, and no fewer than `replicas`; 0 leaves their number as it is."""
    routers: int = Field(default=1, ge=1, le=1000)
    """Processes that answer. Where there may be more than one they serve programs, and no page."""
    max_routers: int = Field(default=0, ge=0, le=1000)
    """So many by load, as `max_replicas`."""
    ongoing: float = Field(default=4.0, gt=0)
    """Calls that each is to have at once, where their number goes by load."""
    cpus: float = Field(default=0.0, ge=0)
    """Processors that Ray sets aside for each of these processes."""
    timeout_s: float = Field(default=10.0, gt=0)
    """A shard that gives no answer for so long is left out, and the answer says so."""


class Config(BaseSettings):
    """The whole of config.yaml."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="FOOTNOTE_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
    )

    index: Path = Path(".footnote/index")
    """The index folder."""
    embedder: Embedder = Embedder()
    store: Store = Store()
    retrieval: Retrieval = Retrieval()
    answering: Answering = Answering()
    sources: Sources = Sources()
    llm: LanguageModel = LanguageModel()
    web: Web = Web()
    ray: OnRay = OnRay()


def load_config(
    file: Path | None = None, *, read_default_file: bool = True, **overrides: object
) -> Config:
    """Read and check the settings.

    Args:
        file: A YAML file; without it `FOOTNOTE_CONFIG`, then `config.yaml` in the working
            folder, then the defaults alone.
        read_default_file: False leaves the working folder's `config.yaml` unread.
        overrides: Settings from the command line; None leaves one as it is.

    Raises:
        ConfigError: The file named is absent or not YAML, or a key is wrong; every wrong key is
            listed, each by its dotted name. Or the file was merely found in the working folder,
            and says what to load, to open or to speak to.
    """
    if named := file or _named_in_environment():
        return _checked(named, _source(named), overrides)
    if not (read_default_file and DEFAULT_FILE.is_file()):
        return _checked(None, None, overrides)
    source = _source(DEFAULT_FILE)
    config = _checked(DEFAULT_FILE, source, overrides)
    _refuse_what_only_a_named_file_may_say(_checked(DEFAULT_FILE, source, {}, environment=False))
    return config


def _named_in_environment() -> Path | None:
    named = os.environ.get("FOOTNOTE_CONFIG")
    return Path(named) if named else None


def _source(file: Path) -> YamlConfigSettingsSource:
    if not file.exists():
        raise ConfigError(f"settings file {file} does not exist; name another with --config")
    try:
        source = YamlConfigSettingsSource(Config, file)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"settings file {file} cannot be read: {reason}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"settings file {file} holds no keys and values; write lines such as `index: FOLDER`"
        ) from error
    if isinstance(model := source.yaml_data.get("llm"), dict) and "api_key" in model:
        raise ConfigError(
            f"settings file {file} holds `llm.api_key`; "
            "give the key in the environment, as FOOTNOTE_LLM__API_KEY"
        )
    web = source.yaml_data.get("web")
    if isinstance(web, dict) and isinstance(o := web.get("oidc"), dict) and "client_secret" in o:
        raise ConfigError(
            f"settings file {file} holds `web.oidc.client_secret`; "
            "give the secret in the environment, as FOOTNOTE_WEB__OIDC__CLIENT_SECRET"
        )
    return source


def _checked(
    file: Path | None,
    source: YamlConfigSettingsSource | None,
    overrides: dict[str, object],
    *,
    environment: bool = True,
) -> Config:
    class Loaded(Config):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                init_settings,
                *([env_settings] if environment else []),
                *([source] if source else []),
            )

    try:
        return Loaded(**{k: v for k, v in overrides.items() if v is not None})  # pyright: ignore[reportArgumentType]
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"settings ({file or 'environment'}): {wrong}") from error
    except SettingsError as error:
        raise ConfigError(f"settings (environment): {error}") from error


def _refuse_what_only_a_named_file_may_say(found: Config) -> None:
    if names := [f"`{name}`" for name in _free_settings(found, Config.model_construct())]:
        raise ConfigError(
            f"settings file {DEFAULT_FILE}, which lies in this folder, sets {', '.join(names)}; "
            "what is loaded, opened or spoken to is taken only from a file that you name: "
            f"if you trust it, add --config {DEFAULT_FILE}"
        )


def _free_settings(section: BaseModel, usual: BaseModel, prefix: str = "") -> Iterator[str]:
    """The dotted names of settings, other than by default, that are no number and no fixed choice.

    Only such a value can name a program, a file or an address, so that a setting which is added
    later is in or out by its type.
    """
    for name, field in type(usual).model_fields.items():
        value, default = getattr(section, name), getattr(usual, name)
        if isinstance(default, BaseModel):
            yield from _free_settings(value, default, f"{prefix}{name}.")
        elif value != default and not (
            isinstance(value, int | float) or get_origin(field.annotation) is Literal
        ):
            yield prefix + name
