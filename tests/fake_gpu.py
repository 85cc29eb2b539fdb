"""A GPU that Triton compiles for, though there is none."""

# The beginning of a program for a process of its own, since Triton decides once whether it interprets: a Hopper.
FAKE_GPU = """
from triton.backends.compiler import GPUTarget
from triton.runtime import driver


class Gpu:
    get_current_target = staticmethod(lambda: GPUTarget("cuda", 90, 32))
    get_current_device = staticmethod(lambda: 0)
    get_current_stream = staticmethod(lambda device: 0)


driver.set_active(Gpu())
"""
