"""Answers and papers on their way out: what `ingest` is on their way in."""
