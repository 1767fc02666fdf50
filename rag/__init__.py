"""Records, index, retrieval, answers and citations. Imports nothing of ours."""
