"""The manhole: a Python prompt inside the running node, by SSH, for who mends it.

Off by default. Keys only, on the loopback or a unix socket; every line is told to the journal before it is run. The
only room that knows SSH. Imported when it is configured, and only then: the library takes its time to load.
"""
