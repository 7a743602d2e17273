"""Keys at rest: one master key file for the installation, data keys per tenant wrapped with it, rotation of both.

The master key never leaves its file and this process's memory; the database holds only wrapped tenant keys. Losing the
file means losing recordings and authenticator seeds: `careline backup` includes it.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from careline.kernel.errors import CarelineError
from careline.platform.db import Tx, queries

_q = queries("careline.security")
_NONCE = 12
_RETIRED = "public"


class KeyMissing(CarelineError):
    """The master key that wrapped this tenant's keys is not in the key file."""

    id = "key-missing"


class Undecryptable(CarelineError):
    """A stored secret could not be decrypted: it was changed, or it belongs to something else."""

    id = "undecryptable"


class KeyFileUnsafe(CarelineError):
    """The key file can be read by others, or is damaged."""

    id = "key-file-unsafe"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One generation of the master key."""

    name: str
    secret: bytes = field(repr=False)


def encrypt(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """AES-256-GCM; nonce in front. `context` is authenticated too: the secret cannot be moved to another place."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The inverse of `encrypt`. Raises `Undecryptable`."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except (InvalidTag, ValueError) as error:
        raise Undecryptable from error


class Keyring:
    """The master keys, newest first, and the tenant keys unwrapped so far."""

    def __init__(
        self, masters: list[MasterKey], file: Path | None = None, retired: dict[str, bytes] | None = None
    ) -> None:
        if not masters:
            raise KeyFileUnsafe("The key file holds no key.")
        self._masters = masters
        self._file = file
        #: What is left of dropped master keys: the public half of what signed their audit anchors.
        self._retired = dict(retired or {})
        self._tenant_keys: dict[int, dict[int, bytes]] = {}

    @classmethod
    def load(cls, file: Path) -> Keyring:
        """Read the master key file (`Settings.master_key_path`), making it at the first start."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w") as out:
                out.write(_line(MasterKey(_next_name([]), os.urandom(32))))
                out.flush()
                os.fsync(out.fileno())
        if file.stat().st_mode & 0o077:
            raise KeyFileUnsafe(f"Others can read the key file; type: chmod 600 {file}")
        masters, retired = _parse(file.read_text("ascii"))
        return cls(masters, file, retired)

    @classmethod
    def ephemeral(cls) -> Keyring:
        """A keyring that lives in memory only: for tests."""
        return cls([MasterKey("k1", os.urandom(32))])

    # --- tenant keys ---

    async def tenant_key(self, tx: Tx) -> bytes:
        """The tenant's current data key (32 bytes), made when there is none yet."""
        keys = await self._keys(tx)
        return keys[max(keys)]

    async def seal(self, tx: Tx, plaintext: bytes, context: str) -> bytes:
        """Encrypt a small secret with the tenant's key. The key's version stands in front (4 bytes)."""
        keys = await self._keys(tx)
        version = max(keys)
        return version.to_bytes(4) + encrypt(keys[version], plaintext, _context(_tenant(tx), context))

    async def open(self, tx: Tx, sealed: bytes, context: str) -> bytes:
        """Decrypt what `seal` made in the same tenant with the same context. Raises `Undecryptable`."""
        version = int.from_bytes(sealed[:4])
        keys = await self._keys(tx)
        if version not in keys:
            keys = await self._read(tx)  # another process may have rotated
        if version not in keys:
            raise Undecryptable
        return decrypt(keys[version], sealed[4:], _context(_tenant(tx), context))

    async def rotate_tenant_key(self, tx: Tx) -> int:
        """Give the tenant a new data key for everything sealed from now on; older versions stay readable."""
        version = max(await self._read(tx), default=0) + 1
        await self._add(tx, version)
        return max(await self._read(tx))

    async def rewrap(self, tx: Tx) -> int:
        """Wrap all keys of the tenant with the newest master key; returns how many were wrapped anew."""
        self._reload()
        tenant, newest, done = _tenant(tx), self._masters[0], 0
        for row in await tx.all(_q["read_tenant_keys"]):
            if row["master"] != newest.name:
                secret = self._unwrap(tenant, row["version"], row["master"], row["wrapped"])
                wrapped = encrypt(newest.secret, secret, _wrap_context(tenant, row["version"]))
                await tx.run(
                    _q["rewrap_tenant_key"], {"version": row["version"], "master": newest.name, "wrapped": wrapped}
                )
                done += 1
        return done

    async def _keys(self, tx: Tx) -> dict[int, bytes]:
        known = self._tenant_keys.get(_tenant(tx))
        if known:
            return known
        keys = await self._read(tx)
        if not keys:
            # Two processes may both get here; the primary key lets one win, and both read the winner's.
            await self._add(tx, 1)
            keys = await self._read(tx)
        return keys

    async def _read(self, tx: Tx) -> dict[int, bytes]:
        tenant = _tenant(tx)
        keys = {
            row["version"]: self._unwrap(tenant, row["version"], row["master"], row["wrapped"])
            for row in await tx.all(_q["read_tenant_keys"])
        }

        async def remember() -> None:
            self._tenant_keys[tenant] = keys

        # A key made in this very transaction may yet be rolled back: it is remembered only once committed.
        tx.after_commit(remember)
        return keys

    async def _add(self, tx: Tx, version: int) -> None:
        self._reload()  # nothing may be wrapped with a master key that was replaced meanwhile
        tenant, newest = _tenant(tx), self._masters[0]
        wrapped = encrypt(newest.secret, os.urandom(32), _wrap_context(tenant, version))
        await tx.run(_q["insert_tenant_key"], {"version": version, "master": newest.name, "wrapped": wrapped})

    def _unwrap(self, tenant: int, version: int, master: str, wrapped: bytes) -> bytes:
        if master not in [m.name for m in self._masters]:
            self._reload()  # another process has rotated
        for candidate in self._masters:
            if candidate.name == master:
                return decrypt(candidate.secret, wrapped, _wrap_context(tenant, version))
        raise KeyMissing(master=master)

    # --- the master key itself ---

    def add_master_key(self) -> str:
        """Put a new master key in front of the file. Afterwards `rewrap` each tenant; old lines can go then."""
        self._reload()
        fresh = MasterKey(_next_name([*self._retired, *(m.name for m in self._masters)]), os.urandom(32))
        self._masters.insert(0, fresh)
        self._save()
        return fresh.name

    def drop_old_master_keys(self) -> None:
        """Forget all master keys but the newest, once every tenant was rewrapped. Their anchors stay checkable."""
        self._reload()
        for old in self._masters[1:]:
            self._retired[old.name] = _anchor_key(old).public_key().public_bytes_raw()
        del self._masters[1:]
        self._save()

    def _reload(self) -> None:
        if self._file is not None:
            self._masters, self._retired = _parse(self._file.read_text("ascii"))

    def _save(self) -> None:
        if self._file is None:
            return
        before = self._file.stat()
        temporary = self._file.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            if os.geteuid() == 0:
                os.fchown(out.fileno(), before.st_uid, before.st_gid)
            out.write("".join(_line(key) for key in self._masters))
            out.write("".join(f"{name} {_RETIRED} {_encode(key)}\n" for name, key in self._retired.items()))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self._file)

    def sign(self, text: bytes) -> bytes:
        """Sign an audit anchor with the newest master key's own signing key."""
        return _anchor_key(self._masters[0]).sign(text)

    def signed(self, name: str, signature: bytes, text: bytes) -> bool:
        """Whether the master key of this name, present or dropped since, signed the text."""
        public = {m.name: _anchor_key(m).public_key().public_bytes_raw() for m in self._masters} | self._retired
        if name not in public:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public[name]).verify(signature, text)
        except InvalidSignature:
            return False
        return True

    @property
    def newest(self) -> str:
        """The newest master key's name."""
        return self._masters[0].name


def _tenant(tx: Tx) -> int:
    if tx.tenant_id is None:
        raise ValueError("keys belong to a tenant")
    return tx.tenant_id


def _context(tenant: int, context: str) -> bytes:
    return f"careline {tenant} {context}".encode()


def _wrap_context(tenant: int, version: int) -> bytes:
    return f"careline tenant key {tenant} {version}".encode()


def _anchor_key(master: MasterKey) -> Ed25519PrivateKey:
    derived = HKDF(SHA256(), 32, salt=None, info=b"careline audit anchor").derive(master.secret)
    return Ed25519PrivateKey.from_private_bytes(derived)


def _encode(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _line(key: MasterKey) -> str:
    return f"{key.name} {_encode(key.secret)}\n"


def _next_name(taken: list[str]) -> str:
    return f"k{1 + max((int(name[1:]) for name in taken), default=0)}"


def _parse(text: str) -> tuple[list[MasterKey], dict[str, bytes]]:
    masters: list[MasterKey] = []
    retired: dict[str, bytes] = {}
    for line in text.splitlines():
        name, *words = line.split(" ")
        try:
            secret = base64.b64decode(words[-1] if words else "", validate=True)
        except ValueError as error:
            raise KeyFileUnsafe("The key file is damaged.") from error
        if len(secret) != 32 or not name[1:].isdigit() or words[:-1] not in ([], [_RETIRED]):
            raise KeyFileUnsafe("The key file is damaged.")
        if len(words) == 1:
            masters.append(MasterKey(name, secret))
        else:
            retired[name] = secret
    return masters, retired
