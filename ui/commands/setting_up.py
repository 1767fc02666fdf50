"""The command that proposes a profile for this machine, and writes the settings of one."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from footnote.rag.core.config import Config
from footnote.rag.core.errors import ConfigError
from footnote.rag.profiles import OFFLINE, PROFILES, Machine, Profile, proposed, this_machine
from footnote.ui.commands.options import AsJson, print_json
from footnote.ui.commands.shared import OUT, with_settings


@with_settings
def setup(
    config: Config,
    profile: Annotated[
        str | None, typer.Argument(help="Profile to set up; without one, what would suit.")
    ] = None,
    to: Annotated[Path, typer.Option(help="Settings file to write; a new one.")] = Path(
        "footnote.yaml"
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Fetch without asking first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Propose models that suit this machine, or fetch those of a profile and write its settings."""
    if profile is None:
        _show(this_machine(), as_json=as_json)
        return
    if profile not in PROFILES:
        raise ConfigError(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
    if to.exists():
        raise ConfigError(f"settings file {to} is there already; name a new one with --to")
    if not to.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {to.parent}; make it, or name another with --to")
    _fetch(PROFILES[profile], asked=yes)
    settings = {"index": str(config.index.absolute())} | PROFILES[profile].settings()
    to.write_text(yaml.safe_dump(settings), encoding="utf-8")
    if as_json:
        print_json({"written": to, "settings": settings})
        return
    OUT.print(
        f"written to {to}, to which other settings of yours can be added\n"
        f"`footnote rebuild --config {to}` makes the index anew beside the one in force;\n"
        f"`footnote calibrate --config {to}` then fits when to refuse to these models;\n"
        f"name it with --config, or as FOOTNOTE_CONFIG, from then on"
    )


def _show(machine: Machine, *, as_json: bool) -> None:
    suits = proposed(machine)
    if as_json:
        rows = [
            profile.model_dump(mode="json")
            | {"megabytes": profile.megabytes, **_ratios(profile), "settings": profile.settings()}
            for profile in PROFILES.values()
        ]
        print_json({"machine": machine.model_dump(), "proposed": suits.name, "profiles": rows})
        return
    speed = "with bfloat16" if machine.bfloat16 else "without bfloat16"
    OUT.print(
        f"{machine.processor}, {machine.threads} threads {speed}, {machine.memory_gb:.0f} GB; "
        f"{machine.gpu or 'no GPU'}; the model hub {'answers' if machine.hub else 'is not reached'}"
    )
    for each in PROFILES.values():
        cost, fetched = _ratios(each), f"{each.megabytes:,} MB" if each.megabytes else "nothing"
        OUT.print(
            f"{each.name}{' *' if each is suits else ''}: {each.about}\n"
            f"    to fetch {fetched}; published {each.published};\n"
            f"    computes {cost['question_cost']:,g} times as much for a question, "
            f"{cost['paper_cost']:g} for a paper"
        )
    OUT.print(f"* suits this machine; `footnote setup {suits.name}` fetches and sets it")


def _ratios(profile: Profile) -> dict[str, float]:
    """Return what a question and a paper cost, in those of what is installed."""
    return {
        "question_cost": round(profile.question_cost / OFFLINE.question_cost, 1),
        "paper_cost": round(profile.paper_cost / OFFLINE.paper_cost, 1),
    }


def _fetch(profile: Profile, *, asked: bool) -> None:
    """Load the models of a profile, which fetches what is not here yet."""
    if profile.megabytes and not asked:
        names = " and ".join(model.name for model in profile.models)
        typer.confirm(f"Fetch {names}, {profile.megabytes:,} MB?", abort=True)
    from footnote.rag.index.embedding import load_embedder
    from footnote.rag.retrieval.cross_encoder import load_cross_encoder

    load_embedder(profile.embedder.name)
    if profile.reranker:
        load_cross_encoder(profile.reranker.name)
