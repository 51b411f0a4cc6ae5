"""Benchmarks: `python -m bench` loads the chat function beside its peers, against a stand-in engine that costs next to nothing.

One core is the unit: what is compared is the CPU time of the process that relays, not how fast the machine is.
"""
