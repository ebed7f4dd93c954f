"""`kedro lineage`: what a run was made from, for tools that read OpenLineage."""

from pathlib import Path

import click
from kedro.framework.cli.utils import env_option

from pqrs_kedro.command_line import open_lake, refuse, require_run_id
from pqrs_kedro.lake.objects import ObjectChanged
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.manifest import RunNotFound


@click.command(short_help="Write a run's lineage as OpenLineage events.")
@click.argument("run_id")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File to write; .gz at its end compresses it. "
    "Default: data/exports/RUN_ID.openlineage.jsonl.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@env_option
def lineage(run_id: str, output: Path | None, force: bool, env: str | None) -> None:
    """Write the lineage of RUN_ID as OpenLineage events, one a line, for Marquez and its like.

    A job per node of the run's pipelines, with what it read and wrote; tables with their columns,
    rows, bytes and the outcome of every check of their quality. All of it comes from the pipelines
    and the run's manifest, so that the same run gives the same bytes (docs/lineage.md).

    Example: kedro lineage r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.lineage.export import SUFFIX, export_lineage

    require_run_id(run_id)
    project, store = open_lake(env)
    target = output or project / "data/exports" / f"{run_id}{SUFFIX}"
    try:
        written = export_lineage(store, run_id, target, replace=force)
    except (InvalidInput, RunNotFound) as error:
        refuse(str(error))
    except (ObjectChanged, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"written    {written.path}")
    for what, count in written.counts.items():
        click.echo(f"{what:<10} {count:>15,}")
