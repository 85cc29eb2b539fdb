"""`artlives check`: measure the building blocks on this machine."""

import warnings
from contextlib import suppress

import click
from tqdm import tqdm

from artlives.cli.options import device_option
from artlives.errors import ArtlivesError, needs

ROW = "{:<17} {:>5}  {:>9}  {:>9}  {:<11}  {:<6}  {:<8}  {}"
HEAD = ROW.format("block", "cases", "forward", "gradient", "derivatives", "device", "dtype", "result")


@click.command()
@click.option("-v", "--verbose", is_flag=True, help="Print the errors of each block in each dtype.")
@device_option
def check(verbose: bool, device: str) -> None:
    """Compare every building block with torch's operator, on this machine; takes about half a minute.

    Each runs over a grid of shapes, strides, paddings, memory layouts and dtypes. The exit status is 1 if a block is
    wrong.

    In the table of --verbose, "forward" and "gradient" are the largest errors of outputs and gradients, relative to the
    largest value of the reference, which torch computes in float64 on the CPU. "derivatives" says whether first and
    second derivatives agree with finite differences, in float64.
    """
    needs("check", "train", "torch")
    import torch

    from artlives import devices
    from artlives.validation import BLOCKS, TOLERANCES, Errors, differentiates, measure

    # torch tells of an implementation detail of its own padding="same".
    warnings.filterwarnings("ignore", message="Using padding='same'")
    place = devices.pick(device).type
    # The cases are too small for several threads to gain anything.
    torch.set_num_threads(1)
    wrong: list[str] = []
    cases = 0
    if verbose:
        click.echo(HEAD)
    # None: where there is a terminal.
    for block in tqdm(BLOCKS.values(), unit="block", leave=False, disable=True if verbose else None):
        for dtype, tolerance in TOLERANCES.items():
            # MPS has no float64.
            if dtype == torch.float64 and place == "mps":
                continue
            name, worst, derivatives, found = str(dtype).removeprefix("torch."), Errors(0, 0), "", len(wrong)
            for case in block.cases:
                try:
                    errors = measure(block, case, dtype, place)
                except Exception as error:
                    # A block that fails on this machine, with any exception, is reported as wrong.
                    wrong.append(f"{block.name} in {name}, {case}: {error}")
                    continue
                worst = Errors(*map(max, worst, errors))
                if errors.forward > tolerance.forward or errors.gradient > tolerance.gradient:
                    wrong.append(
                        f"{block.name} in {name}, {case}: errors {errors.forward:.1e}, {errors.gradient:.1e}, "
                        f"allowed {tolerance.forward:.1e}, {tolerance.gradient:.1e}"
                    )
            if dtype == torch.float64:
                derivatives = "right"
                for case in block.small:
                    agrees = False
                    # An exception counts as a wrong derivative.
                    with suppress(Exception):
                        agrees = differentiates(block, case, place)
                    if not agrees:
                        derivatives = "wrong"
                        wrong.append(f"{block.name}, {case}: a derivative is not what finite differences say")
            cases += len(block.cases)
            if verbose:
                result = "ok" if len(wrong) == found else "WRONG"
                numbers = (len(block.cases), f"{worst.forward:.1e}", f"{worst.gradient:.1e}")
                click.echo(ROW.format(block.name, *numbers, derivatives, place, name, result))
    if wrong:
        more = f"\nand {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise ArtlivesError(f"{len(wrong)} cases are wrong\n" + "\n".join(wrong[:10]) + more)
    click.echo(f"All {len(BLOCKS)} blocks agree with torch on the device {place}, in {cases} cases.")
