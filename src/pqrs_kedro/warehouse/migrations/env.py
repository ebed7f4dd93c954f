"""Alembic's entry: migrate over the connection that was handed over."""

from alembic import context

from pqrs_kedro.warehouse.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    version_table=VERSION_TABLE,
    version_table_schema="meta",
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
