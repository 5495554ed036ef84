from ._extract import extract_features as extract_features
from ._extractor import FeatureExtractor as FeatureExtractor
from ._graph_nodes import create_feature_extractor as create_feature_extractor
from ._graph_nodes import get_graph_node_names as get_graph_node_names
from ._list import list_features as list_features
