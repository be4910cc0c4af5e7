"""Where results live: one adapter a file or folder, found by its name. `local` is a folder on this machine."""
