"""The commands that keep an index whole: checks, a new build, backups."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from footnote.rag.core.config import Config
from footnote.ui.commands.options import AsJson, Replace, print_json
from footnote.ui.commands.shared import ERR, OUT, counted, progress, say_restored, with_settings


@with_settings
def doctor(config: Config, as_json: AsJson = False) -> None:
    """Check the index, the plugins and the language model; exit 1 on a problem."""
    from footnote.rag.answering.generative import problem_of
    from footnote.rag.build import open_index
    from footnote.rag.core.plugins import problems as problems_of_plugins
    from footnote.rag.writing import load_writing_model

    problems = [*open_index(config).problems(), *problems_of_plugins()]
    model = load_writing_model(config, remembers=False)
    if model and (problem := problem_of(model, timeout_s=config.llm.timeout_s)):
        problems.append(problem)
    if as_json:
        print_json({"ok": not problems, "problems": problems})
    else:
        OUT.print(escape("\n".join(problems)) if problems else "all is well")
    if problems:
        raise typer.Exit(1)


@with_settings
def plugins(config: Config, as_json: AsJson = False) -> None:
    """List what other installed packages add, and what of it cannot be loaded."""
    del config
    from footnote.rag.core.plugins import installed

    rows = [
        {
            "group": str(plugin.group),
            "name": plugin.name,
            "package": plugin.distribution,
            "problem": plugin.problem(),
        }
        for plugin in installed()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        OUT.print(escape(f"{row['group']:20}  {row['name']:20}  {row['package']}"))
        if row["problem"]:
            ERR.print(escape(row["problem"]))
    ERR.print(f"{len(rows):,} plugins")


@with_settings
def rebuild(config: Config, as_json: AsJson = False) -> None:
    """Make the index anew, from the catalogue and the settings."""
    from footnote.ingest.restore import restore
    from footnote.rag.build import open_index
    from footnote.rag.index.writer import IndexWriter

    index = open_index(config)
    writer = IndexWriter(index)
    with writer.holding(), progress(as_json) as on_progress:
        restored = restore(index.catalogue).paper_ids
        writer.rebuild(on_progress)
    problems = index.problems()
    if as_json:
        print_json({"ok": not problems, "problems": problems, "restored": restored})
    else:
        say_restored(restored)
        if problems:
            ERR.print(escape("\n".join(problems)))
        else:
            OUT.print(f"rebuilt {len(index.catalogue):,} papers")
    if problems:
        raise typer.Exit(1)


@with_settings
def backup(
    config: Config,
    file: Annotated[Path, typer.Argument(help="The file that is written.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Write the index to one file, while it is asked."""
    from footnote.rag.build import open_index
    from footnote.rag.index.archive import back_up
    from footnote.rag.index.writer import IndexWriter

    index = open_index(config)
    with ERR.status("Writing the backup"):
        IndexWriter(index).recover()
        contents = back_up(index, file, replace=replace)
    n_bytes = file.stat().st_size
    if as_json:
        print_json({"file": file, "papers": contents.papers, "bytes": n_bytes})
    else:
        OUT.print(escape(f"{counted(contents.papers, 'paper')} in {file}, {n_bytes / 1e6:,.1f} MB"))


@with_settings
def restore(
    config: Config,
    file: Annotated[Path, typer.Argument(help="What `footnote backup` wrote.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Make the index folder from a backup, once all of it is checked."""
    from footnote.rag.index.archive import restore as restore_index

    with ERR.status("Restoring the index"):
        contents = restore_index(file, config.index, replace=replace)
    if as_json:
        print_json({"index": config.index, "papers": contents.papers, "made": contents.made})
    else:
        OUT.print(
            escape(f"{counted(contents.papers, 'paper')} in {config.index}, as of {contents.made}")
        )
