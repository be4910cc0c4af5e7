"""What is kept of each run: a row, and in it what became of each node, when, where, and what it printed and logged.

Only data and the form in which it is stored; a run that goes on is in `runtime`, and what draws it is in `show`.
"""
