"""The papers as an assistant sees them, through the protocol's own client, over both transports."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent, TextResourceContents
from pydantic import AnyUrl

from footnote.rag.core.config import Config
from tests.conftest import ROOT
from tests.ui.serving import VARIABLES, Served

pytestmark = pytest.mark.slow
ALPHA = "arxiv:2405.00001"


@asynccontextmanager
async def over_http(url: str) -> AsyncGenerator[ClientSession]:
    async with (
        streamable_http_client(f"{url}/mcp") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def over_standard_input(config: Config) -> AsyncGenerator[ClientSession]:
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "footnote.ui.cli", "mcp", "--index", str(config.index)],
        env={
            "PYTHONPATH": str(ROOT),
            "FOOTNOTE_EMBEDDER__NAME": config.embedder.name,
            **VARIABLES,
        },
    )
    async with stdio_client(started) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def use_all(session: ClientSession) -> None:
    """Call each tool, and read a paper."""
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert set(tools) == {"search_papers", "ask_papers", "check_claim", "get_paper", "list_papers"}
    assert all(tool.description and tool.inputSchema for tool in tools.values())

    asked = await session.call_tool("ask_papers", {"question": "What does Alpha keep?"})
    assert asked.structuredContent
    [citation, *_] = asked.structuredContent["sentences"][0]["citations"]
    assert citation["quote"] == "Alpha keeps the cache on disk."

    found = await session.call_tool(
        "search_papers", {"question": "cache", "k": 3, "filters": {"since": "2025"}}
    )
    assert found.structuredContent
    assert ALPHA not in [row["paper_id"] for row in found.structuredContent["papers"]]
    assert found.structuredContent["receipt"]["n_papers"] == 3

    checked = await session.call_tool("check_claim", {"text": "Waiting falls by 70%."})
    assert checked.structuredContent
    assert checked.structuredContent["result"][0]["verdict"] == "differs"

    listed = await session.call_tool("list_papers", {"limit": 1})
    assert listed.structuredContent
    assert listed.structuredContent["total"] == 3

    paper = await session.call_tool("get_paper", {"paper_id": ALPHA})
    assert paper.structuredContent
    assert paper.structuredContent["authors"] == ["Ada Lovelace"]

    [template] = (await session.list_resource_templates()).resourceTemplates
    address = template.uriTemplate.replace("{paper_id}", "arxiv%3A2405.00001")
    [content] = (await session.read_resource(AnyUrl(address))).contents
    assert isinstance(content, TextResourceContents)
    assert content.text.startswith("# Alpha: A Cache")
    assert "Alpha keeps the cache on disk." in content.text


async def use_wrongly(session: ClientSession) -> None:
    for tool, arguments, said in (
        ("ask_papers", {"question": " "}, "the question is empty"),
        ("get_paper", {"paper_id": "nobody"}, "no paper 'nobody'"),
        ("search_papers", {"question": "x", "filters": {"since": "May"}}, "no date"),
        ("search_papers", {"question": "x", "k": 0}, "greater than or equal to 1"),
    ):
        answer = await session.call_tool(tool, arguments)
        assert answer.isError
        [content] = answer.content
        assert isinstance(content, TextContent)
        assert said in content.text


@pytest.mark.parametrize("used", [use_all, use_wrongly])
def test_the_papers_are_tools_over_http(
    server: Served, used: Callable[[ClientSession], Awaitable[None]]
):
    async def run() -> None:
        async with over_http(server.url) as session:
            await used(session)

    asyncio.run(run())


def test_the_papers_are_tools_over_standard_input(few_config: Config):
    async def run() -> None:
        async with over_standard_input(few_config) as session:
            await use_all(session)
            await use_wrongly(session)

    asyncio.run(run())
