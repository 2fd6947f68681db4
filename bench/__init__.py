"""The benchmark: this relay and Postfix, in turns, on one machine, between the same generator and the same sink.

Never part of a test run: figures depend on the machine, ratios within one run much less.
"""
