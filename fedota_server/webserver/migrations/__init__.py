"""How the database came to its present shape, one revision a file.

After a change of tables.py, ``python tools/make_migration.py 0002 "Say what changes"`` writes the
next one; a test compares what all of them make with the tables.
"""
