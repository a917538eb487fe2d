"""A holder's data: files of each declared kind, judged and read.

One judge per kind says what does not keep the format (`Finding`); ``check`` lists all that it
finds, training refuses at the first. `read_examples` and `read_split` return what the model is
given, in memory or, beyond a bound, read from files as it is needed.
"""
