"""What needs labels, data files, optimisation, plots or an experiment store.

`training` imports `cxnlp`, never the reverse, and is not in the wheel.
"""
