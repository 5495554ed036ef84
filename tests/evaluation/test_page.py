"""docs/evaluation.md states the layouts and protocols that there are."""

from evaluation.page_tables import PAGE, with_tables


def test_the_page_has_every_layout_and_protocol():
    page = PAGE.read_text()
    assert page == with_tables(page), "Run `python tests/evaluation/page_tables.py`."
