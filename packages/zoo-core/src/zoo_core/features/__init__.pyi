from ._extract import extract_features as extract_features
from ._extractor import FeatureExtractor as FeatureExtractor
from ._list import list_features as list_features
