"""The guard around every test, as pytest calls it."""

from contextlib import ExitStack

import pytest

from guard.watch import Guard


class Hooks:
    def __init__(self, patience: float) -> None:
        self._guard = Guard(patience)
        self._failed = False
        self._blames = True  # no page of the documentation: it is for readers, and need not tidy up before their eyes

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item):
        self._failed = False
        self._blames = isinstance(item, pytest.Function)
        self._guard.begin()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        self._failed = self._failed or report.failed
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        """All that is only of this test is taken down inside; what is still there is left behind."""
        try:
            result = yield
        except BaseException:
            self._put_back(item, forgiven=True)
            raise
        forgiven = self._failed or not self._blames
        said = self._put_back(item, forgiven=forgiven)
        if said and not forgiven:
            pytest.fail(said, pytrace=False)
        return result

    def _put_back(self, item, *, forgiven: bool) -> str:
        """A test that failed has not come to the place where it puts things back; its traceback holds others open."""
        left = self._guard.left(wait=not forgiven)
        said = "\n  ".join([f"{item.nodeid} leaves behind", *map(str, left)]) if left else ""
        for one in left:
            one.undo()
        if forgiven and said:
            item.add_report_section("teardown", "left behind", said)
        return said

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef):
        if fixturedef.scope == "function":
            return (yield)
        with self._guard.lending():
            fixturedef.addfinalizer(self._ended(ending := ExitStack()))  # called last, the other one first
            result = yield
        fixturedef.addfinalizer(lambda: ending.enter_context(self._guard.lending()))
        return result

    @staticmethod
    def _ended(ending: ExitStack):
        return lambda: ending.close()
