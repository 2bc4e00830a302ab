"""What a client sent that is none of the formats of this room. Each has one clear sentence."""

from hub_server.errors import BadRequest


class BadHash(BadRequest):
    """A text that is no hash of 64 lowercase hexadecimal digits."""


class BadXorb(BadRequest):
    """Bytes that are no xorb: a header, a length, a scheme or a payload is wrong."""


class BadShard(BadRequest):
    """Bytes that are no shard: a record is missing, unknown or says what cannot be."""
