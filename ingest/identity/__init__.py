"""Which records are one paper. Imports `rag` and `ingest.record`."""
