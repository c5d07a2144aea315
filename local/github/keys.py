"""The key pair of Actions secrets, with which clients encrypt as libsodium's sealed boxes do."""

from __future__ import annotations

import base64
import hashlib

from nacl.public import PrivateKey, SealedBox

from local.github.records import KeyPair


def new_key_pair() -> KeyPair:
    """Make a key pair; its id is a long decimal number, as GitHub's are."""
    private = PrivateKey.generate()
    public = bytes(private.public_key)
    return KeyPair(
        key_id=str(int.from_bytes(hashlib.sha256(public).digest()[:8])),
        public=base64.b64encode(public).decode(),
        private=base64.b64encode(bytes(private)).decode(),
    )


def decrypt_secret(key: KeyPair, encrypted_value: str) -> bytes:
    """Read what a client encrypted, as a job does; never for an answer."""
    box = SealedBox(PrivateKey(base64.b64decode(key.private)))
    return box.decrypt(base64.b64decode(encrypted_value))
