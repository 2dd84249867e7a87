"""Experiments: running scenarios many times, pairing them, fitting, and what follows from that."""
