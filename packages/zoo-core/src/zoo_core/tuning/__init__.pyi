from ._average import ExponentialMovingAverage as ExponentialMovingAverage
from ._average import average_states as average_states
from ._freeze import freeze as freeze
from ._freeze import main_classifier as main_classifier
from ._freeze import train_unfrozen as train_unfrozen
from ._groups import parameter_groups as parameter_groups
