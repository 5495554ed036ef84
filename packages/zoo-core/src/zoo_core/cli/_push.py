"""`zoo push`."""

import click

from zoo_core.saved import push_model

from ._common import quiet_option, user_errors
from ._completion import complete_folders
from ._terminal import echo, note


@click.command("push")
@click.argument("folder", metavar="FOLDER", shell_complete=complete_folders)
@click.argument("repo", metavar="ORG/NAME[@BRANCH]")
@click.option("--private", is_flag=True, help="Let a new repository be private.")
@click.option("--message", "-m", help="Of the commit.")
@quiet_option
def command(folder: str, repo: str, private: bool, message: str | None, quiet: bool) -> None:
    """Publish a saved model on a Hugging Face Hub; print the name that it has there, with its commit.

    FOLDER is what save_model() or `zoo train` has written. It is verified, and published in one commit; the repository
    is made if need be, a BRANCH must exist. Log in with `hf auth login`, or set HF_TOKEN. Everybody who may read the
    repository then uses the model by its name, and gets the same tensors, verified.

    \b
    zoo push runs/digits organisation/digits
    zoo predict photos/ --model hf-hub:organisation/digits
    """
    with user_errors():
        published = push_model(folder, repo, private=private, message=message)
    note(f"{folder} is published as {published.partition('@')[0]}", quiet=quiet)
    echo(published)
