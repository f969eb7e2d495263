"""The knowledge graph: Documents in, answers out. Nothing here imports torch."""
