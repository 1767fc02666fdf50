"""What a person is given when a model's server fails, in each way that it can."""

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.citations import cite
from footnote.rag.answering.generative import Status, Writer, problem_of, rewrite_with_model
from footnote.rag.core.records import Answer, Sentence, Sighting
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.llm.load import load_model
from footnote.rag.llm.prompts import Profile, Prompts, estimate_tokens, load_prompts
from footnote.rag.verification.checker import Checker
from footnote.ui.render import writing_note
from footnote.ui.turn import draft_html, turn_html
from footnote.ui.wording import wording
from tests.llm.servers import GOOD, KEY, Faults, fault_server, free_port
from tests.made import drafted, evidence, request

pytestmark = [
    pytest.mark.slow,
    # A server's thread and a model's, ended in the middle of a read.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LOG = logging.getLogger(__name__)
ALPHA = to_paper(
    SourceRecord(
        title="Alpha: A Cache on Disk",
        abstract="Caches grow. Alpha keeps blocks on disk. Decoding with Alpha is 2.5× faster than "
        "paging.",
        sighting=Sighting(source="test"),
    )
)
BRAVO = to_paper(
    SourceRecord(
        title="Bravo: Routing Questions",
        abstract="Bravo routes questions to models. The bill of Bravo falls by 40%.",
        sighting=Sighting(source="test"),
    )
)
QUOTES = cite(request("What does Alpha do?"), drafted(evidence(ALPHA, 1)))


@pytest.fixture(scope="module")
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        yield faults


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    words = BM25Index(tmp_path_factory.mktemp("bm25"))
    words.replace([ALPHA, BRAVO])
    return Checker(words)


class Told(NamedTuple):
    """All that a question gave."""

    statuses: list[str]
    sentences: list[Sentence]
    answer: Answer
    seconds: float

    @property
    def note(self) -> str:
        return writing_note(self.answer) or ""


def writer(
    checker: Checker,
    url: str,
    *,
    backend: str = "openai-compatible",
    timeout_s: float = 20,
    max_tokens: int = 100,
    context_window: int = 4096,
    profile: Profile = "small",
    key: str = KEY,
) -> Writer:
    model = load_model(
        backend,
        model="small",
        base_url=url,
        api_key=SecretStr(key),
        max_tokens=max_tokens,
        context_window=context_window,
    )
    return Writer(
        model,
        checker,
        load_prompts({}, profile),
        papers=6,
        timeout_s=timeout_s,
        max_tokens=max_tokens,
    )


def told(checker: Checker, url: str, **options: Any) -> Told:
    begun = time.monotonic()
    events = list(writer(checker, url, **options).write(QUOTES, [ALPHA, BRAVO]))
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert [e for e in events if isinstance(e, Answer)] == [answer]
    for citation in (c for s in answer.sentences for c in s.citations):
        paper = {p.paper_id: p for p in (ALPHA, BRAVO)}[citation.paper_id]
        assert paper.abstract[citation.start : citation.end] == citation.quote
    assert options.get("key") or KEY not in repr(events)
    return Told(
        [e.text for e in events if isinstance(e, Status)],
        [e for e in events if isinstance(e, Sentence)],
        answer,
        time.monotonic() - begun,
    )


def test_a_good_answer_is_told_sentence_by_sentence(server: Faults, checker: Checker):
    done = told(checker, server.url("good"))
    assert done.answer.mode == "llm"
    assert [s.text for s in done.sentences] == [
        "Alpha keeps blocks on disk.",
        "Decoding with Alpha is 2.5× faster than paging.",
    ]
    assert tuple(done.sentences) == done.answer.sentences
    assert {s.verdict for s in done.sentences} == {"quoted"}
    assert done.note.startswith("Written by small. Of its statements: 2 quoted.")
    assert done.answer.writing
    assert done.answer.writing.first_token_s
    assert done.answer.writing.tokens_per_s
    assert server.authorizations[-1] == f"Bearer {KEY}"
    assert server.bodies[-1]["max_tokens"] == 100


# What is asked of the server, what is said, how long it may take at most.
@pytest.mark.parametrize(
    ("fault", "n_asked", "note"),
    [
        pytest.param("401", 1, "refused the key (401)", id="401"),
        pytest.param("403", 1, "refused the key (403)", id="403"),
        pytest.param("404", 1, "is not known at", id="404"),
        pytest.param("400", 1, "refused the question (400)", id="400"),
        pytest.param("429", 1, "is asked too often (429)", id="429-for-ten-minutes"),
        pytest.param("500", 3, "failed (500)", id="500"),
        pytest.param("redirect", 1, "answered with status 307", id="redirect"),
        pytest.param("html", 1, "sent what is no answer", id="html"),
        pytest.param("cut", 1, "was cut off in the middle", id="cut"),
        pytest.param("unfinished", 1, "was cut off in the middle", id="unfinished"),
        pytest.param("malformed", 1, "sent what is no answer", id="malformed"),
        pytest.param("one-line", 1, "sent what is no answer", id="a-line-without-end"),
        pytest.param("error-event", 3, "failed in the middle", id="error-event"),
        pytest.param("empty", 1, "gave an empty answer", id="empty"),
        pytest.param("only-thinks", 1, "came to the end of its `llm.max_tokens`", id="only-thinks"),
        pytest.param("language", 1, "wrote what the sources do not say", id="wrong-language"),
        pytest.param("off-topic", 1, "wrote what the sources do not say", id="ignores-the-prompt"),
        pytest.param("counts", 1, "wrote what the sources do not say", id="only-counts"),
        pytest.param("endless", 1, "wrote what the sources do not say", id="endless"),
        pytest.param("loop", 1, "repeated itself", id="loop"),
        pytest.param("no-answer", 1, "found no answer in the sources", id="no-answer"),
    ],
)
def test_quotes_take_the_place_of_a_fault(
    server: Faults, checker: Checker, fault: str, n_asked: int, note: str
):
    before = server.asked[fault]
    done = told(checker, server.url(fault))
    LOG.info("%s: %.2f s: %s", done.answer.mode, done.seconds, done.note)
    assert done.answer.mode == "quote"
    assert done.answer.sentences == QUOTES.sentences
    assert done.note.startswith("Quotes only: the model small ")
    assert note in done.note
    assert "\n" not in done.note
    assert "?." not in done.note
    assert server.asked[fault] - before == n_asked
    assert done.seconds < 15


@pytest.mark.parametrize("fault", ["hang", "keepalive", "drip"])
def test_nothing_hangs(server: Faults, checker: Checker, fault: str):
    done = told(checker, server.url(fault), timeout_s=2.5)
    LOG.info("%s: %.2f s: %s", done.answer.mode, done.seconds, done.note)
    assert done.answer.mode == "quote"
    assert "did not answer in time" in done.note
    assert done.seconds < 8


@pytest.mark.parametrize("fault", ["500-once", "429-once"])
def test_what_passes_is_tried_again(server: Faults, checker: Checker, fault: str):
    done = told(checker, server.url(fault))
    assert done.answer.mode == "llm"
    assert server.asked[fault] == 2
    assert (fault == "429-once") == (done.seconds > 1)


@pytest.mark.parametrize("backend", ["openai-compatible", "ollama"])
@pytest.mark.parametrize(
    ("host", "note"),
    [("127.0.0.1", "nothing answers at"), ("no-such-host.invalid", "is unknown")],
    ids=["refused", "no-such-host"],
)
def test_a_server_that_is_not_there(checker: Checker, backend: str, host: str, note: str):
    done = told(checker, f"http://{host}:{free_port()}/v1", backend=backend)
    LOG.info("%s: %.2f s: %s", done.answer.mode, done.seconds, done.note)
    assert done.answer.mode == "quote"
    assert note in done.note
    assert done.seconds < 15


def test_a_stream_cut_after_whole_sentences_keeps_those(server: Faults, checker: Checker):
    done = told(checker, server.url("cut-later"))
    assert done.answer.mode == "llm"
    assert done.answer.answer.endswith("faster than paging. [1]")
    assert "It ends early: the model was cut off in the middle" in done.note


def test_an_answer_without_end_is_cut_and_that_is_said(server: Faults, checker: Checker):
    done = told(checker, server.url("good"), max_tokens=12)
    assert [s.text for s in done.answer.sentences] == ["Alpha keeps blocks on disk."]
    assert "It ends early: the model came to the end of its `llm.max_tokens`." in done.note


def test_an_answer_that_its_server_cuts_off_says_so_too(server: Faults, checker: Checker):
    done = told(checker, server.url("full"))
    assert done.answer.mode == "llm"
    assert "It ends early: the model came to the end of its `llm.max_tokens`." in done.note


def test_a_sentence_said_again_is_told_once(server: Faults, checker: Checker):
    done = told(checker, server.url("same-sentence"))
    assert [s.text for s in done.answer.sentences] == ["Alpha keeps blocks on disk."]
    assert done.answer.writing
    assert done.answer.writing.left_out == 0


def test_thinking_is_not_told(server: Faults, checker: Checker):
    done = told(checker, server.url("think"))
    assert done.sentences[0].text == "Alpha keeps blocks on disk."
    assert len(done.sentences) == 2


def test_what_no_sentence_says_is_left_out_and_counted(server: Faults, checker: Checker):
    done = told(checker, server.url("half"))
    assert [s.text for s in done.answer.sentences] == ["Alpha keeps blocks on disk."]
    assert done.sentences == list(done.answer.sentences)
    assert "1 statement of the draft was left out: no sentence here says so." in done.note
    assert "Paris" not in turn_html(done.answer, {}, wording("en"))


def test_of_a_strong_model_it_is_shown_as_uncited(server: Faults, checker: Checker):
    done = told(checker, server.url("half"), profile="strong")
    kept, uncited = done.answer.sentences
    assert (kept.verdict, uncited.verdict) == ("quoted", "unbound")
    assert uncited.citations == ()
    assert '<span class="fn-unbound"' in turn_html(done.answer, {}, wording("en"))
    assert '<span class="fn-unbound"' in draft_html(
        done.answer.sentences, "small is writing", wording("en")
    )


def test_stopping_stops_the_model(server: Faults, checker: Checker):
    before = server.hung_up["slow"]
    with closing(writer(checker, server.url("slow")).write(QUOTES, [ALPHA])) as events:
        for event in events:
            if isinstance(event, Sentence):
                break
    for _ in range(100):
        if server.hung_up["slow"] > before:
            break
        time.sleep(0.1)
    assert server.hung_up["slow"] == before + 1


def test_whoever_waits_hears_that_the_model_is_at_it(server: Faults, checker: Checker):
    done = told(checker, server.url("hang"), timeout_s=3.5)
    assert len(done.statuses) >= 3


def test_no_proxy_leads_to_this_machine(
    server: Faults, checker: Checker, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for spelled in (name, name.lower()):
            monkeypatch.setenv(spelled, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert told(checker, server.url("good")).answer.mode == "llm"


@pytest.mark.parametrize("fault", ["400", "401", "500", "error-event", "malformed"])
def test_the_key_appears_nowhere(
    server: Faults,
    checker: Checker,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    caplog.set_level(logging.DEBUG)
    written = writer(checker, server.url(fault), profile="strong")
    events = list(written.write(QUOTES, [ALPHA]))
    problem = problem_of(written.model, timeout_s=9)
    shown = [repr(events), str(problem), repr(written.model), caplog.text]
    shown += [*capfd.readouterr(), repr(vars(written)), repr(vars(written.model))]
    shown += [turn_html(e, {}, wording("en")) for e in events if isinstance(e, Answer)]
    assert [s for s in shown if KEY in s] == []


def test_the_traceback_of_a_fault_holds_no_key(server: Faults, checker: Checker):
    import traceback

    from footnote.rag.core.errors import GenerationError
    from footnote.rag.llm.prompts import ask_to_rewrite
    from footnote.rag.llm.talk import Reply

    model = writer(checker, server.url("401")).model
    reply = Reply(model, ask_to_rewrite(Prompts(), "And?", ["What?"]), timeout_s=9, max_tokens=9)
    with pytest.raises(GenerationError) as caught:
        list(reply)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_short_key_garbles_no_answer(server: Faults, checker: Checker):
    """With the dummy key that a local server is given, readers saw `2.5[key] faster`."""
    done = told(checker, server.url("good"), key="a")
    assert done.sentences[0].text == "Alpha keeps blocks on disk."
    refused = told(checker, server.url("400"), key="a")
    assert "status 400: the key was" in refused.note


def test_doctor_names_what_is_wrong(server: Faults, checker: Checker):
    assert problem_of(writer(checker, server.url("good")).model, timeout_s=9) is None
    problem = problem_of(writer(checker, server.url("404")).model, timeout_s=9)
    assert problem
    assert problem.startswith("model small is not known at http://127.0.0.1")


def test_sources_that_do_not_fit_are_left_out_from_the_end(server: Faults, checker: Checker):
    many = [ALPHA, *(BRAVO.model_copy(update={"paper_id": f"b{n}"}) for n in range(5))]
    whole = Prompts().system + Prompts().answer + QUOTES.question
    for room, n_left_out in ((3000, 0), (estimate_tokens(whole) + 120 + 100, 4), (150, 6)):
        tight = writer(checker, server.url("good"), context_window=room)
        *_, answer = tight.write(QUOTES, many)
        assert isinstance(answer, Answer)
        assert answer.writing
        assert answer.writing.sources_left_out == n_left_out
        note = writing_note(answer) or ""
        assert ("not fit into what the model reads at once" in note) == (n_left_out > 0)
    assert "has no room for a source" in note
    assert answer.mode == "quote"


def test_a_follow_up_is_rewritten_or_left(server: Faults, checker: Checker):
    model = writer(checker, server.url("good")).model
    assert rewrite_with_model(model, "And how fast is it?", []) is None
    said = server.text
    history = ["What is Alpha?", "Who made it?"]
    try:
        for server.text, expected in (
            ("How fast is Alpha?", "How fast is Alpha?"),
            ('"How fast is Alpha?"', "How fast is Alpha?"),
            (GOOD, None),  # it answers instead of rewriting
            ("How fast is Bravo?", None),  # of which nobody spoke
            ("How fast is Alpha 7?", None),
            ("How fast is Alpha? Who made Alpha?", None),
            ("How fast is Alpha?\nIt is 2.5× faster.", None),
        ):
            assert rewrite_with_model(model, "And how fast is it?", history) == expected
            assert "Who made it?" in str(server.bodies[-1])
    finally:
        server.text = said
    gone = writer(checker, f"http://127.0.0.1:{free_port()}/v1").model
    assert rewrite_with_model(gone, "And how fast is it?", history) is None
