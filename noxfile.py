"""Every routine command of the project: `nox -l` lists them."""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "hub"]
nox.options.error_on_missing_interpreters = True

PACKAGES = sorted(path.parent for path in Path("packages").glob("*/pyproject.toml"))
WITH_NUMPY = ["numpy>=2"]


def install_packages(session: nox.Session, *more: str) -> None:
    """Install the workspace's packages, editable, with the versions that the project is tested with."""
    editable = [argument for package in PACKAGES for argument in ("-e", str(package))]
    session.install("-q", "-c", "constraints.txt", *editable, *more)


def groups(session: nox.Session, *names: str) -> list[str]:
    """Return the requirements of dependency groups of pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *names))


@nox.session
def demo(session: nox.Session) -> None:
    """Predict the sample digits with the embedded model."""
    install_packages(session)
    samples = Path("packages/zoo-digits/src/zoo_digits/samples")
    session.run("zoo", "predict", str(samples), "--topk", "2")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; more arguments go to pytest."""
    install_packages(session, *groups(session, "test"))
    session.run("pytest", *session.posargs)


@nox.session
def tests_full(session: nox.Session) -> None:
    """Run what is too slow for every day: the largest models, the long trainings."""
    install_packages(session, *groups(session, "test"))
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-q", "-c", "constraints.txt", *groups(session, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install_packages(session, *groups(session, "types"))
    session.run("mypy")


@nox.session
def hub(session: nox.Session) -> None:
    """Use torch.hub from the checkout, with nothing of zoo installed."""
    session.install("-q", "-c", "constraints.txt", *third_party_requirements())
    session.run("python", "tests/hub_check.py")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every package and use it from its wheel alone, in an empty environment."""
    session.install("-q", "build")
    out = Path(session.create_tmp()) / "wheels"
    for package in PACKAGES:
        session.run("python", "-m", "build", "-q", "--wheel", "--outdir", str(out), str(package), silent=True)
    session.install(
        "-q",
        "-c",
        "constraints.txt",
        "--find-links",
        str(out),
        "--force-reinstall",
        "--no-deps",
        *map(str, sorted(out.glob("*.whl"))),
    )


@nox.session
def digits(session: nox.Session) -> None:
    """Measure the embedded digit model on the held-out digits; `-- --train` trains it again first."""
    install_packages(session, *groups(session, "train"))
    if "--train" in session.posargs:
        session.run("python", "packages/zoo-digits/training/train.py")
    session.run("python", "packages/zoo-digits/training/evaluate.py")


def third_party_requirements() -> list[str]:
    """Return what the packages require, without each other."""
    requirements = {
        requirement
        for package in PACKAGES
        for requirement in nox.project.load_toml(package / "pyproject.toml")["project"]["dependencies"]
    }
    return sorted(requirement for requirement in requirements if not requirement.startswith("zoo-"))
