"""Where files come from: a folder, a web server, a Hugging Face Hub repository, the publisher's URL."""
