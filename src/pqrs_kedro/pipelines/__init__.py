"""The five pipelines: synthesis, ingestion, curation, metrics, reporting."""
