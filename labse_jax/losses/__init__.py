"""Losses over pairs of sentences, a file for each.

`NAME.NAME(x_bD, y_bD, ids_b2, mask_b, *, spread, ...)` returns (loss, metrics), equal on all
devices; `margin_softmax` states the contract. A loss says by its keyword arguments what it needs
beside the pairs: options of the config, a teacher's vectors, mined negatives. config.loss names the
file. (`masked_lm` is the loss of pretraining, with arguments of its own.)
"""
