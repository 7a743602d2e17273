"""Benches: Careline beside Asterisk's own app_queue, with the same callers and agents, in one run on one machine."""
