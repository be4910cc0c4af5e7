"""A layered store passes the public kit, whatever is behind it; also where each process has a folder of its own."""

import itertools
import warnings

import pytest

from plait.testing import stores
from stores.far.conftest import store_of

# what another folder sees must have been sent, which is what `close` does; and it is told of runs that made something
NEAR_ONLY = {
    "check_a_blob_comes_back", "check_a_writer_that_fails_leaves_nothing", "check_a_record_survives_who_did_not_close",
    "check_a_blob_is_there_once_it_was_put", "check_a_file_that_is_taken_in_has_the_name_of_its_bytes",
    "check_a_file_that_is_taken_in_cannot_be_changed_by_another_name",
    "check_runs_come_newest_first_as_they_were_last", "check_any_text_can_be_a_name", "check_code_is_kept",
    "check_a_run_keeps_its_names", "check_what_is_accepted_is_found_until_it_is_withdrawn",  # and accepted again, but not later, as it would be
}  # fmt: skip


@pytest.mark.parametrize("place", ["folder", "s3"], indirect=True)
@pytest.mark.parametrize("check", stores.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_layered_store(check, place, tmp_path):
    warnings.filterwarnings("ignore", ".*is nondeterministic")  # what the kit does to a key
    check(lambda: store_of(tmp_path / "near", place()))


@pytest.mark.parametrize("place", ["memory"], indirect=True)
@pytest.mark.parametrize(
    "check",
    [check for check in stores.CHECKS if check.__name__ not in NEAR_ONLY],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_a_layered_store_that_each_opens_in_a_folder_of_its_own(check, place, tmp_path):
    folders = itertools.count()
    warnings.filterwarnings("ignore", ".*is nondeterministic")
    check(lambda: store_of(tmp_path / f"near{next(folders)}", place(), "key"))
