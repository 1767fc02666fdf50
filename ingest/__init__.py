"""How papers get in: sources, cleaning, identity, the pipeline. Imports `rag`."""
