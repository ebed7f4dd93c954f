"""The four intake channels: `dim_channel`, and the `source=` of the raw layer."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Channel:
    """One row of `dim_channel`; `name` is the Spanish name people see."""

    channel_id: str
    name: str


CHANNELS: Final = (
    Channel("email", "Correo electrónico"),
    Channel("webform", "Formulario web"),
    Channel("chat", "Chat"),
    Channel("call", "Llamada telefónica"),
)
CHANNEL_IDS: Final = tuple(channel.channel_id for channel in CHANNELS)
