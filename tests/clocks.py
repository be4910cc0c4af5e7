"""A clock that stands still unless somebody sleeps."""


class Simulated:
    def __init__(self):
        self.time = 0.0
        self.slept = []

    def now(self):
        return 1_700_000_000.0 + self.time

    def steady(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
