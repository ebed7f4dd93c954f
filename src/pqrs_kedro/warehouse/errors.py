"""What can go wrong with the warehouse, in one line."""


class WarehouseError(RuntimeError):
    """The warehouse cannot be had, or does not do what is asked; the message says why."""
