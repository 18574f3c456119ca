"""Measuring dofsim against its baselines, installed so that anyone can repeat the figures."""
