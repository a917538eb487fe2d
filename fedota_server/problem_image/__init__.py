"""A client image for one problem: the client's, and one layer with addresses and data format.

It is put together without an engine, from an archive of the client's image: `ClientArchive` reads
that, `problem_layer` makes the layer, `ProblemImage` is the archive of both, in the order in which
its bytes are written, hashed, streamed or pushed, never all in memory.

References
----------
OCI image format specification 1.0 (image-spec): layout, manifest, configuration. Beside it stands
the ``manifest.json`` that ``docker load`` of engines before 25 reads alone.
"""
