"""Takes out one protection of fetching and reading at a time, and checks that tests notice.

    nox -s mutation

Each mutation is made in a copy of zoo-core's sources. The tests named with it must pass on the copy as it is, and at
least one of them must fail on the mutated one, each within its own run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "packages" / "zoo-core" / "src"


@dataclass(frozen=True)
class Mutation:
    """A protection taken out.

    Args:
        protection: What is taken out.
        file: Where it is, in zoo_core.
        old: Its text, which must be there once.
        new: What stands there instead.
        tests: Each must fail then.
    """

    protection: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "the hash check",
        "files/_local.py",
        "if file.digest is None or file.digest.matches(sha256):",
        "if True:",
        (
            "test_faults.py::test_mirror_that_fails_is_passed_over_at_once[Corrupted(offset=299999)]",
            "test_resolve.py::test_wrong_file_in_the_cache_is_quarantined_and_fetched_again",
            "test_resolve.py::test_hub_mirror_with_wrong_bytes_is_quarantined_and_upstream_asked",
            "test_soak.py",
        ),
    ),
    Mutation(
        "the lock",
        "files/_locks.py",
        "        _acquire(lock, name, folder)\n",
        "",
        (
            "test_concurrency.py::test_sixteen_processes_at_once[locks that work]",
            "test_concurrency.py::test_sixteen_threads_at_once[locks that work]",
        ),
    ),
    Mutation(
        "the rename: bytes go to the file's own name from the beginning",
        "files/_partial.py",
        'self.path = work_folder(folder, "partial") / f"{name}.{os.urandom(8).hex()}.part"',
        "self.path = folder / name",
        (
            "test_resume.py::test_killed_process_is_gone_on_with[0.6]",
            "test_concurrency.py::test_sixteen_processes_at_once[locks that do nothing]",
            "test_faults.py::test_when_all_fail_the_error_names_each_source_and_its_reason[Truncated(after=1000)]",
        ),
    ),
    Mutation(
        "the stamp's comparison with the file",
        "files/_stamps.py",
        'if note is None or not ({"path": str(path)} | _identity(status)).items() <= note.items():',
        "if note is None:",
        (
            "test_resolve.py::test_file_that_changes_after_its_stamp_is_noticed",
            "test_stamps.py::test_changed_file_is_hashed_again",
            "test_soak.py",
        ),
    ),
    Mutation(
        "the time of the last change of status in the stamp",
        "files/_stamps.py",
        'return _content(status) | {"ctime_ns": status.st_ctime_ns}',
        "return _content(status)",
        (
            "test_faults.py::test_change_that_hides_behind_the_old_time_of_modification_is_noticed",
            "test_safe_reading.py::test_file_that_changes_while_it_is_read_is_refused",
        ),
    ),
    Mutation(
        "the stamp's comparison with what was hashed as it came",
        "files/_stamps.py",
        "if _content(status) == _content(hashed):",
        "if True:",
        ("test_faults.py::test_file_that_changes_between_its_last_byte_and_its_stamp_is_not_stamped",),
    ),
    Mutation(
        "starting over where the parts of a file do not belong together",
        "files/_download.py",
        "if partial.was_continued and not _is_right(partial, file, verifier):",
        "if False:",
        ("test_resume.py::test_beginning_with_wrong_bytes_is_thrown_away_and_all_is_fetched_again",),
    ),
    Mutation(
        "forgetting the beginning where a server sends the whole",
        "files/_download.py",
        "if answer.start == 0:",
        "if False:",
        (
            "test_resume.py::test_server_that_knows_no_ranges_sends_all_of_it",
            "test_resume.py::test_another_version_on_the_server_is_fetched_from_its_beginning",
        ),
    ),
    Mutation(
        "the partial that is left to its owner",
        "files/_partial.py",
        "return self.owner is not None and self.owner.is_running(self._last_sign())",
        "return False",
        (
            "test_resume.py::test_partial_of_a_process_that_runs_is_left_to_it",
            "test_cache_command.py::test_prune_never_touches_what_a_running_download_writes",
        ),
    ),
    Mutation(
        "going on with what an earlier process has left",
        "files/_download.py",
        "        partial.take_over(address.name, at_most=file.size if is_exact(file) else None)\n",
        "",
        ("test_resume.py::test_killed_process_is_gone_on_with[0.99]",),
    ),
    Mutation(
        "telling a transfer that broke off from one that ended",
        "files/_receive.py",
        "if expected is not None and partial.count != expected:",
        "if False:",
        ("test_resume.py::test_transfer_that_breaks_off_goes_on_at_once",),
    ),
    Mutation(
        "removing the beginnings that failed sources have left",
        "files/_fetch.py",
        "            _clean_up(file, settings)\n",
        "",
        ("test_faults.py::test_hub_that_fails_is_passed_over_at_once[Truncated(after=1000)-storage]", "test_soak.py"),
    ),
    Mutation(
        "room on the disk",
        "files/_partial.py",
        "if free < size:",
        "if False:",
        ("test_faults.py::test_file_that_is_larger_than_the_room_on_the_disk_is_not_begun",),
    ),
    Mutation(
        "names of files in what a Hub answers",
        "files/_hub_cache.py",
        'if not re.fullmatch(r"[0-9A-Za-z_-][0-9A-Za-z_.-]{0,199}", text):',
        "if False:",
        ('test_faults.py::test_answer_of_a_hub_never_becomes_a_path_out_of_the_cache["../../../../escaped"]',),
    ),
    Mutation(
        "the token that other servers must not see",
        "files/_hub.py",
        "headers if is_same_server else {}",
        "headers",
        ("test_resume.py::test_download_from_a_hub_goes_on_in_another_process_and_shows_the_storage_no_token",),
    ),
    Mutation(
        "downloads that nobody can write to",
        "files/_receive.py",
        "    _protect(partial)\n",
        "",
        ("test_shared_caches.py::test_file_that_is_mapped_by_models_cannot_be_overwritten_by_mistake",),
    ),
    Mutation(
        "unpickling tensors alone",
        "checkpoints.py",
        "weights_only=True",
        "weights_only=False",
        (
            "test_safe_reading.py::test_pickle_that_calls_os_system_is_refused_and_nothing_is_run[zip]",
            "test_safe_reading.py::test_pickle_that_calls_os_system_is_refused_and_nothing_is_run[older]",
        ),
    ),
    Mutation(
        "the bound of a safetensors header",
        "checkpoints.py",
        "if header > min(LONGEST_HEADER, size):",
        "if False:",
        ("test_safe_reading.py::test_safetensors_with_a_huge_header_is_refused_in_a_moment_and_little_memory",),
    ),
    Mutation(
        "the look at a file after it was read",
        "files/_resolved.py",
        "        self._check_unchanged(None)\n",
        "",
        (
            "test_safe_reading.py::test_file_that_changes_while_it_is_read_is_refused",
            "test_safe_reading.py::test_writer_that_never_stops_never_gets_a_wrong_tensor_through",
        ),
    ),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "src")
        shutil.copytree(CORE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        survivors = _failures(copy, sorted({test for mutation in MUTATIONS for test in mutation.tests}), "as it is")
        for mutation in MUTATIONS:
            survivors += _survivors(copy, mutation)
    if survivors:
        sys.exit("\n".join(survivors))
    print(f"{len(MUTATIONS)} protections taken out, each noticed by the tests that hold it")


def _failures(copy: Path, tests: list[str], what: str) -> list[str]:
    failed = _run(copy, tests)
    print(f"{'ok' if not failed else 'BAD':<4}  {what}: {len(tests)} tests, {len(failed)} fail", flush=True)
    return [f"fails {what}: {test}" for test in failed]


def _survivors(copy: Path, mutation: Mutation) -> list[str]:
    """Return the tests that do not notice a mutation."""
    path = copy / "zoo_core" / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        return [f"{mutation.protection}: its text is there {text.count(mutation.old)} times in {mutation.file}"]
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        failed = _run(copy, list(mutation.tests))
    finally:
        path.write_text(text, encoding="utf-8")
    blind = [test for test in mutation.tests if test not in failed]
    noticed = len(mutation.tests) - len(blind)
    print(
        f"{'BAD' if blind else 'ok':<4}  {mutation.protection}: {noticed} of {len(blind) + noticed} notice", flush=True
    )
    return [f"{mutation.protection} taken out is not noticed by {test}" for test in blind]


def _run(copy: Path, tests: list[str]) -> set[str]:
    """Run tests on the copy; return those that fail."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [*command, *(f"tests/core/{test}" for test in tests)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode not in {0, 1}:
        sys.exit(f"pytest did not run:\n{done.stdout}\n{done.stderr}")
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return {test for test in tests if any(f"tests/core/{test}" in line for line in lines)}


if __name__ == "__main__":
    main()
