"""Protections of exported files: what the certificate notices, what is replaced, whose weights they are."""

from . import Mutation

EXPORT, CERTIFICATE, FORMATS = (f"export/test_{name}.py::test_" for name in ("export", "certificate", "formats"))

MUTATIONS = (
    Mutation(
        "differences above the tolerance",
        "zoo_export/certificate/_certificate.py",
        "return compared.agrees and compared.difference <= self.tolerance",
        "return compared.agrees",
        (f"{EXPORT}a_file_that_was_there_stays_as_it_is_when_the_new_one_does_not_hold",),
    ),
    Mutation(
        "resizing as the model's preprocessing does it",
        "zoo_export/_resize.py",
        "scale.clamp(min=1.0) if antialias else",
        "scale.clamp(min=1.0) if False else",
        (f"{CERTIFICATE}a_certificate_lies_beside_the_file_and_says_what_was_compared",),
    ),
    Mutation(
        "nothing half written",
        "zoo_export/_export.py",
        "        shutil.rmtree(folder, ignore_errors=True)\n",
        "        pass\n",
        (f"{EXPORT}an_interrupt_leaves_nothing_half_written",),
    ),
    Mutation(
        "certificates of other files",
        "zoo_export/_export.py",
        "            file.unlink(missing_ok=True)\n",
        "            pass\n",
        (f"{EXPORT}a_file_without_certificate_does_not_keep_that_of_the_one_before",),
    ),
    Mutation(
        "weights that are others now",
        "zoo_export/_export.py",
        "    if facts.sha256 and digest and not (",
        "    if False and not (",
        (f"{EXPORT}weights_that_are_others_now_are_told",),
    ),
    Mutation(
        "entities in XML",
        "zoo_export/formats/_xml.py",
        "    parser.EntityDeclHandler = refuse\n",
        "",
        (f"{FORMATS}entities_in_xml_are_refused",),
    ),
)
