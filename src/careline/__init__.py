"""Careline: an open-source healthcare call center."""

__version__ = "0.1.0"
