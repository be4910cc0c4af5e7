"""The keys with which a team signs what it shares."""

from plait import keyring
from plait.cli.telling import out, say


def listed() -> None:
    """Prints the ids of the keys that are known here, the one that signs first."""
    found = list(keyring.keys())
    if not found:
        say(f"no key is known: there is none in {keyring.path()} or $PLAIT_KEYS. `plait keys --new` makes one")
    for number, name in enumerate(found):
        out(name if number else f"{name}  signs")


def new() -> None:
    """Makes a key, and says where it is."""
    name = keyring.new()
    out(f"{name}  signs from now on")
    say(
        f"It is the first line of {keyring.path()}. Give that line to all who share the store, and to nobody else: "
        "they put it into the same file, or into $PLAIT_KEYS"
    )
