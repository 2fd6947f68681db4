"""What a node counts and measures, in Prometheus' words.

`declared` names every metric, `heard` counts from the journal's events, `exposition` writes the text format and joins
what several processes say. Pure but for its counters; knows no house: `assembly.gauges` gives what is measured when
somebody asks.
"""
