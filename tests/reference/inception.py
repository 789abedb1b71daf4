"""The 2015-12-05 Inception, operation by operation from a dict of weights, in float64. Slow, and shares no code."""

from __future__ import annotations

import torch
from torch.nn.functional import conv2d, max_pool2d, unfold


def inception(weights, x):
    """Scaled images (n, 3, 299, 299) -> every output by name, float64."""
    w = {name: value.double() for name, value in weights.items()}

    def conv(x, name, stride=1, padding=0):
        """Convolution without bias, batch norm with eps 0.001 on stored statistics, ReLU."""
        y = conv2d(x, w[f"{name}.conv.weight"], stride=stride, padding=padding)
        gamma, beta, mean, var = (
            w[f"{name}.bn.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (gamma * (y - mean) / torch.sqrt(var + 0.001) + beta).clamp(min=0)

    def chain(x, block, *steps):
        """Convolutions one after another: (name, padding)."""
        for name, padding in steps:
            x = conv(x, f"{block}.{name}", padding=padding)
        return x

    def neighbours(x):
        """(n, c, 9, h * w) values of the 3 x 3 window round each place; NaN outside the picture."""
        n, c, h, w = x.shape
        padded = torch.full((n, c, h + 2, w + 2), torch.nan, dtype=x.dtype)
        padded[:, :, 1:-1, 1:-1] = x
        return unfold(padded, 3).reshape(n, c, 9, h * w)

    def mean_inside(x):
        return neighbours(x).nanmean(2).reshape(x.shape)

    def max_inside(x):
        return neighbours(x).nan_to_num(-torch.inf).amax(2).reshape(x.shape)

    def block_a(x, at):
        return torch.cat(
            [
                chain(x, at, ("branch1x1", 0)),
                chain(x, at, ("branch5x5_1", 0), ("branch5x5_2", 2)),
                chain(x, at, ("branch3x3dbl_1", 0), ("branch3x3dbl_2", 1), ("branch3x3dbl_3", 1)),
                chain(mean_inside(x), at, ("branch_pool", 0)),
            ],
            1,
        )

    def block_c(x, at):
        row, column = (0, 3), (3, 0)  # padding of 1 x 7 and 7 x 1 kernels
        long = zip((f"branch7x7dbl_{i}" for i in range(1, 6)), (0, column, row, column, row), strict=True)
        return torch.cat(
            [
                chain(x, at, ("branch1x1", 0)),
                chain(x, at, ("branch7x7_1", 0), ("branch7x7_2", row), ("branch7x7_3", column)),
                chain(x, at, *long),
                chain(mean_inside(x), at, ("branch_pool", 0)),
            ],
            1,
        )

    def block_e(x, at, pool):
        row, column = (0, 1), (1, 0)
        single = chain(x, at, ("branch3x3_1", 0))
        double = chain(x, at, ("branch3x3dbl_1", 0), ("branch3x3dbl_2", 1))
        return torch.cat(
            [
                chain(x, at, ("branch1x1", 0)),
                chain(single, at, ("branch3x3_2a", row)),
                chain(single, at, ("branch3x3_2b", column)),
                chain(double, at, ("branch3x3dbl_3a", row)),
                chain(double, at, ("branch3x3dbl_3b", column)),
                chain(pool(x), at, ("branch_pool", 0)),
            ],
            1,
        )

    out = {}
    x = conv(x.double(), "Conv2d_1a_3x3", stride=2)
    x = conv(x, "Conv2d_2a_3x3")
    x = conv(x, "Conv2d_2b_3x3", padding=1)
    x = max_pool2d(x, 3, 2)
    out["64"] = x.mean((2, 3))
    x = conv(x, "Conv2d_3b_1x1")
    x = conv(x, "Conv2d_4a_3x3")
    x = max_pool2d(x, 3, 2)
    out["192"] = x.mean((2, 3))
    for at in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        x = block_a(x, at)
    reduced = chain(x, "Mixed_6a", ("branch3x3dbl_1", 0), ("branch3x3dbl_2", 1))
    reduced = conv(reduced, "Mixed_6a.branch3x3dbl_3", stride=2)
    x = torch.cat([conv(x, "Mixed_6a.branch3x3", stride=2), reduced, max_pool2d(x, 3, 2)], 1)
    for at in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        if at == "Mixed_6d":
            spatial = conv(x, "Mixed_6d.branch1x1").numpy().transpose(0, 2, 3, 1)[..., :7]  # as TensorFlow: n, h, w, c
            out["sfid"] = torch.from_numpy(spatial.reshape(len(spatial), -1).copy())
        x = block_c(x, at)
    out["768"] = x.mean((2, 3))
    small = conv(chain(x, "Mixed_7a", ("branch3x3_1", 0)), "Mixed_7a.branch3x3_2", stride=2)
    steps = zip((f"branch7x7x3_{i}" for i in (1, 2, 3)), (0, (0, 3), (3, 0)), strict=True)
    large = conv(chain(x, "Mixed_7a", *steps), "Mixed_7a.branch7x7x3_4", stride=2)
    x = torch.cat([small, large, max_pool2d(x, 3, 2)], 1)
    x = block_e(x, "Mixed_7b", mean_inside)
    x = block_e(x, "Mixed_7c", max_inside)
    out["features"] = x.mean((2, 3))
    out["logits"] = out["features"] @ w["fc.weight"].T
    out["logits-with-bias"] = out["logits"] + w["fc.bias"]
    return out
