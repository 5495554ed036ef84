"""Every routine command of the project: `nox -l` lists them."""

import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "examples", "docs", "tests", "hub"]
nox.options.error_on_missing_interpreters = True

PACKAGES = sorted(path.parent for path in Path("packages").glob("*/pyproject.toml"))
WHEELS = [
    ("zoo-classification", "resnet18"),
    ("zoo-segmentation", "lraspp_mobilenet_v3_large"),
    ("zoo-detection", "fasterrcnn_mobilenet_v3_large_320_fpn"),
    ("zoo-flow", "raft_small"),
    ("zoo-video", "r3d_18"),
    ("zoo-digits", "shufflenet_v2_x0_5_digits"),
    ("zoo-torchvision", "resnet18"),
    ("zoo-evaluation", None),
    ("zoo-training", None),
    ("zoo-export", None),
]
"""The packages that are tried from their wheels, each in an environment of its own, and a model to build, if any."""
WHEELHOUSE = Path("build/wheels").absolute()
RELEASE = Path("build/release").absolute()
built: list[Path] = []
"""Where wheels are, once this run of nox has built them."""
PEERS = ["torch==2.13.0", "torchvision==0.28.0"]
BENCHMARKS = ["start", "ready", "fetch", "forward", "optimized", "int8", "operators", "detection"]
BENCHMARKS += ["detection_steps", "folder", "video_decoding", "metrics", "evaluation", "training", "export"]
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
    """Predict the sample digits with the embedded model, and check its published number."""
    install_packages(session, "-e", "packages/zoo-digits[held-out]")
    samples = Path("packages/zoo-digits/src/zoo_digits/samples")
    session.run("zoo", "predict", str(samples), "--topk", "2")
    held_out = Path(session.create_tmp()) / "held_out"
    shutil.rmtree(held_out, ignore_errors=True)
    session.run("python", "-m", "zoo_digits.held_out", str(held_out))
    session.run("zoo", "evaluate", "shufflenet_v2_x0_5_digits", str(held_out), "--assert-within", "0.001")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; more arguments go to pytest."""
    install_packages(session, *groups(session, "test"))
    session.run("pytest", *IN_PARALLEL, *session.posargs, env=ONE_THREAD)


@nox.session
def matrix(session: nox.Session) -> None:
    """Run tests and exports with other versions of PyTorch and Python (hours); `-- quick` takes oldest and newest.

    `-- torch-2.6` takes that one, `-- torch-2.6 --again` what failed there, and `-- torch-2.6 -- -k nms` gives pytest
    the rest.
    """
    session.install("-q", "packaging")
    session.run("python", "tests/matrix_check.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests run, in the processes that they start, too; more goes to pytest."""
    install_packages(session, *groups(session, "test", "coverage"))
    session.run("coverage", "erase")
    session.run("pytest", "--cov", *IN_PARALLEL, *session.posargs, env=ONE_THREAD)


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
def fuzz(session: nox.Session) -> None:
    """Damage files at random, five minutes a reader, in bounded memory; `-- 30` takes thirty seconds each."""
    install_packages(session, *groups(session, "test"))
    session.run("python", "-m", "fuzz", *session.posargs, env=ONE_THREAD | {"PYTHONPATH": "tests", "SVT_LOG": "0"})


@nox.session
def first_contact(session: nox.Session) -> None:
    """Do what README and the pages after it say, from nothing but Python and git: each command as it stands there."""
    session.run("python", "tests/first_contact_check.py", *session.posargs, env=ONE_THREAD)


@nox.session
def pictures(session: nox.Session) -> None:
    """Draw the pictures of docs/pictures: the terminal, results of each task, models, neighbours among digits."""
    install_packages(session, "-e", "packages/zoo-digits[held-out]", *groups(session, "pictures"))
    session.run("python", "examples/draw_pictures.py", "docs/pictures", env=ONE_THREAD | {"PYTHONPATH": "docs/site"})


@nox.session
def video_table(session: nox.Session) -> None:
    """Print which containers and codecs are read rightly, in every way of reading."""
    install_packages(session, *groups(session, "test"))
    session.run("python", "tests/video_table_check.py", env=ONE_THREAD | {"PYTHONPATH": "tests", "SVT_LOG": "0"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, and which way modules import each other."""
    session.install("-q", "-c", "constraints.txt", *groups(session, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", env={"PYTHONPATH": os.pathsep.join(map(str, Path().glob("packages/*/src")))})


LOOSELY = ["--cache-dir=.mypy_cache/scripts", "--allow-untyped-calls", "--no-warn-return-any"]
LOOSELY += ["--disable-error-code=operator", "--disable-error-code=union-attr"]
"""How the types of benchmarks and trainings are checked, as pyproject.toml has it for tests."""


@nox.session
def types(session: nox.Session) -> None:
    """Check types: strictly in packages, and what tests, examples and benchmarks state of theirs."""
    install_packages(session, *groups(session, "types"))
    session.run("mypy")
    # By themselves, for a benchmark may be called as a folder of tests is.
    scripts = ["benchmarks", "packages/zoo-digits/training"]
    session.run("mypy", *LOOSELY, *scripts, env={"MYPYPATH": os.pathsep.join(scripts)})


@nox.session
def examples(session: nox.Session) -> None:
    """Run the examples of docstrings, and the Python blocks of the README files and of docs/."""
    install_packages(session, *groups(session, "test"))
    session.run("pytest", *IN_PARALLEL, *session.posargs, "tests/examples_check.py", env=ONE_THREAD)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into build/site/html; warnings are errors. `-- v1.2.3` has links lead to that tag."""
    install_packages(session, *groups(session, "docs"))
    site = Path("build/site")
    shutil.rmtree(site, ignore_errors=True)
    env = ONE_THREAD | {"PYTHONPATH": "docs/site"}
    session.run("python", "-m", "zoo_site", str(site / "source"), *session.posargs, env=env)
    build = ["sphinx-build", "-q", "-T", "-W", "--keep-going", "-n", "-j", "auto", "-c", "docs/site"]
    session.run(*build, "-d", str(site / "doctrees"), str(site / "source"), str(site / "html"), env=env)
    (site / "html" / "versions.json").write_text("[]\n", encoding="utf-8")  # served by itself, it is the only version
    session.log(f"the site is in {site.absolute() / 'html'}: open index.html")


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
def wheels(session: nox.Session, package: str, model: str | None) -> None:
    """Install one package from its wheel, with what it depends on and nothing else of the repo, and use it."""
    environment = Path(session.virtualenv.location).absolute()
    build_wheels(session)
    # Each environment is used once: compiling all of PyTorch takes longer than compiling what is imported.
    session.install("-q", "--no-compile", "-c", "constraints.txt", "--find-links", str(WHEELHOUSE), package)
    check = Path("tests/wheel_check.py").absolute()
    with session.chdir(session.create_tmp()):
        session.run("python", "-I", "-W", "error", "-W", NO_NUMPY, str(check), package, *filter(None, [model]))
        if package == "zoo-digits":
            samples = session.run("python", "-c", "import zoo_digits; print(zoo_digits.__path__[0])", silent=True)
            session.run("zoo", "predict", f"{str(samples).strip()}/samples", "--topk", "1")
    shutil.rmtree(environment)  # ten of them with PyTorch are more than many disks have room for


@nox.session(reuse_venv=False)
def release(session: nox.Session) -> None:
    """Build the archives of all packages, check and install them, and write sums and notes; `-- v1.2.3` is the tag."""
    shutil.rmtree(RELEASE, ignore_errors=True)
    archives = RELEASE / "dist"
    session.install("-q", "build", "hatchling>=1.27", "twine")
    for folder in PACKAGES:  # each wheel from its source archive, so that this one is whole
        session.run("python", "-m", "build", "-q", "-n", "-o", str(archives), str(folder), silent=True)
    session.run("twine", "check", "--strict", *map(str, sorted(archives.iterdir())))
    session.run("python", "tests/release_check.py", str(RELEASE), *session.posargs)
    session.install("-q", "-c", "constraints.txt", *third_party_requirements())
    session.install("-q", "--no-index", "--find-links", str(archives), *(package.name for package in PACKAGES))
    check = Path("tests/wheel_check.py").absolute()
    session.chdir(session.create_tmp())
    for package, model in WHEELS:
        session.run("python", "-I", "-W", "error", "-W", NO_NUMPY, str(check), package, *filter(None, [model]))
    session.log(f"the archives, their sums and the notes are in {RELEASE}")


@nox.session
def ray(session: nox.Session) -> None:
    """Predict and evaluate with Ray Data on two local workers."""
    install_packages(session, *groups(session, "ray"))
    session.run("python", "tests/ray_check.py", env={"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": "examples"})


@nox.session
def training_examples(session: nox.Session) -> None:
    """Train with Lightning, with Accelerate, with Ray Train on two local workers, and with adapters of peft."""
    install_packages(session, *groups(session, "training-examples"))
    environment = ONE_THREAD | {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": "examples"}  # where workers look, too
    session.run("python", "tests/training_examples_check.py", env=environment)


@nox.session
def packed(session: nox.Session) -> None:
    """Make a program with PyInstaller, and run it where nothing of zoo is installed; it needs binutils."""
    install_packages(session, *groups(session, "packed"))
    work = Path(session.create_tmp())
    where = ["--distpath", str(work / "dist"), "--workpath", str(work / "build"), "--specpath", str(work)]
    session.run("pyinstaller", "--noconfirm", "--log-level", "WARN", *where, "tests/packed_program.py")
    program = work / "dist" / "packed_program" / "packed_program"
    session.run(str(program), external=True, env={"PYTHONPATH": ""})


CLIENTS = {"torchmetrics": "1.9", "segmentation-models-pytorch": "0.6", "timm": "1.0.31"}
"""Libraries that import torchvision, in the versions that are tried with zoo-torchvision."""


@nox.session
def torchvision_clients(session: nox.Session) -> None:
    """Run libraries that import torchvision on zoo-torchvision, in an environment that has no torchvision."""
    install_packages(session, *groups(session, "test", "clients"))
    session.install("-q", "--no-deps", *(f"{name}>={version}" for name, version in CLIENTS.items()))
    session.run("pytest", "tests/clients_check.py", *session.posargs, env=ONE_THREAD)


@nox.session
def onnx(session: nox.Session) -> None:
    """Run exported detectors, and small networks of all tasks, in ONNX Runtime, and compare; and the page about it."""
    install_packages(session, *groups(session, "test", "onnx"))
    tests = ("tests/detection/test_onnx.py", "tests/export/test_formats.py")
    session.run("pytest", "-m", "slow", *tests, *session.posargs, env=ONE_THREAD)
    session.run("pytest", "tests/examples_check.py", "-k", "export.md", env=ONE_THREAD)


@nox.session
def onnx_table(session: nox.Session) -> None:
    """Export every network to ONNX, compare in ONNX Runtime, and print a table (hours); `-- swin_t` takes that one."""
    install_packages(session, *groups(session, "test", "onnx"))
    session.run("python", "tests/onnx_table_check.py", *session.posargs, env=ONE_THREAD | {"PYTHONPATH": "tests"})


@nox.session
def export(session: nox.Session) -> None:
    """Export every model to every format, compare, and write docs/export.md (hours); `-- swin_t raft_small` takes some.

    A model that has a row is tried again only if it is named; `-- --anew` drops the rows, which other versions need.
    """
    install_packages(session, *groups(session, "test", "export"))
    session.run("pytest", "-m", "slow or not slow", "tests/export", env=ONE_THREAD)
    session.run("python", "tests/export_table_check.py", *session.posargs, env=ONE_THREAD | {"PYTHONPATH": "tests"})
    if not session.posargs:
        session.run("python", "tests/export_compiled_check.py", env=ONE_THREAD | {"PYTHONPATH": "tests"})


SERVERS = {"kserve": "0.15", "litserve": "0.2.10", "python-multipart": "0.0.20", "ray[serve]": "2.40"}
SERVERS |= {"tritonclient[grpc]": "2.50"}
"""Libraries that serve exported files. In a group of pyproject.toml they would hold the lock file's protobuf back."""


@nox.session
def serving(session: nox.Session) -> None:
    """Run exported files where ONNX Runtime alone is installed, and in the servers of examples/."""
    servers = [f"{name}>={version}" for name, version in SERVERS.items()]
    install_packages(session, *groups(session, "test", "onnx"), *servers)
    alone = Path(session.create_tmp()) / "alone"
    session.run("python", "-m", "venv", "--clear", str(alone))
    python = str(alone / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", *groups(session, "onnx-alone"), external=True)
    environment = ONE_THREAD | {"PYTHON_WITH_ONNXRUNTIME_ALONE": python, "RAY_USAGE_STATS_ENABLED": "0"}
    environment["RAY_TMPDIR"] = tempfile.gettempdir()  # in the session's own folder, Ray was seen to hang at its start
    session.run("pytest", "--show-capture=no", "tests/serving_check.py", *session.posargs, env=environment)


@nox.session
def browser(session: nox.Session) -> None:
    """Drop pictures on the page of examples/browser in headless Chromium; `-- --picture` keeps the one of the docs.

    It needs npm and Chromium.
    """
    install_packages(session, *groups(session, "test", "browser"))
    site = Path(session.create_tmp()) / "site"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree("examples/browser", site, ignore=shutil.ignore_patterns("node_modules", "*.onnx"))
    session.run("npm", "install", "--prefix", str(site), "--ignore-scripts", "--no-audit", "--no-fund", external=True)
    session.run("pytest", "--show-capture=no", "tests/browser_check.py", env=ONE_THREAD | {"BROWSER_SITE": str(site)})
    if "--picture" in session.posargs:
        shutil.copy(site / "browser.png", "docs/pictures/browser.png")


AXE = "axe-core@4.14.1"
"""What looks for barriers on pages, from npm's registry."""


@nox.session
def site_browser(session: nox.Session) -> None:
    """Use the site that `nox -s docs` has built in headless Chromium, check it with axe, weigh it, and take pictures.

    It needs npm and Chromium. The pictures are in build/site/pictures, to be looked at.
    """
    install_packages(session, *groups(session, "test", "site-browser"))
    tools = Path(session.create_tmp()) / "tools"
    npm = ["npm", "install", "--prefix", str(tools), "--ignore-scripts", "--no-audit", "--no-fund", AXE]
    session.run(*npm, external=True)
    axe = tools / "node_modules" / "axe-core" / "axe.min.js"
    environment = {"SITE": "build/site/html", "SITE_PICTURES": "build/site/pictures", "AXE": str(axe)}
    session.run("pytest", "--show-capture=no", *session.posargs, "tests/site_browser_check.py", env=environment)


@nox.session
def digits(session: nox.Session) -> None:
    """Measure the embedded digit model on the held-out digits; `-- --train` trains it again first."""
    install_packages(session, *groups(session, "test"))
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
    install_packages(session, *groups(session, "test", "export"))  # models and inputs are those of the tests
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


@nox.session
def gpu(session: nox.Session) -> None:
    """Compare every model on the GPU with the CPU, and time operators, loading and forward passes there (minutes).

    `-- --device cpu --models resnet18` does it on the CPU for one model.
    """
    install_packages(session, *groups(session, "test"))
    session.run("python", "benchmarks/devices.py", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(venv_backend="none")
def parity(session: nox.Session) -> None:
    """Exchange state with torchvision, compare outputs, print a table; `-- --quick` leaves out the largest models.

    `-- --api` compares names and signatures instead, and writes a summary into docs/compatibility.md.
    """
    session.notify("bench", ["api"] if "--api" in session.posargs else ["parity", *session.posargs])
