"""What a training raises that was stopped by a signal."""


class Interrupted(Exception):
    """A training was stopped by the signal `signum` after the step `step`, with a checkpoint written."""

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.signum, self.step = signum, step
