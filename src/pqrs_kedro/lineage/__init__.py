"""The lineage of a committed run as OpenLineage events, from its pipelines and its manifest."""
