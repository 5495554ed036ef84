"""Every routine command of the project: `nox -l` lists them."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "hub"]
nox.options.error_on_missing_interpreters = True

PACKAGES = sorted(path.parent for path in Path("packages").glob("*/pyproject.toml"))
WHEELS = [
    ("zoo-classification", "resnet18"),
    ("zoo-segmentation", "lraspp_mobilenet_v3_large"),
    ("zoo-detection", "fasterrcnn_mobilenet_v3_large_320_fpn"),
    ("zoo-flow", "raft_small"),
    ("zoo-video", "r3d_18"),
    ("zoo-digits", "shufflenet_v2_x0_5_digits"),
]
"""The packages that are tried from their wheels, each in an environment of its own, with a model to build."""
WHEELHOUSE = Path("build/wheels").absolute()
built: list[Path] = []
"""Where wheels are, once this run of nox has built them."""
PEERS = ["torch==2.13.0", "torchvision==0.28.0"]
BENCHMARKS = ["start", "ready", "fetch", "forward", "optimized", "int8", "operators", "detection"]
BENCHMARKS += ["detection_steps", "folder", "video_decoding"]
QUICK = {"ready": ["--quick"], "detection": ["--side", "320"]}
"""What the benchmarks are called with unless they are named: all models would take hours."""
IN_PARALLEL = ["-n", "auto", "--maxprocesses", "4"]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""A process a core, and a thread a process: twice as fast as the other way round."""
NO_NUMPY = "ignore:Failed to initialize NumPy:UserWarning"
"""What torch says where NumPy is not installed, which zoo does not need."""


def install_packages(session: nox.Session, *more: str) -> None:
    """Install the workspace's packages, editable, in the versions that the project is tested with."""
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
    session.run("pytest", *IN_PARALLEL, *session.posargs, env=ONE_THREAD)


@nox.session
def tests_full(session: nox.Session) -> None:
    """Run what is too slow for every day: the largest models, the long trainings."""
    install_packages(session, *groups(session, "test"))
    session.run("pytest", "-m", "slow", "-n", "2", *session.posargs, env=ONE_THREAD)


@nox.session
def mutation(session: nox.Session) -> None:
    """Take out one protection of fetching and reading after the other: tests must fail (a few minutes)."""
    install_packages(session, *groups(session, "test"))
    session.run("python", "tests/mutation_check.py", env=ONE_THREAD)


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


def build_wheels(session: nox.Session) -> None:
    """Build the wheels of all packages, once a run of nox."""
    if built:
        return
    session.install("-q", "build", "hatchling")
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    for folder in PACKAGES:
        session.run("python", "-m", "build", "-q", "-n", "-w", "-o", str(WHEELHOUSE), str(folder), silent=True)
    built.append(WHEELHOUSE)


@nox.session(reuse_venv=False)
@nox.parametrize(("package", "model"), WHEELS, ids=[package for package, _ in WHEELS])
def wheels(session: nox.Session, package: str, model: str) -> None:
    """Install one package from its wheel, with what it depends on and nothing else of the repo, and use it."""
    build_wheels(session)
    session.install("-q", "-c", "constraints.txt", "--find-links", str(WHEELHOUSE), package)
    check = Path("tests/wheel_check.py").absolute()
    session.chdir(session.create_tmp())
    session.run("python", "-I", "-W", "error", "-W", NO_NUMPY, str(check), package, model)
    if package == "zoo-digits":
        samples = session.run("python", "-c", "import zoo_digits; print(zoo_digits.__path__[0])", silent=True)
        session.run("zoo", "predict", f"{str(samples).strip()}/samples", "--topk", "1")


@nox.session
def ray(session: nox.Session) -> None:
    """Predict with Ray Data on two local workers."""
    install_packages(session, *groups(session, "ray"))
    session.run("python", "tests/ray_check.py", env={"RAY_USAGE_STATS_ENABLED": "0"})


@nox.session
def onnx(session: nox.Session) -> None:
    """Run exported detectors in ONNX Runtime, and compare."""
    install_packages(session, *groups(session, "test", "onnx"))
    session.run("pytest", "-m", "slow", "tests/detection/test_onnx.py", *session.posargs, env=ONE_THREAD)


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


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against torchvision, in one environment that holds both, and write docs/benchmarks.md.

    `-- start` runs benchmarks/start.py alone, and leaves the page as it is; `-- start folder report` runs two, and puts
    their tables into it.
    """
    # torchvision works with the one build of torch that it was made for.
    session.install("-q", *PEERS, env={"PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull})
    install_packages(session, *groups(session, "test"))  # models and inputs are those of the tests
    results = Path(session.create_tmp())
    for file in results.glob("results.*"):
        file.unlink()
    known = [*BENCHMARKS, "report"]
    are_names = set(session.posargs) <= set(known)
    failed = []
    for name in (session.posargs or known) if are_names else session.posargs[:1]:
        arguments = QUICK.get(name, []) if are_names else session.posargs[1:]
        try:
            session.run(
                "python",
                f"benchmarks/{name}.py",
                *arguments,
                env={"PYTHONPATH": "tests", "BENCHMARK_RESULTS": str(results)},
            )
        except nox.command.CommandFailed:  # the others go on: all of them take hours
            failed.append(name)
    session.log(f"the tables are in {results}: results.md, and results.jsonl for machines")
    if failed:
        session.error(f"Failed: {', '.join(failed)}.")


@nox.session(venv_backend="none")
def parity(session: nox.Session) -> None:
    """Exchange state with torchvision, compare outputs, print a table; `-- --quick` leaves out the largest models."""
    session.notify("bench", ["parity", *session.posargs])
