"""What somebody should look at: which alarms there are, which are open, and how they reach people who do not look.

`kinds` declares every alarm, `rules` reads them out of the journal's events, `board` keeps those that are open,
`telling` sends them on by `webhook` and `letter`. Nothing waits on any of it: what cannot be sent is tried again, then
dropped and told to the journal. Knows neither the configuration nor the node; `assembly.alarms` builds it.
"""
