"""Papers by their names: their records, their authors, and names that no paper has."""

from pathlib import Path

from footnote.rag.core.request import Operation
from tests.rag.answering.conftest import FIVE, Asking, evidence, listed, paper, table


def test_who_wrote_a_paper_is_told_as_far_as_it_is_known(five: Asking):
    by_title = five(Operation.AUTHORS, "alpha")
    assert by_title.answer == "“Alpha” is by Ada Li and Bo Ek. [1]"
    assert table(by_title)[0] == ["Paper", "Date", "Organisation", "Upvotes", "Authors"]
    assert table(by_title)[1][-1] == "Ada Li, Bo Ek"
    number = five(Operation.AUTHORS, "charlie quantization")
    assert number.answer == (
        "“Charlie: Quantization” has 7 authors, whose names its record does not tell. [1]"
    )
    unknown = five(Operation.AUTHORS, "bravo")
    assert (unknown.refused, unknown.reason) == (True, "The record of “Bravo” names no authors.")
    several = five(
        Operation.AUTHORS, asked={"refers_to": ("title:echo", "title:alpha", "title:gone")}
    )
    assert several.answer.splitlines() == [
        "The record of “Echo” names no authors. [1]",
        "“Alpha” is by Ada Li and Bo Ek. [2]",
    ]
    nowhere = five(Operation.AUTHORS, "xylophone orchestra")
    assert nowhere.refused
    assert nowhere.reason == "No paper here is called “xylophone orchestra”, and none says it."
    # A paper's name, taken for that of an author.
    assert five(Operation.AUTHORS, author="Alpha").answer.startswith("“Alpha” is by")
    misspelt = five(Operation.AUTHORS, "alpa")
    assert misspelt.answer.splitlines() == [
        "No paper says “alpa”; “alpha” was looked for.",
        "“Alpha” is by Ada Li and Bo Ek. [1]",
    ]
    # What else is said of a paper that is named does not make it another one.
    assert five(Operation.RECORD, "alpha", author="Nobody").answer.startswith(
        "“Alpha” is here, is dated"
    )


def test_what_an_author_wrote_is_listed_and_everybody_where_nobody_is_named(five: Asking):
    assert listed(five(Operation.AUTHORS, author="ada")) == ["Alpha"]
    nobody = five(Operation.AUTHORS, author="Nobody")
    assert nobody.reason == (
        "No paper here has an author called “Nobody”. 4 of the 5 have no names of authors."
    )
    everybody = five(Operation.AUTHORS)
    assert everybody.blocks[0].text == (
        "The papers here name 2 authors. 4 of the 5 have no names of authors."
    )
    assert table(everybody) == [["Author", "Papers"], ["Ada Li", "1"], ["Bo Ek", "1"]]
    assert listed(five(Operation.AUTHORS, organisation="acme")) == ["Alpha", "Bravo"]
    assert listed(five(Operation.AUTHORS, max_authors=2)) == ["Alpha"]


def test_what_the_record_of_a_paper_tells_and_does_not(five: Asking):
    assert five(Operation.RECORD, "alpha").answer == (
        "“Alpha” is here, is dated 2024-05-01, has the organisation ACME, has 3 upvotes, has 2 authors, is by"
        " Ada Li and Bo Ek and was seen in b.txt. [1]"
    )
    # Its name, and no title that merely speaks of it.
    assert five(Operation.RECORD, "charlie").answer == (
        "“Charlie: Quantization” is here, has the organisation Other, has 7 authors and was seen in a.txt. Its"
        " record tells no date, upvotes on record or names of authors. [1]"
    )
    assert "was withdrawn or retracted" in five(Operation.RECORD, "delta").answer
    nowhere = five(Operation.RECORD, "halves")
    assert nowhere.answer.splitlines() == [
        "1 paper here says “halves” in the abstract; it is not called so.",
        "- Charlie: Quantization (Other, 7 authors): It halves a model. [1]",
    ]
    five.near = [evidence(FIVE[3])]
    assert five(Operation.RECORD, "xylophone orchestra").answer.splitlines() == [
        "No paper here is called “xylophone orchestra”, and none says it.",
        "These come near without saying it, the nearest first.",
        "- Delta (2024-05-01 (year inferred), 3 upvotes): It routes. [1]",
    ]


def test_a_name_that_no_paper_has_is_not_passed_over(tmp_path: Path):
    asking = Asking(
        tmp_path,
        paper("Faster Ring Attention for Causal Transformers of Any Length", "It is fast."),
        paper(
            "FlashAttention-2: Better Parallelism", "It is 3 times as fast.", organisation="ACME"
        ),
    )
    [said, *_] = asking(Operation.RECORD, "ring attention").answer.splitlines()
    assert said == "1 paper here says “ring attention” in the title; it is not called so."
    assert (
        "was seen in a.txt. Its record tells no date"
        in asking(Operation.RECORD, "ring attention").answer
    )
    # Both of its words are said, but nowhere in a row.
    [said, *_] = asking(Operation.RECORD, "FlashAttention-3").answer.splitlines()
    assert said == "No title here has “FlashAttention-3”; the one most like it is told of."
    slip, said, _ = asking(Operation.RECORD, "FlashAttenion-3").answer.splitlines()
    assert slip == "No paper says “FlashAttenion-3”; “flashattention-3” was looked for."
    assert said == "No title here has “flashattention-3”; the one most like it is told of."
    # The name itself, or most of it.
    for name in ("FlashAttention-2", "flashattention better parallelism"):
        assert asking(Operation.RECORD, name).answer.startswith("“FlashAttention-2: Better"), name
    # An organisation, taken for a paper.
    assert asking(Operation.RECORD, "ACME").answer.splitlines() == [
        "No title here is like “ACME”. 1 record names an organisation so called.",
        "- FlashAttention-2: Better Parallelism (ACME) [1]",
    ]
    # Whose it is cannot be asked of these records, and is no reason to deny them.
    [said, *_] = asking(Operation.RECORD, "FlashAttention-2", author="Dao").answer.splitlines()
    assert said == "No record here names authors, such as “Dao”."


def test_a_name_that_abstracts_say_is_sought_in_them_the_nearest_first(tmp_path: Path):
    papers = [
        paper("Bravo: a Study of vLLM", "It is measured."),
        paper("Paged Attention", "We build vLLM on it."),
        paper("Alpha", "It beats vLLM by far."),
    ]
    asking = Asking(tmp_path, *papers)
    asking.near = [evidence(papers[1])]
    assert asking(Operation.RECORD, "vLLM").answer.splitlines() == [
        "3 papers here say “vLLM”, 1 of them in the title; none is called so.",
        "- Paged Attention: We build vLLM on it. [1]",
        "- Alpha: It beats vLLM by far. [2]",
        "- Bravo: a Study of vLLM [3]",
    ]


def test_a_title_that_ends_with_a_name_is_another(tmp_path: Path):
    asking = Asking(tmp_path, paper("Gamma: Paging Is All You Need"), paper("Bravo"))
    found = asking(Operation.RECORD, "Paging is all you need").answer
    assert found.startswith("1 paper here says “Paging is all you need” in the title; it is not")


def test_several_names_are_sought_each_by_itself(tmp_path: Path):
    papers = [paper("Flash-2: Faster", "It beats GPTQ."), paper("Flash-20", "It is short.")]
    asking = Asking(tmp_path, *papers)
    found = asking(Operation.RECORD, asked={"sides": ["Flash 1", "2", "GPTQ"]})
    assert found.answer.splitlines()[0] == (
        "Titles or abstracts say “GPTQ” 1; no paper is called so. No paper here is called “Flash 1”,"
        " and none says it."
    )
    assert found.answer.splitlines()[1].startswith(
        "“Flash-2: Faster” is here and was seen in a.txt."
    )
    mentioned = asking(Operation.RECORD, asked={"sides": ["AWQ", "GPTQ"]}).answer
    assert mentioned.splitlines() == [
        "Titles or abstracts say “GPTQ” 1; no paper is called so. No paper here is called “AWQ”, and"
        " none says it.",
        "- Flash-2: Faster: It beats GPTQ. [1]",
    ]
    nowhere = asking(Operation.RECORD, asked={"sides": ["AWQ", "OPQ"]})
    assert nowhere.reason == "No paper here is called “AWQ” or “OPQ”, and none says it."


def test_each_of_several_names_may_be_one_that_a_title_writes_out(tmp_path: Path):
    asking = Asking(tmp_path, paper("Zero Bubble Pipeline Parallelism"), paper("GPipe: Training"))
    answer = asking(Operation.RECORD, asked={"sides": ["Zero Bubble PP", "GPipe", "Kelp"]})
    assert [s.title for s in answer.sources] == [
        "Zero Bubble Pipeline Parallelism",
        "GPipe: Training",
    ]
    assert "No paper here is called “Kelp”, and none says it." in answer.answer


def test_titles_that_have_a_name_among_other_words_are_told_beside_the_paper_of_it(tmp_path: Path):
    asking = Asking(tmp_path, paper("Kelp: Fast"), paper("Taming it with Kelp-Serve"), paper("B"))
    answer = asking(Operation.RECORD, "kelp")
    assert [s.title for s in answer.sources] == ["Kelp: Fast", "Taming it with Kelp-Serve"]
    assert answer.answer.startswith("1 more title has “kelp” among other words.")
