"""What the blocks' arguments have in common: pairs, batches of one, memory formats."""

from collections.abc import Sequence

import torch
from torch import Tensor


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """`value` as (vertical, horizontal); raises what torch raises for anything but one or two whole numbers."""
    if not isinstance(value, int | Sequence) or isinstance(value, str):
        raise TypeError(f"{name} must be whole numbers, but got {name}={value!r}")
    values = (value, value) if isinstance(value, int) else tuple(value)
    if len(values) == 1:
        values = values * 2
    if len(values) != 2:
        raise RuntimeError(f"{name} must be a single integer or 2 values, but got {name}={list(values)}")
    for v in values:
        if not isinstance(v, int):
            raise TypeError(f"{name} must be whole numbers, but got {name}={list(values)}")
    return int(values[0]), int(values[1])


def check_tensor(value: Tensor, name: str) -> None:
    """Raises TypeError unless `value` is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a Tensor, but got {type(value).__name__}")


def batched(x: Tensor, name: str) -> Tensor:
    """`x` as (N, C, H, W): a (C, H, W) tensor becomes a batch of one."""
    check_tensor(x, "input")
    if x.ndim not in (3, 4):
        raise RuntimeError(
            f"Expected 3D (unbatched) or 4D (batched) input to {name}, but got size {list(x.shape)}"
        )
    return x if x.ndim == 4 else x.unsqueeze(0)


def memory_format(x: Tensor) -> torch.memory_format:
    """The format that a result of `x` is given: channels-last where `x` lies so, else contiguous."""
    channels_last = x.ndim == 4 and x.stride(1) == 1 and not x.is_contiguous()
    return torch.channels_last if channels_last else torch.contiguous_format


def formatted(y: Tensor, x: Tensor) -> Tensor:
    """`y` (N, C, H, W) dense in the memory format of `x`, without the batch axis where `x` had none."""
    y = y.contiguous(memory_format=memory_format(x))
    return y if x.ndim == 4 else y.squeeze(0)


def fits(parameter: torch.dtype, input: torch.dtype) -> bool:
    """Whether a parameter's dtype is the input's, or fp32 for half precision."""
    return parameter == input or (parameter == torch.float32 and input in (torch.float16, torch.bfloat16))


def check_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    channels: tuple[int, int],
    **numbers: tuple[int, int],
) -> None:
    """Raises RuntimeError, naming the numbers, where a convolution of any kind cannot be.

    `channels` are those that the weight expects of the input and gives to the bias; `numbers` are stride, padding,
    dilation and, as far as there is one, output_padding.
    """
    for name, values in numbers.items():
        least = 0 if "padding" in name else 1
        if min(values) < least:
            kind = "negative" if least == 0 else "non-positive"
            raise RuntimeError(f"{kind} {name} is not supported, but got {name}={values}")
    if not x.dtype.is_floating_point:
        raise RuntimeError(f"expected a floating-point input, but got {x.dtype}")
    if 0 in x.shape[1:]:
        raise RuntimeError(f"only the batch may be empty, but got input of size {list(x.shape)}")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is None:
            continue
        check_tensor(tensor, name)
        if not fits(tensor.dtype, x.dtype) or tensor.device != x.device:
            raise RuntimeError(
                f"input ({x.dtype}, {x.device}) and {name} ({tensor.dtype}, {tensor.device}) should be the same"
            )
    if x.shape[1] != channels[0]:
        raise RuntimeError(
            f"weight of size {list(weight.shape)} expects input {list(x.shape)} to have {channels[0]} channels, "
            f"but got {x.shape[1]}"
        )
    if bias is not None and bias.shape != (channels[1],):
        raise RuntimeError(f"expected bias of size [{channels[1]}], but got {list(bias.shape)}")


def check_groups(weight: Tensor, groups: int) -> None:
    """Raises RuntimeError unless `weight` (C1, C2, kh, kw) can be split into `groups` along its first axis."""
    check_tensor(weight, "weight")
    if not isinstance(groups, int):
        raise TypeError(f"groups must be a whole number, but got groups={groups!r}")
    if weight.ndim != 4 or not weight.numel():
        raise RuntimeError(f"expected a weight of 4 axes, none empty, but got size {list(weight.shape)}")
    if groups < 1:
        raise RuntimeError(f"non-positive groups is not supported, but got groups={groups}")
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"groups={groups} does not divide the {weight.shape[0]} channels of {list(weight.shape)}"
        )
