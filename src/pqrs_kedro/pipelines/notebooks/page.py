"""An executed notebook as one self-contained page, in the style of the run's report."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbformat import NotebookNode

# Nothing is fetched from elsewhere: nbconvert's own pages would ask for these.
_REMOTE: Final = {
    f"{name}_url": ""
    for name in ("mathjax", "require_js", "jquery", "mermaid_js", "mermaid_layout_elk_js")
}


def notebook_page(notebook: NotebookNode, run_manifest: Mapping[str, Any]) -> str:
    """Text, tables and figures of a notebook; the code stays in the notebook file."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        **_REMOTE,
    )
    body, _ = exporter.from_notebook_node(notebook)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    return environment.from_string(_resource("notebooks", "page.html.j2")).render(
        title=notebook.metadata["title"],
        manifest=run_manifest,
        css=Markup(_resource("report", "report.css") + _resource("notebooks", "page.css")),  # noqa: S704
        # What nbconvert made of this project's own notebook, whose cells escape what they show.
        body=Markup(body),  # noqa: S704
    )


def _resource(folder: str, name: str) -> str:
    package = "pqrs_kedro.report" if folder == "report" else f"pqrs_kedro.pipelines.{folder}"
    return (files(package) / name).read_text(encoding="utf-8")
