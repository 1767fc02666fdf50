"""Questions asked of the bundled sample, through every real part."""

import json
import re

import pytest

from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.request import Act, Depth, Filters, Kind, Manner, Operation, Request
from tests.made import Says

pytestmark = pytest.mark.slow


def test_one_fact_is_said_with_its_quote(assistant: Assistant):
    answer = assistant.ask("What throughput improvement does NanoFlow achieve?")
    assert not answer.refused
    assert answer.sources[0].title.startswith("NanoFlow")
    assert "1.91" in " ".join(s.text for s in answer.sentences)
    assert len(answer.sentences) <= 5


def test_a_survey_names_several_papers_once_each(assistant: Assistant):
    answer = assistant.ask("Which papers use concept bottleneck models?")
    [table] = answer.blocks
    titles = [row[0].text for row in table.rows]
    assert len(titles) == len(set(titles)) == len(answer.sources) >= 3
    assert answer.answer.startswith(f"{len(titles)} papers here come near, the nearest first.\n- ")
    assert answer.answer.count("\n- ") == len(titles)
    rest = assistant.ask("any others?", [answer])
    assert rest.answer.startswith(f"Those were all {len(titles)}. What else they say:\n- ")
    said = {c.quote for s in answer.sentences for c in s.citations}
    assert said.isdisjoint(c.quote for s in rest.sentences for c in s.citations)


def test_a_survey_that_finds_nothing_lists_what_says_its_topic_but_not_for_more(
    assistant: Assistant,
):
    question = "zebra crossings and MoE"
    asked = Request(question=question, kind=Kind.SURVEY, topic="MoE")
    listed = assistant.ask(question, request=asked)
    assert listed.request
    assert (listed.request.kind, listed.request.operation) == (Kind.CATALOGUE, Operation.LIST)
    assert "papers here (7%) say “MoE” (“mixture-of-experts”) or a form of it" in listed.answer
    # More of a survey is no other list from its middle on.
    more = assistant.ask(question, request=asked.model_copy(update={"act": Act.MORE}))
    assert more.refused


def test_a_survey_of_some_days_adds_what_comes_near_and_has_no_date(assistant: Assistant):
    answer = assistant.ask("papers on speculative decoding in 2024")
    assert answer.request
    assert (answer.request.kind, answer.request.topic) == (Kind.SURVEY, "speculative decoding")
    dated, undated = answer.blocks
    assert "Date" in dated.columns
    assert "Date" not in undated.columns
    n = len(undated.rows)
    assert undated.text == f"{n} more papers come near and have no date:"
    assert [s.marker for s in answer.sources] == [*range(1, len(dated.rows) + n + 1)]
    facts = assistant.catalogue.facts(s.paper_id for s in answer.sources[-n:])
    assert not any(paper.date for paper in facts)
    # Each sentence stands in one row, and is cited by the paper of that row.
    places = [at for row in undated.rows for cell in row for at in cell.sentences]
    markers = [row[0].marker for row in undated.rows]
    cited = [c.marker for at in places for c in answer.sentences[at].citations]
    assert cited == markers
    assert max(places) == len(answer.sentences) - 1
    # Where nothing of these days is near, these are the answer.
    early = assistant.ask("papers on speculative decoding before 2018")
    assert not early.refused
    said, table = early.blocks
    assert "is clearly about “speculative decoding”" in (said.text or "")
    assert len(table.rows) >= n
    # The days are no part of what is searched for.
    assert assistant.ask("papers on zebra crossings since 2023").refused
    undated_too = Filters(undated=True)
    again = assistant.ask("papers on speculative decoding in 2024", filters=undated_too)
    assert len(again.blocks) == 1


def test_of_several_topics_those_that_no_paper_is_about_are_named(assistant: Assistant):
    question = "papers on mixture of experts or zebra crossings"
    asked = Request(question=question, kind=Kind.SURVEY, sides=("mixture of experts", "zebras"))
    [table] = assistant.ask(question, request=asked).blocks
    alone = assistant.ask("papers on mixture of experts").blocks[0]
    titles = {row[0].text for row in alone.rows}
    assert (table.text or "").startswith("No paper here is about “zebras”. ")
    assert len({row[0].text for row in table.rows} & titles) > len(table.rows) / 2
    neither = asked.model_copy(update={"sides": ("zebra crossings", "marching bands")})
    refused = assistant.ask(question, request=neither)
    assert refused.reason == (
        "Nothing in the 408 papers here is clearly about “zebra crossings” or “marching bands”."
    )


def test_a_word_that_no_paper_has_is_named_before_a_survey(assistant: Assistant):
    question = "papers on LoRA serving"
    for topic, said in (("xylophone LoRA serving", "xylophone"), ("LoRA serving syz", "")):
        asked = Request(question=question, kind=Kind.SURVEY, topic=topic)
        [table] = assistant.ask(question, request=asked).blocks
        unsaid = f"No paper here says “{said}”. " if said else ""
        assert (table.text or "").startswith(
            f"{unsaid}{len(table.rows) + table.n_more} papers here come near"
        )


def test_a_reader_has_as_much_said_as_they_want(assistant: Assistant):
    question = "Which papers deal with KV cache compression?"
    short, usual, thorough = (
        assistant.in_manner(Manner(depth=each)).ask(question) for each in Depth
    )
    n_rows = [len(answer.blocks[0].rows) for answer in (short, usual, thorough)]
    assert n_rows[0] == 6 < n_rows[1] <= n_rows[2]
    assert usual == assistant.ask(question)
    assert short.receipt.setup.settings["depth"] == "short"
    assert "depth" not in usual.receipt.setup.settings


def test_a_summary_of_a_conversation_has_all_its_papers_in_order(assistant: Assistant):
    first = assistant.ask("What is NanoFlow?")
    second = assistant.ask("What is S-LoRA?", [first])
    answer = assistant.ask("sum it all up please", [first, second])
    titles = [s.title for s in answer.sources]
    assert titles[0].startswith("NanoFlow")
    assert any(title.startswith("S-LoRA") for title in titles[1:])


def test_a_name_that_only_other_papers_mention_is_said_to_be_missing(assistant: Assistant):
    papers = assistant.catalogue.matching(Filters())
    [nanoflow] = [p for p in assistant.catalogue.papers() if p.title.startswith("NanoFlow")]
    others = tuple(sorted(papers - {nanoflow.paper_id}))
    answer = assistant.ask("What is NanoFlow?", filters=Filters(papers=others))
    assert answer.reason == (
        f"Nothing in the {len(others)} papers that the filters let through mentions NanoFlow."
    )


def test_a_name_that_no_record_has_is_no_filter_of_a_survey(assistant: Assistant):
    question = "papers on concept bottleneck models from the group of nobody"
    read = Request(question=question, kind=Kind.SURVEY, filters=Filters(organisation="nobody"))
    assert assistant.ask(question, request=read).refused  # as the reader has set it
    assert not assistant.ask(question).refused


@pytest.mark.parametrize(
    "question",
    [
        "What throughput improvement does NanoFlow achieve?",
        "Which papers use concept bottleneck models?",
        "Compare S-LoRA and DeltaZip",
        "Why do pipelines have bubbles?",
        "¿Qué es FlashAttention-2?",
    ],
)
def test_every_quote_is_in_its_abstract(assistant: Assistant, question: str):
    answer = assistant.ask(question)
    assert answer.sentences
    for citation in (c for s in answer.sentences for c in s.citations):
        paper = assistant.paper(citation.paper_id)
        assert paper
        assert paper.abstract[citation.start : citation.end] == citation.quote


def test_a_name_that_occurs_nowhere_is_said_to_be_absent(assistant: Assistant):
    answer = assistant.ask("How many decoding heads does Medusa use?")
    assert answer.refused
    assert answer.reason == "Nothing in the 408 papers here mentions Medusa."


def test_a_refusal_under_a_filter_speaks_of_the_papers_that_it_lets_through(assistant: Assistant):
    answer = assistant.ask("how is cheese made", filters=Filters(organisation="Nobody"))
    assert answer.reason == "Nothing in the 0 papers that the filters let through answers this."


def test_what_nothing_answers_is_refused(assistant: Assistant):
    answer = assistant.ask("when was the cathedral of the town consecrated")
    assert (answer.refused, answer.sentences) == (True, ())


def test_a_refusal_shows_the_papers_that_come_nearest(assistant: Assistant):
    answer = assistant.ask("How many decoding heads does Medusa use?")
    assert len({near.paper_id for near in answer.nearest}) == 3
    for near in answer.nearest:
        paper = assistant.paper(near.paper_id)
        assert paper
        assert paper.abstract[near.start : near.end] == near.quote


def test_a_side_that_is_not_there_is_named_and_the_others_are_compared(assistant: Assistant):
    answer = assistant.ask("Compare NanoFlow, Medusa and S-LoRA")
    table, *remarks = answer.blocks
    assert [source.title.split(":")[0] for source in answer.sources] == ["NanoFlow", "S-LoRA"]
    assert len(table.columns) == 3
    assert any("Medusa" in (remark.text or "") for remark in remarks)


def test_a_count_of_papers_comes_from_the_catalogue(assistant: Assistant):
    answer = assistant.ask("how many papers are about quantization?")
    assert answer.request
    assert (answer.request.kind, answer.request.topic) == (Kind.CATALOGUE, "quantization")
    assert re.match(r"\d+ of the 408 papers here \(\d+%\) say “quantization”", answer.answer)


def test_what_was_said_is_said_as_a_table_and_then_more_of_it(assistant: Assistant):
    first = assistant.ask("What is NanoFlow?")
    table = assistant.ask("as a table please", [first])
    assert [block.form for block in table.blocks] == ["table"]
    assert {s.title for s in table.sources} == {s.title for s in first.sources}
    more = assistant.ask("more", [first])
    quotes = {c.quote for s in first.sentences for c in s.citations}
    assert not quotes & {c.quote for s in more.sentences for c in s.citations}


def test_the_reader_may_change_how_a_question_was_understood(assistant: Assistant):
    asked = Request(question="concept bottleneck models", kind=Kind.SURVEY, by="reader")
    answer = assistant.ask("concept bottleneck models", request=asked)
    assert answer.request == asked
    assert answer.blocks[0].form == "table"


def test_the_next_page_of_a_list_comes_when_more_is_asked_for(assistant: Assistant):
    asked = "how many papers are about quantization?"
    first, second = assistant.ask(asked), assistant.ask("more", [asked])
    third = assistant.ask("show me more", [asked, "more"])
    shown = [source.paper_id for answer in (first, second, third) for source in answer.sources]
    assert len(shown) == len(set(shown)) == int(first.answer.split()[0])
    assert second.understood_as == asked


def test_the_collection_can_be_asked_about_in_the_middle_of_a_conversation(assistant: Assistant):
    answer = assistant.ask("how many papers are about quantization?", ["What is NanoFlow?"])
    assert answer.answer.startswith("27 of the 408 papers here")


def test_every_answer_says_how_its_question_was_understood(assistant: Assistant):
    request = assistant.ask("What is NanoFlow?").request
    assert request
    assert request.kind is Kind.DEFINITION


def test_a_question_that_leans_on_the_one_before_is_understood_with_it(assistant: Assistant):
    history = ["What throughput does 1-bit Adam give for BERT-Large pre-training?"]
    answer = assistant.ask("And for SQuAD fine-tuning?", history)
    assert answer.understood_as
    assert answer.understood_as.startswith("1-bit Adam")
    assert answer.question == "And for SQuAD fine-tuning?"
    assert answer.sources[0].title.startswith("1-bit Adam")


def test_a_change_of_subject_leaves_the_old_one_behind(assistant: Assistant):
    answer = assistant.ask("What is NanoFlow?", ["How does 1-bit Adam compress gradients?"])
    assert answer.understood_as is None
    assert answer.sources[0].title.startswith("NanoFlow")


def test_a_question_that_names_its_subject_is_not_taken_for_one_that_leans(assistant: Assistant):
    asked = "HybriMoE or ExpertFlow: what does each do and how fast are they?"
    answer = assistant.ask(asked, ["How does 1-bit Adam compress gradients?"])
    assert answer.understood_as is None
    titles = " ".join(source.title for source in answer.sources)
    assert "HybriMoE" in titles
    assert "ExpertFlow" in titles


def test_what_leans_on_a_refused_question_is_refused_too(assistant: Assistant):
    refused = "Can you hide a watermark in the text a chatbot writes?"
    assert assistant.ask(refused).refused
    answer = assistant.ask("and how fast is it?", [refused])
    assert answer.refused
    assert "“watermark”" in (answer.reason or "")


@pytest.mark.parametrize("question", ["", "  \n", "?!"])
def test_an_empty_question(assistant: Assistant, question: str):
    with pytest.raises(QuestionError, match="the question is empty"):
        assistant.ask(question)


def test_a_question_that_is_too_long(assistant: Assistant):
    with pytest.raises(QuestionError, match=r"100,000 characters, at most 4,000"):
        assistant.search("a" * 100_000)


def test_search_gives_one_row_a_paper_best_first(assistant: Assistant):
    hits = assistant.search("splitting prefill and decode", k=20)
    assert len({h.paper.paper_id for h in hits}) == len(hits) == 20
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert all(h.passage in h.paper.sentences for h in hits)


@pytest.mark.parametrize("small_talk", ["hello", "who are you", "what can you do?", "thanks!"])
def test_small_talk_is_not_answered_with_papers(assistant: Assistant, small_talk: str):
    answer = assistant.ask(small_talk)
    assert answer.refused or not answer.sources


def test_a_made_up_name_is_said_to_be_absent_though_the_rest_fits(assistant: Assistant):
    answer = assistant.ask("How does QuantumFlow overlap compute, memory and network in a device?")
    assert answer.refused
    assert "mentions QuantumFlow" in (answer.reason or "")


def test_a_strong_model_reads_what_a_line_asks_for(
    sample_config: Config, monkeypatch: pytest.MonkeyPatch
):
    written = {"question": "What is NanoFlow?", "kind": "definition", "act": "follow_up"}
    model = Says(json.dumps(written), window=100_000)
    monkeypatch.setattr("footnote.rag.build.load_writing_model", lambda _config: model)
    strong = sample_config.llm.model_copy(update={"profile": "strong"})
    asked = open_assistant(sample_config.model_copy(update={"llm": strong}))
    answer = asked.ask("and the other one?", ["What is PagedAttention?"])
    assert answer.request
    assert (answer.request.by, answer.understood_as) == ("model", "What is NanoFlow?")
    assert answer.sources[0].title.startswith("NanoFlow")
    # What it was sent to answer from it answered with the same JSON, which is no answer.
    assert answer.mode == "quote"


def test_what_else_a_line_asks_is_answered_under_its_words(assistant: Assistant):
    count = Request(
        question="How many papers on quantization, and which is the newest?",
        kind=Kind.CATALOGUE,
        operation=Operation.COUNT,
        topic="quantization",
    )
    newest = count.model_copy(
        update={"question": "which is the newest", "operation": Operation.NEWEST, "limit": 1}
    )
    who = Request(question="who wrote it", kind=Kind.CATALOGUE, operation=Operation.AUTHORS)
    alone = assistant.ask(count.question, request=count)
    both = assistant.ask(count.question, request=count.model_copy(update={"also": (newest,)}))
    assert both.blocks[: len(alone.blocks)] == alone.blocks
    assert [b.heading for b in both.blocks if b.heading] == ["Which is the newest"]
    assert both.request
    assert both.request.also == (newest,)
    shown = [row[0].marker for block in both.blocks for row in block.rows]
    assert {marker for marker in shown if marker} == {s.marker for s in both.sources}
    asked = newest.model_copy(update={"also": (who,)})
    written = assistant.ask("the newest, and who wrote it", request=asked)
    assert len(written.sources) == 1
    assert written.blocks[-1].heading is None
    assert any(b.heading == "Who wrote it" for b in written.blocks)
    # More rows are those of what was asked first.
    more = assistant.ask("more", [both])
    assert more.request
    assert more.request.act is Act.MORE
    rows = alone.blocks[-1].rows
    assert more.refused == (len(rows) == alone.blocks[0].n)


@pytest.mark.parametrize(
    ("line", "name"),
    [("anything on zai-org", "zai-org"), ("papers by Gensyn", "Gensyn"), ("papers on org", None)],
)
def test_a_line_on_an_organisation_lists_its_papers(
    assistant: Assistant, line: str, name: str | None
):
    request = assistant.read(line)
    assert (request.filters.organisation, request.filters.author) == (name, None)
    if name:
        asked = (Kind.CATALOGUE, Operation.LIST, "")
        assert (request.kind, request.operation, request.topic) == asked


def test_a_slip_in_the_topic_of_a_survey_is_mended_and_said(assistant: Assistant):
    question = "papers on specualtive decoding"
    slip = Request(question=question, kind=Kind.SURVEY, topic="specualtive decoding")
    right = Request(question="papers on speculative decoding", kind=Kind.SURVEY,
                    topic="speculative decoding")  # fmt: skip
    mended, meant = (assistant.ask(each.question, request=each) for each in (slip, right))
    assert [s.title for s in mended.sources] == [s.title for s in meant.sources]
    said = "No paper says “specualtive decoding”; “speculative decoding” was looked for."
    [table] = mended.blocks
    assert (table.text or "").startswith(f"{said} ")
    assert mended.answer.startswith(said)
    assert mended.request
    assert (mended.question, mended.request.topic) == (question, "specualtive decoding")


def test_of_two_organisations_papers_of_either_are_counted(assistant: Assistant):
    read = Request(
        question="zai-org or Gensyn, who has more papers",
        kind=Kind.CATALOGUE,
        operation=Operation.COUNT,
        topic="Gensyn",
        filters=Filters(organisation="zai-org"),
    )
    reader = assistant._current()._reader  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
    filters = reader._of_an_organisation(read).filters
    assert (filters.organisation, filters.other_organisations) == ("zai-org", ("Gensyn",))
