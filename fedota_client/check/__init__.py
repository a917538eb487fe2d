"""``fedota-client check``: whether a holder's data keeps a format, told in private.

Each kind of data has its check, which looks at everything and stops at nothing; the result is
written for a terminal, as JSON or as a page with pictures. Nothing of it leaves the machine.
"""
