"""Tables that checks of hours write into pages."""

import pytest

from page_tables import PageTable

PAGE = """\
# A page

<!-- table of dogs -->
<!-- end of the table -->

Between | them |

<!-- table of cats -->
<!-- end of the table -->

## After it
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_a_table_is_read_as_it_was_written_and_the_rest_of_the_page_stays(page):
    dogs, cats = PageTable(page, "dogs"), PageTable(page, "cats")
    assert (dogs.columns(), dogs.rows()) == ([], {})
    dogs.write(["name", "age", "of"], {"Rex": ["3", ""], "Bello": ["4", "a \\1 b"]}, "Two dogs.")
    cats.write(["name"], {})
    assert (dogs.columns(), dogs.rows()) == (["age", "of"], {"Rex": ["3", ""], "Bello": ["4", "a \\1 b"]})
    assert cats.rows() == {}
    start, end = PAGE.index("<!-- end"), PAGE.index("<!-- end", PAGE.index("<!-- table of cats"))
    text = page.read_text()
    assert text.startswith(PAGE[:start] + "\nTwo dogs.\n\n| name | age | of |\n|---|---|---|\n| Rex | 3 |  |\n")
    assert text.endswith("<!-- table of cats -->\n\n| name |\n|---|\n\n" + PAGE[end:])
    dogs.write(["name"], {})
    cats.write(["name"], {})
    assert text.count("Two dogs") == 1
    assert "Two dogs" not in page.read_text()
    assert [path.name for path in page.parent.iterdir()] == ["page.md"]


def test_a_page_without_the_table_is_said_to_be_so_and_stays(page):
    with pytest.raises(ValueError, match=r"page\.md has no place for a table of birds.*<!-- table of birds -->"):
        PageTable(page, "birds").write(["name"], {"Tit": []})
    assert page.read_text() == PAGE
