"""Choose evidence and answer. Imports every other room of `rag`."""
