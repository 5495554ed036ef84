from ._certificate import Certificate as Certificate
from ._certificate import CertificateError as CertificateError
from ._certificate import Compared as Compared
from ._certificate import certificate_path as certificate_path
from ._certify import certify as certify
from ._difference import first_difference as first_difference
