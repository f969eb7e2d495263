"""Tasks without training: a decoder is shown what to do in its prompt (Brown et al. 2020)."""
