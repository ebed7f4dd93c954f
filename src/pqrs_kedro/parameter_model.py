"""The base of all parameter models."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base of all parameter models: misspelt names are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
