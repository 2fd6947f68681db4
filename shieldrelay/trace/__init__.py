"""Floor 3: the index of the journal and its search, in processes of their own; the relay only writes its journal.

One process (`indexer`) reads the journal as it grows and keeps its lines in files that can be searched (`segment`),
another one (`search`) answers. The node starts both (`keeper`) and waits for neither.
"""
