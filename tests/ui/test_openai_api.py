"""OpenAI's protocol, spoken by its own client."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.ui.serving import Served

pytestmark = pytest.mark.slow
ASKED: list[dict[str, str]] = [{"role": "user", "content": "What does Alpha keep?"}]


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_there_is_one_model(client: openai.OpenAI):
    [model] = client.models.list().data
    assert client.models.retrieve(model.id) == model


def test_an_answer_has_its_sources_as_text_and_as_data(client: openai.OpenAI):
    answer = client.chat.completions.create(model="footnote", messages=ASKED)  # type: ignore[arg-type]
    [choice] = answer.choices
    text = choice.message.content or ""
    assert choice.finish_reason == "stop"
    assert "on disk. [1]" in text
    assert text.endswith("[1] Alpha: A Cache https://arxiv.org/abs/2405.00001")
    assert choice.message.annotations
    for annotation in choice.message.annotations:
        cited = annotation.url_citation
        assert text[cited.start_index : cited.end_index] == "[1]"
        assert cited.title == "Alpha: A Cache"
        assert cited.url == "https://arxiv.org/abs/2405.00001"
    [citation, *_] = choice.message.citations  # type: ignore[attr-defined]
    assert citation["quote"] == "Alpha keeps the cache on disk."
    assert answer.usage
    assert answer.usage.total_tokens > 0


def test_a_stream_says_the_same_in_pieces(client: openai.OpenAI):
    whole = client.chat.completions.create(model="footnote", messages=ASKED)  # type: ignore[arg-type]
    chunks = list(
        client.chat.completions.create(
            model="footnote",
            messages=ASKED,  # type: ignore[arg-type]
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert len(deltas) > 5
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert deltas[-1].citations == whole.choices[0].message.citations  # type: ignore[attr-defined]
    assert chunks[-1].usage == whole.usage


def test_what_was_asked_before_is_heard(client: openai.OpenAI):
    talk = [
        *ASKED,
        {"role": "assistant", "content": "It keeps the cache on disk. [1]"},
        {"role": "user", "content": [{"type": "text", "text": "How fast is it?"}]},
    ]
    answer = client.chat.completions.create(model="footnote", messages=talk)  # type: ignore[arg-type]
    assert "Alpha" in (answer.choices[0].message.content or "")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"model": "gpt"}, openai.NotFoundError, "no model 'gpt'"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, openai.UnprocessableEntityError, "role"),
        ({"messages": [{"role": "user", "content": ""}]}, openai.UnprocessableEntityError, "empty"),
        ({"n": 2}, openai.BadRequestError, "n: "),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_the_shape_that_the_client_reads(
    client: openai.OpenAI,
    options: dict[str, object],
    error: type[openai.APIStatusError],
    said: str,
    stream: bool,
):
    asked = {"model": "footnote", "messages": ASKED, "stream": stream, **options}
    with pytest.raises(error) as raised:
        client.chat.completions.create(**asked)  # type: ignore[call-overload]
    assert isinstance(raised.value.body, dict)
    assert said in str(raised.value.body["message"])
    assert raised.value.code


def test_a_page_for_chats_asks_as_it_does(server: Served):
    """What such a page sends: the models, then a stream with fields that mean nothing here."""
    assert httpx.get(f"{server.url}/v1/models").json()["data"][0]["id"] == "footnote"
    body = {
        "stream": True,
        "model": "footnote",
        "messages": [{"role": "system", "content": "Be kind."}, *ASKED],
        "temperature": 0.8,
        "top_p": 0.9,
        "max_tokens": 512,
        "tools": [],
        "metadata": {"chat": "1"},
    }
    answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200
    assert answer.text.rstrip().endswith("data: [DONE]")
