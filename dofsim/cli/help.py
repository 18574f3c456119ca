"""Help that fits a screen: commands with many options show the usual ones, and all of them with ``--help-all``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALL = "dofsim.help-all"


def _show_all(context: typer.Context, wanted: bool) -> None:
    if wanted:
        context.meta[_ALL] = True
        typer.echo(context.get_help())
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all",
        callback=_show_all,
        is_eager=True,
        expose_value=False,
        help="Show the rarer options too, and exit.",
    ),
]
"""The option that a command with rare options has to have."""


class PlainHelp(TyperCommand):
    """A command whose help shows arguments without their types, which would say ``PHOTO <list[Path]>``."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for parameter in self.params:
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: None  # type: ignore[attr-defined] # noqa: ARG005


def short_help(rare: Iterable[str]) -> type[PlainHelp]:
    """Make the class of a command whose ``--help`` leaves out some options; they are completed and work as ever.

    Parameters
    ----------
    rare : iterable of str
        Names of the function's parameters whose options only ``--help-all`` shows.

    Returns
    -------
    type
        For ``cls`` of ``typer.Typer.command``.
    """
    names = frozenset(rare)

    class ShortHelp(PlainHelp):
        def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
            left_out = [] if ctx.meta.get(_ALL) else [option for option in self.params if option.name in names]
            for option in left_out:
                option.hidden = True  # type: ignore[attr-defined]
            try:
                return super().get_help(ctx)
            finally:
                for option in left_out:
                    option.hidden = False  # type: ignore[attr-defined]

    return ShortHelp
