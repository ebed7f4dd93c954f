"""The base of all parameter models, and what is said of a value that does not fit the others."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base of all parameter models: misspelt names are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Misfit(ValueError):
    """A value that does not fit the others; `path` leads to it from the field that is checked."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path
