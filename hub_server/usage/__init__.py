"""How repositories are used: downloads, likes, and the trending score made of both."""

from hub_server.usage.counting import Counter

__all__ = ["Counter"]
