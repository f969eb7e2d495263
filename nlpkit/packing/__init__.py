"""Packs: adapters and what a domain knows beyond them, in one folder or file that works without a network."""
