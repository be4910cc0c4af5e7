"""Does a pipeline keep its promises? Its steps are made again under other conditions, and looked at while they run.

`audit.py` walks the graph, `witness.py` runs a node in a process of its own, `conditions.py` says which conditions
and what a difference comes from, `gaps.py` how far two values are apart, and `report.py` is what comes of it.
"""
