"""Protections of evaluation: classes by name, rows of others, samples counted once, what is told."""

from . import Mutation

RUN, CLASSES, PROCESSES = (f"evaluation/test_{name}.py::test_" for name in ("run", "classes", "processes"))

MUTATIONS = (
    Mutation(
        "classes found by their names",
        "zoo_evaluation/tasks/classification.py",
        "    return tuple(places[0] for places in found)",
        "    return tuple(range(len(found)))",
        (
            f"{RUN}classes_are_found_by_name_whatever_their_order",
            f"{CLASSES}a_class_is_found_by_its_name_however_that_is_written",
        ),
    ),
    Mutation(
        "classes that the model does not know",
        "zoo_evaluation/tasks/classification.py",
        "    unknown = [name for name in dataset.categories if _plain(name) not in known]\n",
        "    unknown = []\n    known = {_plain(name): known.get(_plain(name), [0]) for name in dataset.categories}\n",
        (f"{CLASSES}a_class_that_the_model_does_not_know_is_refused_with_both_names",),
    ),
    Mutation(
        "names of several classes",
        "zoo_evaluation/tasks/classification.py",
        "        if len(places) > 1:\n",
        "        if False:\n",
        (f"{CLASSES}a_name_of_two_classes_is_refused_and_can_be_told_apart",),
    ),
    Mutation(
        "numbers of classes that have one name",
        "zoo_evaluation/tasks/classification.py",
        "return name if self.categories.count(name) == 1 else",
        "return name if True else",
        (f"{CLASSES}classes_of_one_name_keep_their_own_numbers",),
    ),
    Mutation(
        "labels off by one",
        "zoo_evaluation/tasks/classification.py",
        "        _check_labels(dataset, len(categories))\n",
        "",
        (f"{CLASSES}labels_without_names_that_count_from_one_are_refused",),
    ),
    Mutation(
        "the number of classes that a model gives",
        "prediction/_classification.py",
        "        if logits.shape[1] != len(self.categories):",
        "        if False:",
        (f"{RUN}a_network_with_another_number_of_classes_is_refused",),
    ),
    Mutation(
        "a run in which nothing could be predicted on",
        "zoo_evaluation/_evaluate.py",
        '        if rows and all("error" in row for row in rows):',
        "        if False:",
        (f"{RUN}a_network_with_another_number_of_classes_is_refused",),
    ),
    Mutation(
        "what could not be read is told",
        "zoo_evaluation/_recording.py",
        "    if failures:\n",
        "    if False:\n",
        (f"{RUN}an_image_that_cannot_be_read_counts_as_wrong_and_is_told",),
    ),
    Mutation(
        "partial data sets are named so",
        "zoo_evaluation/_recording.py",
        "    if protocol.count is not None and protocol.count != len(dataset):",
        "    if False:",
        (f"{RUN}a_limited_data_set_is_named_partial_and_not_compared",),
    ),
    Mutation(
        "what a predictor keeps",
        "zoo_evaluation/_subject.py",
        "            if found != value:",
        "            if False:",
        (f"{RUN}a_predictor_that_keeps_too_few_classes_is_refused",),
    ),
    Mutation(
        "rows that were made otherwise",
        "zoo_evaluation/_run_folder.py",
        "        if made_by != self.made_by:",
        "        if False:",
        (f"{RUN}rows_of_other_data_or_another_model_are_refused_and_nothing_is_lost",),
    ),
    Mutation(
        "rows checked before anything is written",
        "zoo_evaluation/_evaluate.py",
        "        folder.check()\n",
        "",
        (f"{RUN}rows_of_other_data_or_another_model_are_refused_and_nothing_is_lost",),
    ),
    Mutation(
        "times that are kept",
        "zoo_evaluation/_evaluate.py",
        "_timing(0, 0.0) if before is None else before.timing",
        "_timing(0, 0.0)",
        (f"{RUN}numbers_computed_again_keep_the_times",),
    ),
    Mutation(
        "samples that another process has",
        "zoo_core/prediction/_sources.py",
        "    return islice(iter(sources), number - 1, None, count)",
        "    return islice(iter(sources), number - 1, None, 1)",
        (f"{PROCESSES}shards_meet_in_the_folder_and_the_last_one_gives_the_record",),
    ),
)
