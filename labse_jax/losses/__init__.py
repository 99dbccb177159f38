"""Losses over pairs of sentences, a file for each.

`NAME.NAME(x_bD, y_bD, ids_b2, mask_b, *, spread, ...)` returns (loss, metrics), equal on all
devices; `margin_softmax` states the contract. A loss says by its keyword arguments what it needs
beside the pairs: options, with their defaults, a teacher's vectors, mined negatives. config.loss
names the file; it may be one of your own, outside of the package: docs/a_loss_of_your_own.md.
(`masked_lm` is the loss of pretraining, with arguments of its own.)
"""
