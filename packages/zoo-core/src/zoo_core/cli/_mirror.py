"""`zoo mirror`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from zoo_core._choose import list_weights
from zoo_core._weights import WeightsEnum
from zoo_core.errors import CheckpointError, ManifestError
from zoo_core.files import MANIFEST_NAME, Settings
from zoo_core.files._mirror import Mirror
from zoo_core.files._receive import SourceError
from zoo_core.files._sources import FolderMirror, mirrors_of, parse_mirror
from zoo_core.mirrors import Added, Finding, FolderExport, HubPush, verify_mirror

from ._common import (
    json_option,
    note,
    print_json,
    print_plan,
    print_table,
    quiet_option,
    user_errors,
    weights_named,
)

_names = click.argument("names", metavar="[NAME]...", nargs=-1)
_twins = click.option(
    "--safetensors/--no-safetensors",
    "twins",
    default=True,
    help="Also hold each entry's tensors as a safetensors file, where they allow it.",
)


@click.group("mirror")
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
            _print_added(added, as_json=as_json)
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
        if quiet:
            _silence_the_hub_s_client()
        mirror.create(private=private)
        added, failures = _add_each(missing, mirror.add, quiet=quiet)
        note(f"{len(members) - len(missing)} of {len(members)} entries were there already", quiet=quiet)
        if as_json:
            print_json({"mirror": mirror.address, "added": _rows(added), "failed": failures})
        _fail_if(failures, missing, "pushed; run it again for the rest")
    if not as_json:
        click.echo(mirror.address)


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
    settings = Settings.from_environment()
    with user_errors():
        mirrors = [parse_mirror(mirror)] if mirror else list(mirrors_of(settings))
        if not mirrors:
            raise ValueError("Give a MIRROR to verify, or name some in ZOO_MIRRORS.")
        findings: dict[str, list[Finding]] = {}
        for each in mirrors:
            if settings.offline and not isinstance(each, FolderMirror):
                raise OSError(f"{each.label} cannot be asked: zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set).")
            members = weights_named(names) if names else _expected(each, settings, everything=everything)
            findings[each.label] = _verify(each, members, settings, full=full)
    _print_findings(findings, as_json=as_json)


def _members(names: Sequence[str]) -> list[WeightsEnum]:
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
            note(f"{member}: {error}")
        else:
            note(f"{member}: {'added' if done.is_new else 'there already'}", quiet=quiet)
            added.append(done)
    return added, len(members) - len(added)


def _fail_if(failures: int, members: Sequence[WeightsEnum], what_else: str) -> None:
    if failures:
        raise OSError(f"{failures} of {len(members)} failed, {len(members) - failures} {what_else}.")


def _print_added(added: Sequence[Added], *, as_json: bool) -> None:
    rows = _rows(added)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['sha256']}  {row['weights']}/{row['file']}{'  learnt' if row['learnt'] else ''}")


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


def _silence_the_hub_s_client() -> None:
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined] # not so in all versions

    disable_progress_bars()


def _expected(mirror: Mirror, settings: Settings, *, everything: bool) -> list[WeightsEnum]:
    """Return the entries that a mirror's manifest has; all where it has no manifest, or `everything` is wanted."""
    try:
        manifest = mirror.manifest(settings)
    except SourceError:  # which verifying will say
        return list_weights()
    known = list_weights()
    strange = {path.partition("/")[0] for path in manifest.files if "/" in path} - set(map(str, known))
    if strange:
        note(f"{mirror.label}: {len(strange)} entries are of no package that is installed here, and are not verified")
    if everything or not manifest.files:
        return known
    return [member for member in known if manifest.path_of(member.file) is not None]


def _verify(mirror: Mirror, members: Sequence[WeightsEnum], settings: Settings, *, full: bool) -> list[Finding]:
    try:
        return list(verify_mirror(mirror, members, settings, full=full))
    except SourceError as error:
        return [Finding("", MANIFEST_NAME, "wrong", f"{mirror.label} {error}")]


def _print_findings(findings: dict[str, list[Finding]], *, as_json: bool) -> None:
    rows = [
        {"mirror": mirror, **{name: getattr(finding, name) for name in Finding.__slots__}}
        for mirror, found in findings.items()
        for finding in found
    ]
    bad = [row for row in rows if row["status"] != "ok"]
    if as_json:
        print_json(rows)
    elif bad:
        columns = ("mirror", "file", "status", "detail")
        print_table([name.upper() for name in columns], [[row[name] for name in columns] for row in bad])
    for mirror, found in findings.items():
        good = [finding for finding in found if finding.is_ok]
        checks = ", ".join(sorted({finding.detail for finding in good}))
        note(f"{mirror}: {len(good)} of {len(found)} files as stated" + (f" (compared: {checks})" if good else ""))
    if bad:
        raise click.ClickException(f"{len(bad)} files are missing or wrong.")
