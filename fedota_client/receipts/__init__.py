"""Receipts: an append-only, hash-chained account of what left the holder's machine.

One line of JSON for each thing, in ``receipts.jsonl``:

========  =======================================================================================
kind      what it says
========  =======================================================================================
opened    the first line: problem, node id, the client's and the problem's public keys
sent      written before the first byte of an update leaves: round, task, hashes of the model that
          came and of the update, bytes, weight and metrics, cost in privacy, where to, release
outcome   all of that again with what became of it, signed by the problem's coordinator
told      what else the platform was told: ready, away, leaving
note      something about the book itself, as a line that a crash had cut off
========  =======================================================================================

Every line names the SHA-256 of the line before it, and bears the client's signature over itself;
``receipts.head`` holds the number and the hash of the newest. So a line that is changed, removed,
moved or put in is found. Whoever holds the client's key can write a whole new book; what they
cannot make is the coordinator's signature.
"""
