"""Papers of a real server, over its REST door, in LangChain and LlamaIndex."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from langchain_core.runnables import RunnableLambda

from footnote import Library
from footnote.integrations import langchain, llama_index
from footnote.integrations.remote import Remote
from footnote.rag.core.config import Config
from footnote.rag.core.errors import ServerError
from footnote.ui.tokens import Scope, Tokens
from tests.ingest.conftest import serve  # noqa: F401 - a fixture
from tests.ingest.server import Reply, Serve
from tests.made import paper
from tests.ui.serving import Served, made_index, served

pytestmark = pytest.mark.slow
QUESTION = "Which system keeps the cache on disk?"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return made_index(tmp_path_factory.mktemp("remote"))


@pytest.fixture(scope="module")
def server(
    config: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, str]]:
    token = Tokens(config.index).new("tests", Scope.ASK)
    with served(config, tmp_path_factory.mktemp("log") / "log") as running:
        yield running, token


@pytest.fixture
def remote(server: tuple[Served, str]) -> Iterator[Remote]:
    with Remote(server[0].url, token=server[1]) as remote:
        yield remote


@pytest.fixture(scope="module")
def library(config: Config) -> Library:
    answering = config.answering.model_copy(update={"min_confidence": 0.0})
    return Library(config.model_copy(update={"answering": answering}))


def test_a_server_finds_and_says_what_its_library_does(remote: Remote, library: Library):
    hits = remote.search(QUESTION, 2)
    here = library.search(QUESTION, 2)
    assert [(h.paper, h.passage) for h in hits] == [(h.paper, h.passage) for h in here]
    assert [h.score for h in hits] == pytest.approx([h.score for h in here], abs=1e-3)
    assert remote.ask(QUESTION).sentences == library.ask(QUESTION).sentences


def test_langchains_retriever_gives_the_same_over_http_and_in_process(
    remote: Remote, library: Library
):
    over_http = langchain.FootnoteRetriever(library=remote, k=2).invoke(QUESTION)
    in_process = langchain.FootnoteRetriever(library=library, k=2).invoke(QUESTION)
    assert [(d.id, d.page_content) for d in over_http] == [
        (d.id, d.page_content) for d in in_process
    ]
    first = over_http[0]
    assert first.metadata["title"] == "Alpha: A Cache"
    quote = first.page_content[first.metadata["start"] : first.metadata["end"]]
    assert quote == "Alpha keeps the cache on disk."


def test_langchains_chains_take_it_and_wait_without_blocking(remote: Remote):
    chain = langchain.FootnoteRetriever(library=remote, k=1) | RunnableLambda(
        lambda found: found[0].metadata["title"]
    )

    async def both() -> list[str]:
        return await asyncio.gather(chain.ainvoke(QUESTION), chain.ainvoke(QUESTION))

    assert asyncio.run(both()) == ["Alpha: A Cache"] * 2


def test_llama_index_asks_a_server_too(remote: Remote):
    [node] = llama_index.FootnoteRetriever(remote, k=1).retrieve(QUESTION)
    assert node.text == "Alpha keeps the cache on disk. It is fast."
    engine = llama_index.FootnoteQueryEngine(remote)
    said = engine.query(QUESTION)
    assert said.source_nodes[0].text == "Alpha keeps the cache on disk."
    assert str(asyncio.run(engine.aquery(QUESTION))) == str(said)


@pytest.mark.parametrize(
    ("is_known", "question", "status", "kind"),
    [
        (False, QUESTION, 401, "refused_error"),
        (True, " ", 422, "question_error"),
    ],
)
def test_what_a_server_refuses_is_an_error_with_fields(
    server: tuple[Served, str], is_known: bool, question: str, status: int, kind: str
):
    running, secret = server
    with (
        Remote(running.url, token=secret if is_known else "wrong") as remote,
        pytest.raises(ServerError, match="refuses: ") as caught,
    ):
        remote.ask(question)
    error = caught.value
    assert (error.status, error.retryable) == (status, False)
    assert error.kind == f"urn:footnote:error:{kind}"
    assert secret not in str(error)


def test_a_server_that_is_busy_says_how_long_to_wait(serve: Serve):  # noqa: F811
    busy = serve(lambda _asked, _n: Reply(status=429, headers={"Retry-After": "7"}))
    with (
        Remote(busy.url.removesuffix("/api")) as remote,
        pytest.raises(ServerError, match="429") as caught,
    ):
        remote._paper("x")
    assert (caught.value.status, caught.value.retryable, caught.value.wait_s) == (429, True, 7)


@pytest.mark.parametrize(
    ("reply", "step"),
    [
        (Reply(status=401), "footnote token new"),
        (Reply(status=403), "scope"),
        (Reply(status=307, headers={"Location": "https://papers.example/v1/papers/x"}), "papers"),
        (Reply(status=429, headers={"Retry-After": "7"}), "wait 7 s"),
    ],
)
def test_what_is_refused_names_the_next_step(serve: Serve, reply: Reply, step: str):  # noqa: F811
    refusing = serve(lambda _asked, _n: reply)
    with (
        Remote(refusing.url.removesuffix("/api")) as remote,
        pytest.raises(ServerError, match=rf"refuses: {reply.status}.*; .*{step}"),
    ):
        remote._paper("x")


@pytest.mark.parametrize("token", ["sécret", "a b", "a\nb", "‘quoted’"])
def test_a_token_that_can_be_none_is_refused_and_not_shown(token: str):
    with pytest.raises(ServerError, match="the token holds") as caught:
        Remote("http://127.0.0.1:7860", token=token)
    assert token not in str(caught.value)


def test_one_that_is_no_footnote_or_is_gone_is_told(serve: Serve):  # noqa: F811
    other = serve(lambda _asked, _n: Reply(body=b"[]", content_type="application/json"))
    url = other.url.removesuffix("/api")
    with (
        Remote(url) as remote,
        pytest.raises(ServerError, match="does not answer as `footnote serve` does"),
    ):
        remote._paper("x")
    other.close()
    with (
        Remote(url) as remote,
        pytest.raises(ServerError, match=r"could not be reached: .* running there") as caught,
    ):
        remote.ask(QUESTION)
    assert (caught.value.status, caught.value.retryable) == (None, True)


@pytest.mark.usefixtures("proxied")
def test_no_proxy_leads_to_this_machine(serve: Serve):  # noqa: F811
    here = serve(lambda _asked, _n: Reply(status=404))
    with Remote(here.url.removesuffix("/api")) as remote:
        assert remote._paper("x") is None


@pytest.mark.parametrize("url", ["127.0.0.1:7860", "file:///etc/passwd", ""])
def test_an_address_that_is_none_is_refused(url: str):
    with pytest.raises(ServerError, match="is no address of a server; write one such as"):
        Remote(url)


def test_what_a_later_server_adds_is_passed_over(serve: Serve):  # noqa: F811
    later = paper("Alpha", "Alpha keeps the cache on disk.").model_dump(mode="json")
    body = json.dumps(later | {"of_a_later_version": 1}).encode()
    server = serve(lambda _asked, _n: Reply(body=body, content_type="application/json"))
    with Remote(server.url.removesuffix("/api")) as remote:
        found = remote._paper("x/y")
    assert found
    assert found.title == "Alpha"
