"""The catalogue of papers and all that is derived from it. Imports `core`.

`index` opens the folder for reading and `writer` writes it; begin with these two. The `catalogue`
(SQLite) is the truth. A `snapshot` is everything derived from it, in a folder of its own: vectors
of papers in `chroma` and of sentences in `dense`, words in `bm25`, token embeddings in
`multivector`. `check` compares a snapshot with the catalogue.

Card         what a snapshot was built with; it has to fit the settings.
In force     the one snapshot that the catalogue names; questions are asked of it.
Served       a paper, or a version of it, that the snapshot in force holds whole.
Pending      a paper that the snapshot in force does not hold as it now is.
Shard        a part of a snapshot, for the papers whose ids fall to it; searches ask all as one.
Tombstone    a version that the snapshot may still hold and that is served no more.
Sealed       its writer came to its end: the manifest lists its files.
Recover      finish what an interrupted writer left.
Compact      copy what is left to another snapshot once more was deleted than that.
"""
