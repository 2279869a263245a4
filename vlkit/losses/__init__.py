"""Training objectives as pure tensor functions: no module, no parameter, no state.

Losses that couple the samples of a batch (``contrastive``, ``alignment``) return a scalar and
gather over the process group where there is one. Losses that don't return one figure per sample
``[B]``, so that a task can hand them on as a representation and the loop can cut a batch anywhere.
"""
