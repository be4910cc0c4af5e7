"""A store in a folder, with a place behind it that a team shares: what is not near is looked for far.

```
near                                   a store of its own, which is whole without the other
near/remotes/<place>/mirror-…/         the records of others, as a store: an index over what was downloaded;
                                       can be removed
near/remotes/<place>/outbox/           records that were not sent yet
far/segments/<day>/<stamp>-<hash>.seg  records of one run, or a part of one: written once, never changed
far/blobs/ab/cdef…                     bytes, under the hash of these bytes
```

Each run writes near, and a few threads carry what is new to the far place while it goes on: first the blobs of a
record, then the record. Nobody waits for that but the end of the run. If the far place cannot be reached, the run goes
on, and the next one sends what is left.

Nobody locks anything. Names are hashes of what they name, so who puts the same thing twice changes nothing; and what
is read is checked against its name, so that nothing depends on what a server promises.

**Who is believed.** Others can write to the far place. Its blobs prove themselves by their names; its records cannot.
With a key, only what was signed with it is used (`signing`). Without one, records are used as they are, but for those
of a codec whose reading can run code: for these the work is done again.
"""

from plait.stores.layered.store import LayeredStore, create

__all__ = ["LayeredStore", "create"]
