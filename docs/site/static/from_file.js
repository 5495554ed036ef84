// A browser lets no script read the pages of a site that is opened from a file: the search then finds pages all the same,
// but shows nothing of their texts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
