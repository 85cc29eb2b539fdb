"""What paints: one engine for each kind of machine, all by the contract in `painter`, all made from `artlives.plan`."""
