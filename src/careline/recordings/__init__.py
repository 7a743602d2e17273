"""Recordings and voicemails: encrypted files, their rows, and playing them to those who may."""
