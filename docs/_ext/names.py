"""References to names: by whichever of a thing's names a docstring calls it.

``dofsim.Photo``, ``dofsim.photo.Photo`` and ``dofsim.photo.photo.Photo`` are one class, described once. A reference by
another name goes there; one to something that exists and has no entry of its own stays plain text; only a name that
does not exist remains a warning.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


def find(name: str) -> Any:
    """The object of a dotted name, or None."""
    parts = [part for part in name.split(".") if part]
    for count in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            declared = getattr(thing, "__annotations__", {})
            thing = getattr(thing, part, declared.get(part))
        return thing
    return None


def _resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    if node.get("refdomain") != "py":
        return None
    target, module, owner = node["reftarget"], node.get("py:module") or "", node.get("py:class") or ""
    home = getattr(find(f"{module}.{owner}"), "__module__", module)
    inside = [name for name in sys.modules if name.startswith(f"{module}.")]
    for name in (target, *(f"{place}.{target}" for place in (home, module, f"{module}.{owner}", *inside))):
        thing = find(name) if name.startswith("dofsim") else None
        if thing is None:
            continue
        full = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
        for known, entry in env.domains.python_domain.objects.items():
            if known in (name, full) or (find(known) is thing and callable(thing)):
                return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, text, known)
        return text
    return None


def _without_map(_app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Leave out the list of modules that a package's docstring ends with: it is for readers of the source."""
    if what == "module" and "Modules" in lines:
        del lines[lines.index("Modules") :]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _without_map, priority=400)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
