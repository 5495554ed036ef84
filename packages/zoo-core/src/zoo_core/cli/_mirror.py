"""`zoo mirror`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from zoo_core._choose import list_weights
from zoo_core._progress import show_progress
from zoo_core._registry import is_saved_name
from zoo_core._weights import WeightsEnum
from zoo_core.errors import CheckpointError, ManifestError, SourceError
from zoo_core.files import MANIFEST_NAME, Settings
from zoo_core.files.sources._mirror import Mirror
from zoo_core.files.sources._named import mirrors_of, parse_mirror
from zoo_core.mirrors import Added, Finding, FolderExport, HubPush, verify_mirror
from zoo_core.saved import refuse_model_files

from ._common import (
    counted,
    json_option,
    print_plan,
    quiet_option,
    settings_here,
    user_errors,
    weights_named,
)
from ._completion import complete_names
from ._groups import Group
from ._tables import Table, print_table
from ._terminal import echo, note, print_json, tell

_names = click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_names)
_twins = click.option(
    "--safetensors/--no-safetensors",
    "twins",
    default=True,
    help="Also hold each entry's tensors as a safetensors file, where they allow it.",
)


@click.group("mirror", cls=Group)
def command() -> None:
    """Fill a mirror with weights, in a folder or on a Hugging Face Hub, and verify one.

    A NAME is a model (its default weights), or a weights entry; without one, all entries are meant. Use a mirror by
    naming it in ZOO_MIRRORS.
    """


@command.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@_names
@_twins
@click.option("--dry-run", is_flag=True, help="Only tell which entries would be exported.")
@json_option
@quiet_option
def export(folder: Path, names: tuple[str, ...], twins: bool, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Fill the folder DIR: a mirror for a shared disk, a web server, or a disk that is carried to another network.

    Files come from wherever they can be had, and are verified. Run again, only what is missing is fetched. Printed are
    the full SHA-256 digests; those marked "learnt" are new to the catalogue, which knows only their first digits.

    \b
    zoo mirror export /srv/weights resnet18 ResNet50_Weights.IMAGENET1K_V2
    """
    with user_errors():
        members = _members(names)
        if dry_run:
            print_plan(members, as_json=as_json)
            return
        with FolderExport(folder, Settings.from_environment(), twins=twins, progress=not quiet) as mirror:
            added, failures = _add_each(members, mirror.add, quiet=quiet)
            rows = _rows(added)
            if as_json:
                print_json(rows)
            for row in () if as_json else rows:
                echo(f"{row['sha256']}  {row['weights']}/{row['file']}{'  learnt' if row['learnt'] else ''}")
            _fail_if(failures, members, f"exported; run it again for the rest, which goes into {folder}")


@command.command("push")
@click.option("--repo", required=True, metavar="ORG/NAME", help="The repository on the Hub.")
@click.option("--endpoint", metavar="URL", help="A Hub other than that of HF_ENDPOINT.")
@click.option("--private", is_flag=True, help="Create the repository private, if it does not exist.")
@_twins
@click.option("--dry-run", is_flag=True, help="Only tell which entries would be uploaded; create nothing.")
@json_option
@quiet_option
@_names
def push(
    repo: str,
    endpoint: str | None,
    private: bool,
    twins: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    names: tuple[str, ...],
) -> None:
    """Fill a repository on a Hugging Face Hub, one commit an entry.

    Log in before with `hf auth login`, or set HF_TOKEN. Run again, only what is missing is uploaded. Printed is the
    mirror, pinned by its last commit, as ZOO_MIRRORS takes it: files that are cached then need no request at all.

    \b
    zoo mirror push --repo org/zoo-weights --private resnet18 mobilenet_v3_small
    """
    with user_errors():
        if repo.count("/") != 1:
            raise ValueError(f"--repo {repo}: expected ORGANISATION/NAME.")
        members = _members(names)
        mirror = HubPush(repo, Settings.from_environment(), endpoint=endpoint, twins=twins, progress=not quiet)
        missing = [member for member in members if not mirror.has(member)]
        if dry_run:
            print_plan(missing, as_json=as_json)
            return
        if quiet or not sys.stderr.isatty():
            from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined] # not so in all versions

            disable_progress_bars()
        mirror.create(private=private)
        added, failures = _add_each(missing, mirror.add, quiet=quiet)
        note(f"{len(members) - len(missing)} of {counted(len(members), 'entry')} there already", quiet=quiet)
        if as_json:
            print_json({"mirror": mirror.address, "added": _rows(added), "failed": failures})
        _fail_if(failures, missing, "pushed; run it again for the rest")
    if not as_json:
        echo(mirror.address)


@command.command("verify")
@click.argument("mirror", metavar="[MIRROR]", required=False)
@_names
@click.option("--all", "everything", is_flag=True, help="Expect all entries of the catalogue.")
@click.option("--full", is_flag=True, help="Read and hash every file, which downloads all of a remote mirror.")
@json_option
def verify(mirror: str | None, names: tuple[str, ...], everything: bool, full: bool, as_json: bool) -> None:
    """Compare a mirror with the catalogue, and with its own manifest.

    The exit status is 1 if anything is missing or wrong.

    MIRROR is written as in ZOO_MIRRORS, hf://org/repo, file:///folder, https://host/folder/; without one, those of
    ZOO_MIRRORS are verified. Expected are the entries that are named, else those that the mirror's manifest has, else
    all. Nothing is downloaded but the manifest, unless with --full.

    \b
    zoo mirror verify hf://org/zoo-weights
    """
    settings = settings_here()
    with user_errors():
        mirrors = [parse_mirror(mirror)] if mirror else list(mirrors_of(settings))
        if not mirrors:
            raise ValueError("Give a MIRROR to verify, or name some in ZOO_MIRRORS.")
        findings: dict[str, list[Finding]] = {}
        for each in mirrors:
            if settings.offline and each.is_remote:
                raise OSError(f"{each.label} cannot be asked: zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set).")
            reason = each.why_unusable(settings)
            if reason is not None:
                findings[each.label] = [Finding("", "", "unusable", reason)]
                continue
            members = weights_named(names) if names else _expected(each, settings, everything=everything)
            findings[each.label] = list(_findings(each, members, settings, full=full))
    _print_findings(findings, as_json=as_json)


def _findings(mirror: Mirror, members: list[WeightsEnum], settings: Settings, *, full: bool) -> Iterator[Finding]:
    with show_progress(mirror.label, unit="files") as shown:
        try:
            for finding in verify_mirror(mirror, members, settings, full=full):
                yield finding
                shown.update()
        except SourceError as error:
            yield Finding("", MANIFEST_NAME, "wrong", f"{mirror.label} {error}")


def _members(names: Sequence[str]) -> list[WeightsEnum]:
    own = [name for name in names if is_saved_name(name)]
    refuse_model_files(weights_named(own), "a mirror holds published weights; copy these files as they are")
    if own:
        raise ValueError(f"A mirror holds published weights: {own[0]} is a saved model, which `zoo push` publishes.")
    return list(dict.fromkeys(weights_named(names) if names else list_weights()))


def _add_each(
    members: Sequence[WeightsEnum], add: Callable[[WeightsEnum], Added], *, quiet: bool
) -> tuple[list[Added], int]:
    """Add entry by entry; a failure is reported at once, and the others go on."""
    added = []
    for member in members:
        try:
            done = add(member)
        except (OSError, ManifestError, CheckpointError) as error:
            tell(error, member)
        else:
            note(f"{member}: {'added' if done.is_new else 'there already'}", quiet=quiet)
            added.append(done)
    return added, len(members) - len(added)


def _fail_if(failures: int, members: Sequence[WeightsEnum], what_else: str) -> None:
    if failures:
        raise OSError(f"{failures} of {len(members)} failed, {len(members) - failures} {what_else}.")


def _rows(added: Sequence[Added]) -> list[dict[str, Any]]:
    return [
        {
            "weights": str(each.member),
            "file": each.member.file.name,
            "bytes": each.original.size,
            "sha256": each.original.sha256,
            "learnt": each.is_learnt,
            "added": each.is_new,
        }
        for each in added
    ]


def _expected(mirror: Mirror, settings: Settings, *, everything: bool) -> list[WeightsEnum]:
    """Return the entries that a mirror's manifest has; all where it has no manifest, or `everything` is wanted."""
    try:
        manifest = mirror.manifest(settings)
    except SourceError:  # which verifying will say
        return list_weights()
    known = list_weights()
    strange = {path.partition("/")[0] for path in manifest.files if "/" in path} - set(map(str, known))
    if strange:
        note(f"{mirror.label}: {counted(len(strange), 'entry')} of no package that is installed here, and not verified")
    if everything or not manifest.files:
        return known
    return [member for member in known if manifest.path_of(member.file) is not None]


def _print_findings(findings: dict[str, list[Finding]], *, as_json: bool) -> None:
    rows = [
        {"mirror": mirror, **{name: getattr(finding, name) for name in Finding.__slots__}}
        for mirror, found in findings.items()
        for finding in found
    ]
    unusable = [row for row in rows if row["status"] == "unusable"]
    bad = [row for row in rows if row["status"] not in {"ok", "unusable"}]
    if as_json:
        print_json(rows)
    elif bad:
        columns = ("mirror", "file", "status", "detail")
        print_table(Table([name.upper() for name in columns], [[row[name] for name in columns] for row in bad]))
    for mirror, found in findings.items():
        if found and found[0].status == "unusable":
            note(f"{mirror} {found[0].detail}")
            continue
        good = [finding for finding in found if finding.is_ok]
        checks = ", ".join(sorted({finding.detail for finding in good}))
        note(
            f"{mirror}: {len(good)} of {counted(len(found), 'file')} as stated"
            + (f" (compared: {checks})" if good else "")
        )
    if bad or unusable:
        wrong = [f"{counted(len(bad), 'file')} missing or wrong"] if bad else []
        wrong += [f"{counted(len(unusable), 'mirror')} not usable"] if unusable else []
        raise click.ClickException(f"{', '.join(wrong)}.")
