"""One file a kind of value: all that is known of it. Each has `create()`, and is asked in the order of its `ORDER`."""
