"""Sub-keys of the secret key, one a purpose: signing, sealing, fingerprint."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def _derive(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"hub-server/{purpose}".encode()).derive(
        secret.encode()
    )


@dataclass(frozen=True)
class Keys:
    """`secrets` is never empty: the first signs and seals, all verify and open."""

    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, secret_key: str) -> "Keys":
        return cls(tuple(part.strip() for part in secret_key.split(",") if part.strip()))

    def derive(self, purpose: str) -> bytes:
        return _derive(self.secrets[0], purpose)

    def sign(self, purpose: str, message: bytes) -> str:
        """URL-safe HMAC-SHA256 of `message`, 43 characters."""
        return self._mac(self.secrets[0], purpose, message)

    def verify(self, purpose: str, message: bytes, signature: str) -> bool:
        given = signature.encode("utf-8", "surrogatepass")
        return any(
            hmac.compare_digest(self._mac(secret, purpose, message).encode(), given)
            for secret in self.secrets
        )

    def seal(self, purpose: str, data: bytes) -> str:
        return self._box(purpose).encrypt(data).decode()

    def unseal(self, purpose: str, sealed: str) -> bytes | None:
        """The data, or None when no key of ours made it."""
        try:
            return self._box(purpose).decrypt(sealed.encode("utf-8", "surrogatepass"))
        except InvalidToken:
            return None

    def fingerprint(self) -> str:
        """Says nothing about the key; equal on nodes that share it."""
        return hashlib.sha256(_derive(self.secrets[0], "fingerprint")).hexdigest()[:32]

    @staticmethod
    def _mac(secret: str, purpose: str, message: bytes) -> str:
        digest = hmac.digest(_derive(secret, purpose), message, "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _box(self, purpose: str) -> MultiFernet:
        return MultiFernet(
            [Fernet(base64.urlsafe_b64encode(_derive(s, purpose))) for s in self.secrets]
        )
