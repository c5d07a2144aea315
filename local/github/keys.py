"""The key pair for Actions secrets, which clients encrypt in libsodium's sealed boxes."""

from __future__ import annotations

import base64
import hashlib

from nacl.public import PrivateKey, SealedBox

from local.github.records import KeyPair


def new_key_pair() -> KeyPair:
    """Create a key pair; its id is a long decimal number, as on GitHub."""
    private = PrivateKey.generate()
    public = bytes(private.public_key)
    return KeyPair(
        key_id=str(int.from_bytes(hashlib.sha256(public).digest()[:8])),
        public=base64.b64encode(public).decode(),
        private=base64.b64encode(bytes(private)).decode(),
    )


def decrypt_secret(key: KeyPair, encrypted_value: str) -> bytes:
    """Decrypt a secret for a job; the value must never be part of a response."""
    box = SealedBox(PrivateKey(base64.b64decode(key.private)))
    return box.decrypt(base64.b64decode(encrypted_value))
