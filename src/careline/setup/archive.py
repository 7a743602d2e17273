"""`careline backup` and `careline restore`: one encrypted file, sealed by a passphrase or a key file."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from careline.kernel.errors import Conflict, InvalidInput
from careline.platform import backup as backups
from careline.platform import restore as restores
from careline.platform.sealed import Secret
from careline.setup import system
from careline.setup.steps import say


def backup_command(options: argparse.Namespace) -> int:
    """Write a backup; the system may be running."""
    settings, _ = system.active_settings()
    manifest = backups.backup(settings, Path(options.file), secret(options, confirm=True), tell=say)
    count = len(manifest.files)
    say(f"{options.file}: {count} files, {manifest.size / 1e6:.1f} MB before encryption, read back and whole")
    say("keep the passphrase or key file apart from it: without it nobody can open the backup")
    return 0


def restore_command(options: argparse.Namespace) -> int:
    """Bring a backup into an empty system that does not run."""
    settings, state = system.active_settings()
    if state and state.alive:
        raise Conflict("The system is running. Stop it first: ./careline stop")
    manifest = restores.restore(Path(options.file), settings, secret(options, confirm=False), tell=say)
    say(f"restored the backup of {manifest.made_at}; start it with: ./careline up")
    return 0


def secret(options: argparse.Namespace, *, confirm: bool) -> Secret:
    """What seals the file: `--key-file`, `--passphrase-env`, or asked for on the terminal."""
    if options.key_file:
        return Secret.key_file(Path(options.key_file).read_bytes())
    if options.passphrase_env:
        given = os.environ.get(options.passphrase_env)
        if not given:
            raise InvalidInput(f"The environment variable {options.passphrase_env} is empty.")
        return Secret.passphrase(given)
    if not sys.stdin.isatty():
        raise InvalidInput("Give --key-file FILE or --passphrase-env NAME: there is no terminal to ask on.")
    text = getpass.getpass("Passphrase (12 characters or more): ")
    if confirm and getpass.getpass("Once more: ") != text:
        raise InvalidInput("The two are not the same.")
    return Secret.passphrase(text)
