"""The lecture's choices for a training, by the names that `artlives train` knows them by."""

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.optim import Optimizer

from artlives.blocks.initialization import kaiming_normal_, normal_, trunc_normal_, uniform_, xavier_normal_
from artlives.blocks.optimization import SGD, Adadelta, Adagrad, Adam, RMSprop
from artlives.engines.network import Convolution, StyleNetwork, Upsampling

# By the names of `recipe.CHOICES`.
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adam": Adam,
}
# The first three have a fixed width of 0.05, about Kaiming's for the network's widest layers; the others fit theirs to
# the fans.
INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": partial(uniform_, a=-0.05, b=0.05),
    "normal": partial(normal_, std=0.05),
    "truncated-normal": partial(trunc_normal_, std=0.05, a=-0.1, b=0.1),
    "xavier": xavier_normal_,
    "kaiming": kaiming_normal_,
}


def initialize(network: StyleNetwork, init: str) -> None:
    """Draws the weights of `network` by one of the `INITIALIZERS`, from torch's own generator.

    A transposed convolution draws a number for each pair of channels, whose scale does not matter; see
    `artlives.engines.network.Upsampling.start`. The output layer keeps its small weights, with which every training
    begins from a grey picture.
    """
    draw = INITIALIZERS[init]
    for module in network.modules_of_steps():
        if isinstance(module, Upsampling):
            module.start(draw)
        elif isinstance(module, Convolution):
            draw(module.conv.weight)
