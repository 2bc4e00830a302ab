"""Large files and who may use them. Written by the room `objects`."""
