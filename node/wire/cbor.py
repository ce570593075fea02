"""CBOR from strangers: what JSON knows, and bytes. Whoever decodes such bytes does it here.

cbor2 makes objects of tagged values by itself, and some take as long as the sender likes: a
fraction of two huge numbers keeps a processor busy for a minute. So tags are refused before their
value is looked at.
"""

import io
from typing import Any

import cbor2


class CborError(Exception):
    """Bytes that are not exactly one plain CBOR value."""


def _refuse_tag(decoder: object, tag: object = None) -> None:
    raise CborError("tags are not used")


# Those that cbor2 would make objects of by itself: dates, big numbers, shared references, patterns.
_TAGS = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100),
    *(256, 258, 260, 261, 1004, 43000, 55799),
)
_NO_TAGS = dict.fromkeys(_TAGS, _refuse_tag)


def load_plain(data: bytes, depth_max: int) -> Any:  # noqa: ANN401 - whatever it says
    """The one value in `data`, in which arrays and maps nest at most `depth_max` deep.

    Raises CborError.
    """
    stream = io.BytesIO(data)
    try:
        value = cbor2.CBORDecoder(
            stream,
            max_depth=depth_max,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            strict_hashable_types=True,
        ).decode()
    except Exception as error:
        # Whatever the decoder makes of hostile bytes, it is those bytes' fault.
        raise CborError(f"not CBOR: {type(error).__name__}") from error
    if stream.tell() != len(data):
        raise CborError("bytes after the message")
    return value
