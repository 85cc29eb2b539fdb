"""The style network as torch modules: a photo goes in, a painting of the same size comes out.

In the order data flows: three convolutions bring the picture to 1/8 of its size and 96 channels, residual blocks
repaint it there, transposed convolutions bring it back, with two more residual blocks at 1/4.

After Johnson et al. 2016, "Perceptual losses for real-time style transfer and super-resolution", with the instance
normalization of Ulyanov et al. 2016. All of it is made of our own blocks.
"""

# ruff: noqa: E402
from artlives.errors import needs

needs("StyleNetwork", "train", "torch")

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from artlives.architecture import GAIN, GREY, RANGE, SMALLEST, STYLE_NETWORK, Layer
from artlives.blocks.activation import LeakyReLU, PReLU, ReLU, Sigmoid, Swish, Tanh, tanh
from artlives.blocks.convolution import Conv2d
from artlives.blocks.initialization import kaiming_normal_, normal_
from artlives.blocks.normalization import InstanceNorm2d, fused_instance_norm
from artlives.blocks.padding import pad
from artlives.blocks.transposed_convolution import ConvTranspose2d
from artlives.plan import EPS, Step, lower, reduction


class Blocks(NamedTuple):
    """What a network is built from: our blocks, or others with the same signatures to compare them with."""

    # Modules, whose attributes are tensors and modules alike: hence Any.
    Conv2d: Callable[..., Any]
    ConvTranspose2d: Callable[..., Any]
    InstanceNorm2d: Callable[..., Any]
    # `blocks.normalization.fused_instance_norm`
    instance_norm: Callable[..., Tensor]
    pad: Callable[..., Tensor]
    tanh: Callable[[Tensor], Tensor]
    # By the names of `architecture.ACTIVATIONS`; PReLU takes the number of channels, the others nothing.
    activations: Mapping[str, Callable[..., nn.Module]]


# This package's own blocks.
OURS = Blocks(
    Conv2d,
    ConvTranspose2d,
    InstanceNorm2d,
    fused_instance_norm,
    pad,
    tanh,
    {
        "tanh": Tanh,
        "sigmoid": Sigmoid,
        "relu": ReLU,
        "leaky-relu": LeakyReLU,
        "prelu": PReLU,
        "swish": Swish,
    },
)


class Convolution(nn.Module):
    """Convolution padded by reflection, instance normalization and, where the step has one, the activation."""

    def __init__(self, step: Step, blocks: Blocks = OURS) -> None:
        super().__init__()
        self.blocks = blocks
        self.conv = self._convolution(step)
        self.norm = blocks.InstanceNorm2d(step.outputs, eps=EPS, affine=True)
        self.rectified = step.activation == "relu"
        self.activation: nn.Module | None = None
        if step.activation is not None:
            slopes = [step.outputs] if step.activation == "prelu" else []
            self.activation = blocks.activations[step.activation](*slopes)
        self._draw()

    def _convolution(self, step: Step) -> Any:
        # No bias: the normalization would take it away.
        return self.blocks.Conv2d(
            step.inputs,
            step.outputs,
            step.kernel,
            step.stride,
            padding=step.reflected,
            bias=False,
            padding_mode="reflect",
        )

    def _draw(self) -> None:
        kaiming_normal_(self.conv.weight)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride).

        `residual`, of that shape, is added where there is no activation or ReLU.
        """
        weight, bias = self.norm.weight, self.norm.bias
        y = self.blocks.instance_norm(self.convolve(x), weight, bias, self.rectified, residual, EPS)
        if not self.rectified and self.activation is not None:
            y = self.activation(y)
        return y

    def convolve(self, x: Tensor) -> Tensor:
        """The padding and the convolution alone: (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y: Tensor = self.conv(x)
        return y


class EvenKernel(nn.Module):
    """A transposed convolution's kernel whose output has no grid (checkerboard artifacts), for any learned values.

    What is learned, (I, O, k - stride + 1, k - stride + 1), is convolved with a box of the stride's size to the kernel
    (I, O, k, k). So each of the stride² phases of the output sums the same learned values, and an even area stays even
    (Odena et al. 2016, "Deconvolution and checkerboard artifacts": it equals repeating each pixel, then convolving).
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, learned: Tensor) -> Tensor:
        """(I, O, n, n) -> (I, O, n + stride - 1, n + stride - 1), the kernel that files hold."""
        more = self.stride - 1
        shifts = range(self.stride)
        across = torch.stack([pad(learned, (i, more - i, 0, 0)) for i in shifts]).sum(0)
        return torch.stack([pad(across, (0, 0, i, more - i)) for i in shifts]).sum(0)

    def right_inverse(self, kernel: Tensor) -> Tensor:
        """The learned values (I, O, n, n) that give `kernel` (I, O, k, k), of uneven phases by least squares."""
        n = kernel.shape[-1] - self.stride + 1
        box = sum(
            torch.eye(n + self.stride - 1, n, dtype=torch.float64).roll(i, 0) for i in range(self.stride)
        )
        # (n, k)
        inverse: Tensor = torch.linalg.pinv(box).to(kernel)
        return inverse @ kernel @ inverse.T


class Upsampling(Convolution):
    """Transposed convolution, instance normalization, activation.

    In training the kernel is an `EvenKernel`; a style's file holds the kernel that this makes.
    """

    def __init__(self, step: Step, blocks: Blocks = OURS, even: bool = True) -> None:
        self.even = even
        super().__init__(step, blocks)
        self.reflected = step.reflected

    def _convolution(self, step: Step) -> Any:
        return self.blocks.ConvTranspose2d(
            step.inputs, step.outputs, step.kernel, step.stride, padding=step.cropped, bias=False
        )

    def _draw(self) -> None:
        if self.even:
            parametrize.register_parametrization(self.conv, "weight", EvenKernel(self.conv.stride[0]))
            nn.Module.register_load_state_dict_pre_hook(self, _unfold)
            self.start(normal_)

    def start(self, draw: Callable[[Tensor], Tensor]) -> None:
        """Draws what is learned: a smooth bump times one number for each pair of channels, and a little noise.

        `draw` fills a tensor (outputs, inputs, 1, 1) with numbers whose scale does not matter.
        """
        learned = self.learned()
        inputs, outputs, n, _ = learned.shape
        amplitude = draw(torch.empty(outputs, inputs, 1, 1)).transpose(0, 1)
        distance = (torch.arange(n) - (n - 1) / 2).abs()
        side = 1 - distance / ((n + 1) / 2)
        # 1/4, 1/2, 1/4 for three.
        side = side / side.sum()
        with torch.no_grad():
            bump = amplitude / amplitude.std().clamp(min=1e-12) * (side * side[:, None])
            noise = normal_(torch.empty_like(learned), std=0.5 / n)
            # Of variance 2 / inputs, as by He et al. 2015 for ReLU, which together they keep about: 0.7 and 0.5 are
            # the parts of either that trained well.
            learned.copy_((0.7 * 2**0.5 * bump + noise) / inputs**0.5)

    def learned(self) -> Tensor:
        """The parameter that is trained: (inputs, outputs, kernel - stride + 1, kernel - stride + 1)."""
        parameter: Tensor = self.conv.parametrizations.weight.original
        return parameter

    def convolve(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H * stride, W * stride)."""
        margins = (self.reflected,) * 4
        y: Tensor = self.conv(self.blocks.pad(x, margins, "reflect"))
        return y


def _unfold(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Lets an even `Upsampling` load a file's weights: the parameter that gives their kernel replaces the kernel."""
    assert isinstance(module, Upsampling)
    kernel = state_dict.pop(f"{prefix}conv.weight", None)
    if kernel is not None:
        even = EvenKernel(module.conv.stride[0])
        state_dict[f"{prefix}conv.parametrizations.weight.original"] = even.right_inverse(kernel)


class Output(nn.Module):
    """Convolution to three colours, GAIN * tanh + GREY, in fp32 at least; see `architecture`."""

    def __init__(self, step: Step, blocks: Blocks = OURS) -> None:
        super().__init__()
        self.tanh = blocks.tanh
        self.conv = blocks.Conv2d(
            step.inputs, step.outputs, step.kernel, padding=step.reflected, padding_mode="reflect"
        )
        normal_(self.conv.weight, std=0.01)
        with torch.no_grad():
            self.conv.bias.zero_()

    def forward(self, x: Tensor, residual: None = None) -> Tensor:
        """(N, inputs, H, W) to (N, 3, H, W), between -22.5 and 277.5."""
        x = self.conv(x)
        # In half precision each of these steps would round to whole grey levels.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return self.tanh(wide) * GAIN + GREY


class StyleNetwork(nn.Module):
    """The network that `layers` describe.

    Shapes: (N, 3, H, W) in 0..255, H and W >= 16, to (N, 3, H, W), between -22.5 and 277.5: clamp it to 0..255.

    Args:
        layers: the description.
        even: learn kernels of transposed convolutions that leave even areas even, see `EvenKernel`. Otherwise these
            are as free as an older style's file may hold them. Either kind loads the other's `file_weights`.
        blocks: what it is built from.

    Attributes:
        steps: the plan of the network.
        compute_dtype: in which dtype it computes; None: in that of its pictures. The result has the pictures' dtype.

    Raises:
        ValueError: the description is not one of a network; later, a picture with a side below 16 pixels, or without
            three channels.
    """

    def __init__(
        self, layers: tuple[Layer, ...] = STYLE_NETWORK, even: bool = True, blocks: Blocks = OURS
    ) -> None:
        super().__init__()
        self.steps = lower(layers)
        self.reduction = reduction(self.steps)
        self.blocks = blocks
        self.compute_dtype: torch.dtype | None = None
        for step in self.steps:
            if step.transposed:
                self._add(step.name, Upsampling(step, blocks, even))
            else:
                self._add(step.name, Convolution(step, blocks) if step.normalized else Output(step, blocks))

    def _add(self, path: str, module: nn.Module) -> None:
        """Give `module` the name `path`, in modules that stand for what is before each dot."""
        parent: nn.Module = self
        *above, name = path.split(".")
        for part in above:
            if part not in dict(parent.named_children()):
                parent.add_module(part, nn.Module())
            parent = parent.get_submodule(part)
        parent.add_module(name, module)

    def modules_of_steps(self) -> list[nn.Module]:
        """The module of each step, in their order."""
        return [self.get_submodule(step.name) for step in self.steps]

    def file_weights(self) -> dict[str, Tensor]:
        """The weights by the names, and in the shapes, that a style's file and all engines have."""
        weights = self.state_dict()
        for step, module in zip(self.steps, self.modules_of_steps(), strict=True):
            if isinstance(module, Upsampling) and parametrize.is_parametrized(module.conv):
                del weights[f"{step.name}.conv.parametrizations.weight.original"]
                weights[f"{step.name}.conv.weight"] = module.conv.weight.detach()
        return weights

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(
                f"expected pictures (N, 3, H, W) of at least {SMALLEST} pixels a side, but got {list(x.shape)}"
            )
        h, w = x.shape[2:]
        x = (x.contiguous(memory_format=torch.channels_last) - GREY) / RANGE
        dtype = x.dtype
        x = x.to(self.compute_dtype or dtype)
        x = self.blocks.pad(x, (0, -w % self.reduction, 0, -h % self.reduction), "reflect")
        kept: dict[int, Tensor] = {}
        for i, (step, module) in enumerate(zip(self.steps, self.modules_of_steps(), strict=True)):
            if step.kept:
                kept[i] = x
            x = module(x, None if step.adds is None else kept.pop(step.adds))
        return x[:, :, :h, :w].to(dtype)
