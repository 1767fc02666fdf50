"""How good it is: question sets, metrics, runs, reports. Imports `rag` and `ingest`."""
