"""The model card of a saved model."""

from collections.abc import Mapping
from typing import Any

from zoo_core.files import FileFact
from zoo_core.mirrors._markdown import card, front_matter, metrics_table, model_metadata, table

from ._config import CONFIG_NAME, Config


def model_card(title: str, config: Config, files: Mapping[str, FileFact], description: str) -> str:
    """Return the card of a saved model.

    Args:
        title: What the model is called.
        config: What the model says of itself.
        files: Its files, by name.
        description: What else there is to say, as Markdown.
    """
    parent = config.parent
    facts = {
        "Architecture": f"`{config.architecture}`",
        "Task": config.task,
        "Parameters": None if config.num_params is None else f"{config.num_params:,}",
        "Trained from": None if parent is None else f"`{parent['name']}`",
        "Licence": config.license,
        "Classes": None if config.categories is None else f"{len(config.categories):,}",
    }
    meta: dict[str, Any] = {"license": config.license, "_metrics": config.metrics}
    metrics = metrics_table(meta)
    return card(
        front_matter(model_metadata(title, config.task, meta)),
        f"# {title}",
        description,
        table(("", ""), [(name, value) for name, value in facts.items() if value]),
        f"## Metrics\n\n{metrics}" if metrics else "",
        f"## Preprocessing\n\n`{_preset_text(config)}`",
        "## Files",
        table(
            ("File", "Bytes", "SHA-256"),
            [(f"`{name}`", f"{fact.size:,}", f"`{fact.sha256}`") for name, fact in sorted(files.items())],
        ),
        "## Use",
        "With the folder on this machine; from a Hub, `hf-hub:organisation/name` is the name. Nothing in it is run: "
        f"`{CONFIG_NAME}` is data, and the weights are safetensors.",
        _use(title),
    )


def _preset_text(config: Config) -> str:
    arguments = (f"{name}={value!r}" for name, value in config.preprocessing.items() if name != "preset")
    return f"{config.preprocessing['preset']}({', '.join(arguments)})"


def _use(title: str) -> str:
    return (
        "```python\n"
        "from zoo_core import get_model, get_model_weights\n\n"
        f'model = get_model("local-dir:{title}").eval()\n'
        f'weights = get_model_weights("local-dir:{title}").DEFAULT\n'
        "preprocess = weights.transforms()\n"
        "```"
    )
